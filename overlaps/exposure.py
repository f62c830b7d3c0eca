"""What partners may come to see of some accounts of ours.

Upper bounds, from our own list and our own rules alone: whoever edits accounts and reads these numbers learns nothing
of a partner's list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, Count, F, Func, Q, QuerySet
from django.utils import timezone

from core.models import Membership
from partners.models import Custom, Level, Partner, Population, SharingRule
from partners.models.sharing import field_label


@dataclass(frozen=True)
class Exposure:
    """Accounts in one population, and how many partners are shown those of them that both have, or all."""

    population: Population | Custom
    accounts: int
    matched: int
    all: int

    def __str__(self) -> str:
        return f"{counted(self.accounts, 'account')} in {self.population.label}: {self.audience}."

    @property
    def audience(self) -> str:
        seen = []
        if self.matched:
            seen.append(f"{counted(self.matched, 'partner')} may see those that they have too")
        if self.all:
            seen.append(f"{counted(self.all, 'partner')} will see all of them")
        return " and ".join(seen)


@dataclass(frozen=True)
class Audience:
    """The rules by which partners are shown names now, as far as a member may know of these partners."""

    rules: list[tuple[UUID, str, str, list[str]]]  # partner, population, level, fields

    @classmethod
    def of(cls, member: Membership) -> Self:
        partners = Partner.objects.connected().visible_to(member).exclude(state=Partner.State.OFFLINE)
        names = [level.value for level in Level if level.shows_names]
        there = Q(ends_on=None) | Q(ends_on__gte=timezone.localdate())
        rules = SharingRule.objects.filter(there, partner__in=partners, level__in=names)
        return cls(list(rules.values_list("partner_id", "population", "level", "fields")))

    def sees(self, population: str, level: Level) -> int:
        return sum(rule[1:3] == (population, level) for rule in self.rules)

    def shown(self, field: str) -> int:
        """To how many partners this field is shown beside the names that they see."""
        return len({partner for partner, _, _, fields in self.rules if field in fields})

    def exposures(
        self, accounts: Mapping[str, int], populations: Iterable[Population | Custom]
    ) -> list[Exposure]:
        """Of so many accounts in these populations, where a partner may see one of them by name."""
        found = [
            Exposure(
                p, accounts.get(p.value, 0), self.sees(p.value, Level.OVERLAPS), self.sees(p.value, Level.ALL)
            )
            for p in populations
        ]
        return [exposure for exposure in found if exposure.accounts and exposure.matched + exposure.all]

    def told(self, fields: Iterable[str]) -> list[str]:
        """In words, for fields that are about to change."""
        return [
            f"{counted(number, 'partner')} may see the new {field_label(field)}, where they see one of these accounts."
            for field in fields
            if (number := self.shown(field))
        ]


def per_population(accounts: QuerySet) -> dict[str, int]:
    """How many of these accounts are in each population, of our own making too."""
    code = CharField()
    places = Func(F("population"), F("segments"), function="array_prepend", output_field=ArrayField(code))
    each = accounts.order_by().annotate(place=Func(places, function="unnest", output_field=code))
    return dict(each.values_list("place").annotate(Count("pk")))


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
