"""What a change of sharing would reveal and take away, in numbers that a person confirms before it happens.

A number that may not be known stands as "fewer than 5", "35 to 39" or "at most 120": see docs/sharing.md.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, reduce
from hashlib import sha256
from operator import or_
from typing import Self

from django.db import transaction
from django.db.models import Q, QuerySet

from core.models import Membership
from overlaps import matching, populations
from overlaps.filters import AccountFilter
from overlaps.models import Account
from partners.models import (
    Connection,
    CustomPopulation,
    FieldPreset,
    Partner,
    Population,
    Shares,
    SharingDefault,
    SharingRule,
    stamp,
)
from partners.models.defaults import follows
from partners.models.sharing import Rules, field_label

NAME = "name"  # a field that no preset names, because each shows it


class Changed(Exception):
    """What would happen is not what the person was shown."""


@dataclass(frozen=True)
class Number:
    """At least and at most so many; one number where it may be known."""

    least: int = 0
    most: int = 0

    def __add__(self, other: "Number") -> "Number":
        return Number(self.least + other.least, self.most + other.most)

    def __bool__(self) -> bool:
        return self.most > 0

    def __str__(self) -> str:
        if self.least == self.most:
            return f"{self.most:,}"
        if self.least:
            return f"{self.least:,} to {self.most:,}"
        return "fewer than 5" if self.most == 4 else f"at most {self.most:,}"

    @property
    def accounts(self) -> str:
        return f"{self} account{'s' * (self != Number(1, 1))}"


@dataclass(frozen=True)
class Figures:
    """In accounts: seen newly, seen no more, seen with more fields than before. And the fields that are new there."""

    newly: Number = Number()
    gone: Number = Number()
    more: Number = Number()
    fields: frozenset[str] = frozenset()

    def __or__(self, other: Self) -> Self:
        return Figures(
            self.newly + other.newly,
            self.gone + other.gone,
            self.more + other.more,
            self.fields | other.fields,
        )

    def __bool__(self) -> bool:
        return bool(self.newly or self.gone or self.more)

    @property
    def named_fields(self) -> list[str]:
        return [NAME] * (NAME in self.fields) + sorted(map(field_label, self.fields - {NAME}))


@dataclass(frozen=True)
class Consequence:
    """For one partner; of each population that has accounts."""

    partner: Partner
    of: dict[str, Figures]
    is_exact: bool
    counted_at: datetime | None  # where it is not: a frozen count

    @property
    def total(self) -> Figures:
        """An account is in one standard population."""
        return reduce(or_, (self.of.get(population.value, Figures()) for population in Population), Figures())


@dataclass(frozen=True)
class DryRun:
    """For all partners that it concerns; `basis`: what else the person was shown, such as the rules of now."""

    consequences: list[Consequence]
    basis: str = ""

    @cached_property
    def total(self) -> Figures:
        """An account that two partners see is counted for each of them."""
        return reduce(or_, (one.total for one in self.consequences), Figures())

    @property
    def concerned(self) -> list[Consequence]:
        return [one for one in self.consequences if one.total]

    @property
    def stamp(self) -> str:
        """Of all that was shown, to be compared with what stands there when the person confirms."""
        said = [
            (str(one.partner.pk), sorted((p, _plain(f)) for p, f in one.of.items()))
            for one in self.consequences
        ]
        return sha256(repr((sorted(said), self.basis)).encode()).hexdigest()[:16]


def _plain(figures: Figures) -> tuple:
    return figures.newly, figures.gone, figures.more, sorted(figures.fields)


def for_partner(
    partner: Partner, shares: Shares, *, moving: Iterable | None = None, mover: str = ""
) -> Consequence:
    """`shares`: all that would hold then."""
    foreseen = matching.preview(partner, shares, moving=moving, mover=mover)
    figures = {
        one.population: Figures(
            Number(*one.newly), Number(*one.gone), Number(*one.more), frozenset(one.fields)
        )
        for one in foreseen
    }
    exact = all(one.is_exact for one in foreseen)
    return Consequence(partner, figures, exact, foreseen[0].counted_at if foreseen else None)


# -- of each kind of change --------------------------------------------------------------------------------------


def of_rules(partner: Partner, shares: Shares) -> DryRun:
    """These populations of one partner; the others stay as they are."""
    now = partner.shares_now()
    return DryRun([for_partner(partner, now | shares)], stamp(now))


def of_defaults(shares: Shares) -> DryRun:
    followed = {population: replace(share, follows=True) for population, share in shares.items()}
    return _of_all(
        lambda rules: {p: s for p, s in followed.items() if follows(rules, p)}, stamp(SharingDefault.shares())
    )


def of_preset(preset: FieldPreset, fields: Iterable[str]) -> DryRun:
    then = FieldPreset(pk=preset.pk, fields=list(fields))
    return _of_all(then.renewed, repr((preset.name, preset.fields)))


def of_conditions(population: CustomPopulation, conditions: AccountFilter, by: Membership) -> DryRun:
    """Accounts enter and leave the population, and so the sight of the partners to whom it is shown.

    Who edits accounts need not see every partner: of the others nothing is said.
    """
    code, fits, known = str(population.code), conditions.condition, CustomPopulation.codes()
    inside = Q(segments__contains=[code])
    moving = list(Account.objects.filter(inside & ~fits | ~inside & fits).values_list("pk", flat=True))
    consequences = [
        for_partner(partner, rules.shares(known), moving=moving, mover=code)
        for partner, rules in _with_rules(Partner.objects.visible_to(by))
        if code in rules and rules[code].share.level.shows_names
    ]
    return DryRun(consequences, repr(population.conditions))


def _of_all(change: Callable[[Rules], Shares], basis: str) -> DryRun:
    """As `partners.models.defaults.spread` would write it."""
    consequences, known = [], CustomPopulation.codes()
    for partner, rules in _with_rules(Partner.objects.all()):
        now = rules.shares(known)
        then = now | change(rules)
        if now != then:
            consequences.append(for_partner(partner, then))
    return DryRun(consequences, basis)


def _with_rules(partners: QuerySet) -> list[tuple[Partner, Rules]]:
    partners = list(partners.exclude(state__in=Partner.PAST).by_name())
    rules = {partner.pk: [] for partner in partners}
    for rule in SharingRule.objects.filter(partner__in=partners):
        rules[rule.partner_id].append(rule)
    return [(partner, Rules(rules[partner.pk])) for partner in partners]


# -- confirmed: `shown` is the stamp of the numbers that the person saw; each raises Changed -----------------------


@transaction.atomic
def share(partner: Partner, shares: Shares, *, seen: str, shown: str, by: Membership) -> None:
    """Raises Partner.Changed, too."""
    # Held until the end: no list is matched, and nobody else shares, between the look and the act.
    partner.locked()
    _compare(of_rules(partner, shares), shown)
    partner.share(shares, seen=seen, by=by)


@transaction.atomic
def change_defaults(shares: Shares, *, seen: str, shown: str, by: Membership) -> None:
    """Raises Partner.Changed, too."""
    _hold_all()
    _compare(of_defaults(shares), shown)
    SharingDefault.change(shares, seen=seen, by=by)


@transaction.atomic
def change_preset(preset: FieldPreset, *, name: str, fields: list[str], shown: str, by: Membership) -> None:
    _hold_all()
    _compare(of_preset(preset, fields), shown)
    preset.change(name=name, fields=fields, by=by)


@transaction.atomic
def change_conditions(
    population: CustomPopulation, *, name: str, conditions: AccountFilter, shown: str, by: Membership
) -> None:
    """Raises populations.NameTaken, too. Holds nothing: who changes accounts takes locks in another order."""
    _compare(of_conditions(population, conditions, by), shown)
    populations.change(population, name=name, conditions=conditions, by=by)


def _hold_all() -> None:
    Connection.locked(Partner.objects.values_list("connection_id", flat=True))


def _compare(now: DryRun, shown: str) -> None:
    if now.stamp != shown:
        raise Changed
