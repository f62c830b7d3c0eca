from functools import cached_property
from typing import Any

from django import forms
from django.http import QueryDict

from core.models import Membership
from overlaps import dryrun, populations
from overlaps.dryrun import DryRun
from overlaps.exposure import Audience, Exposure
from overlaps.filters import AccountFilter
from overlaps.forms.filters import FilterFields
from partners.models import Custom, CustomPopulation
from workspaces.forms.fields import OneLineField


class PopulationForm(forms.Form):
    """A name, and conditions as a list's filter has them. `shown`: the stamp of the consequence that the person saw."""

    name = OneLineField(
        max_length=60, help_text="A partner to whom you show it reads this name; never its conditions."
    )

    shown = forms.RegexField(r"^[0-9a-f]{16}$", required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None,
        *,
        asked: QueryDict,
        population: CustomPopulation | None = None,
        by: Membership,
    ) -> None:
        name = asked.get("name", population.name if population else "")
        super().__init__(data, initial={"name": name})
        self.population, self.by, self.must_confirm = population, by, False
        self.conditions = self._conditions(asked if data is None else data)

    def _conditions(self, asked: QueryDict) -> AccountFilter:
        if self.population and not self.is_bound and not asked:
            return AccountFilter.stored(self.population.conditions)
        # Of other populations of our own making nothing may depend on a circle.
        return AccountFilter.asked_for(asked).having(segment=[])

    @property
    def fields_of_filter(self) -> FilterFields:
        return FilterFields.of(self.conditions)

    @cached_property
    def effect(self) -> populations.Effect:
        return populations.effect(self.conditions, self.population)

    @cached_property
    def exposures(self) -> list[Exposure]:
        """What partners may newly see at most, while conditions are tried: nothing is matched for it."""
        if self.population is None:
            return []
        code: Custom = self.population.code
        return Audience.of(self.by).exposures({code.value: self.effect.opened}, [code])

    def clean(self) -> dict[str, Any]:
        if not self.conditions:
            raise forms.ValidationError("Choose at least one condition.")
        return super().clean()

    def succeeds(self) -> bool:
        """False: the form now says why not, or (`must_confirm`) what has to be confirmed."""
        if not self.is_valid():
            return False
        try:
            self._save(name=self.cleaned_data["name"], conditions=self.conditions, by=self.by)
        except dryrun.Changed:
            self.must_confirm = True
        except populations.NameTaken:
            self.add_error("name", "There is a population of this name already.")
        except populations.TooMany:
            self.add_error(
                None, f"There are {populations.MOST} populations of your own making. Remove one first."
            )
        return not self.errors and not self.must_confirm

    @cached_property
    def dry_run(self) -> DryRun:
        return dryrun.of_conditions(self.population, self.conditions, self.by)

    def _save(self, **values: Any) -> None:
        if self.population is None:
            populations.make(**values)
            return
        told = self.dry_run
        shown = self.cleaned_data["shown"] if told.concerned else told.stamp
        dryrun.change_conditions(self.population, **values, shown=shown)
