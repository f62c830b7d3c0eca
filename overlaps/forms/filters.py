"""What a list can be filtered by, and what a population's conditions are made of: one set of fields for both."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self
from uuid import UUID

from core.models import Membership
from overlaps.countries import countries
from overlaps.filters import EXTRA, AccountFilter
from overlaps.models import Source
from overlaps.vocabulary import Vocabulary
from partners.models import CustomPopulation, Partner, Population


@dataclass(frozen=True)
class Values:
    """A field that may have one of several values: those that are chosen, and what one more may be."""

    name: str
    label: str
    chosen: tuple[str, ...]
    known: list[str]


@dataclass(frozen=True)
class FilterFields:
    """The fields as a filter fills them. `AccountFilter.asked_for` reads what the form sends; nothing is wrong there.

    With a member: for a list, which has filters that no condition may have.
    """

    filter: AccountFilter
    member: Membership | None
    partner: UUID | None

    @classmethod
    def of(
        cls, filter: AccountFilter, *, member: Membership | None = None, partner: UUID | None = None
    ) -> Self:
        return cls(filter, member, partner)

    def _chosen(self, field: str) -> tuple[str, ...]:
        return self.filter.values.get(field, ())

    @cached_property
    def words(self) -> Vocabulary:
        return Vocabulary.of_list()

    @property
    def populations(self) -> list[tuple[str, str, bool]]:
        return [(value, label, value in self._chosen("population")) for value, label in Population.choices]

    @property
    def segments(self) -> list[tuple[str, str, bool]]:
        if self.member is None:
            return []
        own = CustomPopulation.objects.order_by("name")
        return [(one.code.value, one.name, one.code.value in self._chosen("segment")) for one in own]

    @property
    def sources(self) -> list[tuple[str, str, bool]]:
        named = Source.objects.order_by("name").values_list("pk", "name")
        return [(str(pk), name, str(pk) in self._chosen("source")) for pk, name in named]

    @property
    def partners(self) -> list[Partner]:
        return list(Partner.objects.connected().visible_to(self.member).by_name()) if self.member else []

    @property
    def texts(self) -> list[Values]:
        return [
            Values("owner", "Owner", self._chosen("owner"), self.words.owners),
            Values("stage", "Stage", self._chosen("stage"), self.words.stages),
            Values("tag", "Tag", self._chosen("tag"), self.words.tags),
        ]

    @property
    def countries(self) -> list[tuple[str, str]]:
        return [pair for pair in countries() if pair[0] not in self._chosen("country")]

    @property
    def chosen_countries(self) -> list[tuple[str, str]]:
        return [pair for pair in countries() if pair[0] in self._chosen("country")]

    @property
    def extras(self) -> list[tuple[str, str, str]]:
        """(field, custom field, value) of those that are chosen."""
        return [
            (field, field.removeprefix(EXTRA), value)
            for field, values in self.filter.values.items()
            if field.startswith(EXTRA)
            for value in values
        ]

    @property
    def amount_from(self) -> str:
        return "".join(self._chosen("amount_from"))

    @property
    def amount_to(self) -> str:
        return "".join(self._chosen("amount_to"))

    @property
    def switches(self) -> list[tuple[str, str, str, str, str]]:
        """(name, label, value, what "yes" is called, what "no" is called)"""
        return [
            (
                "private",
                "Private",
                "".join(self._chosen("private")),
                "Private ones only",
                "Without private ones",
            ),
            ("gone", "Gone", "".join(self._chosen("gone")), "Gone ones only", "Without those that are gone"),
        ]
