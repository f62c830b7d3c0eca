"""What a partner, or every partner without a rule of its own, is to see of each population."""

from dataclasses import replace
from functools import cached_property, reduce
from operator import or_
from typing import Any, NamedTuple, Self

from django import forms
from django.utils import timezone

from core.models import Membership
from overlaps import dryrun
from overlaps.dryrun import DryRun, Figures
from partners.models import (
    Custom,
    FieldPreset,
    Level,
    Partner,
    Population,
    Share,
    Shares,
    SharingDefault,
    stamp,
)

OPEN_AGAIN = {"invalid": "Please open the page again.", "required": "Please open the page again."}


class Row(NamedTuple):
    """The controls of one population."""

    population: Population | Custom
    share: Share  # as it is now
    default: Share
    level: forms.BoundField
    preset: forms.BoundField
    until: forms.BoundField | None
    follows: forms.BoundField | None


class Change(NamedTuple):
    population: Population | Custom
    before: Share
    after: Share
    figures: Figures


class RulesForm(forms.Form):
    """By population a level, a set of fields and, where `dated`, a last day. What is not sent stays as it is.

    `seen` is the stamp of the rules that the person was shown, `shown` that of the consequences.
    """

    seen = forms.RegexField(r"^[0-9a-f]{16}$", widget=forms.HiddenInput, error_messages=OPEN_AGAIN)
    shown = forms.RegexField(r"^[0-9a-f]{16}$", required=False, widget=forms.HiddenInput)
    dated = False

    def __init__(self, data: Any = None, *, by: Membership) -> None:
        super().__init__(data)
        self.by = by
        self.initial["seen"] = stamp(self.now)
        for population, share in self.now.items():
            self._add(population, share)

    @cached_property
    def now(self) -> Shares:
        raise NotImplementedError

    @cached_property
    def presets(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        return FieldPreset.choices()

    def _add(self, population: Population | Custom, share: Share) -> None:
        code = population.value
        self.fields[code] = forms.ChoiceField(
            required=False,
            choices=[(level.value, level.short) for level in Level],
            initial=share.level,
            label=population.label,
            widget=forms.RadioSelect({"class": "sr"}),
        )
        self.fields[f"{code}-preset"] = forms.ChoiceField(
            required=False,
            choices=[(key, name) for key, (name, _) in self.presets.items()],
            initial=share.preset,
            label=f"Fields of {population.label}",
        )
        if self.dated:
            self.fields[f"{code}-until"] = forms.DateField(
                required=False,
                initial=share.until,
                label=f"Last day for {population.label}",
                widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
            )
            self.fields[f"{code}-follows"] = forms.BooleanField(
                required=False,
                initial=share.follows,
                label=f"{population.label} as the workspace’s default",
            )

    @property
    def rows(self) -> list[Row]:
        return [
            Row(
                population,
                share,
                self.defaults[population],
                self[population.value],
                self[f"{population.value}-preset"],
                self[f"{population.value}-until"] if self.dated else None,
                self[f"{population.value}-follows"] if self.dated else None,
            )
            for population, share in self.now.items()
        ]

    @cached_property
    def defaults(self) -> Shares:
        return SharingDefault.shares(self.now)

    # -- sent ---------------------------------------------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        for population in self.now:
            until = values.get(f"{population.value}-until")
            if until and until < timezone.localdate() and until != self.now[population].until:
                self.add_error(f"{population.value}-until", "Choose a day from today on.")
        return values

    @cached_property
    def wanted(self) -> Shares:
        """Of the populations that change."""
        found = {population: self._share(population, share) for population, share in self.now.items()}
        return {population: share for population, share in found.items() if share != self.now[population]}

    def _share(self, population: Population | Custom, now: Share) -> Share:
        code, values = population.value, self.cleaned_data
        if values.get(f"{code}-follows"):
            return replace(self.defaults[population], follows=True)
        level = Level(values[code] or now.level)
        preset = values[f"{code}-preset"] or now.preset
        fields = now.fields if preset == now.preset else self.presets[preset][1]
        until = values.get(f"{code}-until") if f"{code}-until" in self.data else now.until
        share = Share(level, preset, fields, until if level is not Level.HIDDEN else None)
        # Who sent nothing but levels says nothing of whether it follows the default.
        whole = f"{code}-preset" in self.data
        return now if not whole and replace(share, follows=now.follows) == now else share

    @cached_property
    def dry_run(self) -> DryRun:
        raise NotImplementedError

    @property
    def changes(self) -> list[Change]:
        return [Change(p, self.now[p], share, self._figures(p)) for p, share in self.wanted.items()]

    def _figures(self, population: Population | Custom) -> Figures:
        found = (one.of.get(population.value, Figures()) for one in self.dry_run.consequences)
        return reduce(or_, found, Figures())

    @property
    def sent(self) -> list[tuple[str, str]]:
        """To send the same once more, with what the person saw now."""
        kept = [(name, self.data[name]) for name in self.fields if name in self.data]
        return [(name, value) for name, value in kept if name not in {"seen", "shown"}]

    def anew(self) -> Self:
        """What was sent, against the rules of now."""
        raise NotImplementedError

    def act(self) -> None:
        raise NotImplementedError

    @property
    def is_stale(self) -> bool:
        return self.cleaned_data["seen"] != stamp(self.now)


class SharingForm(RulesForm):
    """Of one partner."""

    dated = True

    def __init__(self, data: Any = None, *, partner: Partner, by: Membership) -> None:
        self.partner = partner
        super().__init__(data, by=by)

    @cached_property
    def now(self) -> Shares:
        return self.partner.shares

    @cached_property
    def dry_run(self) -> DryRun:
        return dryrun.of_rules(self.partner, self.wanted)

    def anew(self) -> Self:
        self.partner.forget_shares()
        return type(self)(self.data, partner=self.partner, by=self.by)

    def act(self) -> None:
        """Raises Partner.Changed and dryrun.Changed."""
        values = self.cleaned_data
        dryrun.share(self.partner, self.wanted, seen=values["seen"], shown=values["shown"], by=self.by)


class DefaultsForm(RulesForm):
    """Of every partner without a rule of its own."""

    @cached_property
    def now(self) -> Shares:
        return SharingDefault.shares()

    @property
    def defaults(self) -> Shares:
        return self.now

    @cached_property
    def dry_run(self) -> DryRun:
        return dryrun.of_defaults(self.wanted)

    def anew(self) -> Self:
        return type(self)(self.data, by=self.by)

    def act(self) -> None:
        """Raises Partner.Changed and dryrun.Changed."""
        values = self.cleaned_data
        dryrun.change_defaults(self.wanted, seen=values["seen"], shown=values["shown"], by=self.by)
