"""Populations of a workspace's own making: the accounts that some conditions find, kept up with every change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Count, F, Func, Max, Q, Value
from django.db.models.functions import Coalesce

from audit.actions import Action
from audit.models import AuditEvent
from core.models import Membership
from overlaps import matching
from overlaps.filters import AccountFilter, names_of, said
from overlaps.models import Account, PopulationSize, Touched
from partners.models import Custom, CustomPopulation, Level, Partner, Population, SharingDefault, SharingRule
from partners.models.defaults import spread
from partners.models.sharing import Share

MOST = 50


@dataclass(frozen=True)
class Effect:
    """What conditions find, and whom a population would gain and lose by them. `opened`: of the gain, without those
    that are private or gone."""

    fits: int
    enter: int
    leave: int
    opened: int


def effect(conditions: AccountFilter, population: CustomPopulation | None = None) -> Effect:
    """One pass over the list."""
    fits = conditions.condition
    inside = Q(segments__contains=[str(population.code)]) if population else Q(pk=None)
    enter = fits & ~inside
    numbers = {
        "fits": fits,
        "enter": enter,
        "leave": inside & ~fits,
        "opened": enter & Q(is_private=False, gone_at=None),
    }
    counted = {name: Count("pk", filter=condition) for name, condition in numbers.items()}
    return Effect(**Account.objects.aggregate(**counted))


@dataclass(frozen=True)
class Place:
    """A population as its page shows it."""

    population: Population | Custom
    own: CustomPopulation | None
    conditions: list[str]
    accounts: int
    shareable: int
    shown_to: list[tuple[Partner, Share]]

    @property
    def address(self) -> str:
        """Of its accounts, in the list."""
        return f"?{'segment' if self.own else 'population'}={self.population.value}"


def places(member: Membership) -> list[Place]:
    """All populations, and what each partner that this member may see is shown of them."""
    sizes = {size.population: (size.accounts, size.shareable) for size in PopulationSize.objects.all()}
    partners = Partner.objects.connected().visible_to(member)
    rules = SharingRule.objects.filter(partner__in=partners).exclude(level=Level.HIDDEN)
    shown: dict[str, list[tuple[Partner, Share]]] = {}
    for rule in rules.select_related("partner").order_by("partner__name", "partner_id"):
        if rule.share.level is not Level.HIDDEN:  # nor over
            shown.setdefault(rule.population, []).append((rule.partner, rule.share))
    own = {population.code: population for population in CustomPopulation.objects.order_by("name")}
    conditions = {code: AccountFilter.stored(population.conditions) for code, population in own.items()}
    names = names_of(*conditions.values())
    said_of = {code: in_words(filter, names) for code, filter in conditions.items()}
    return [
        Place(
            code,
            own.get(code),
            said_of.get(code, []),
            *sizes.get(code.value, (0, 0)),
            shown.get(code.value, []),
        )
        for code in [*Population, *own]
    ]


def in_words(conditions: AccountFilter, names: Mapping[str, str]) -> list[str]:
    begins = [f"Name begins with “{conditions.words}”"] if conditions.words else []
    return begins + [words for _, _, words in said(conditions, names)]


class NameTaken(Exception):
    """Another population of the workspace is called so."""


class TooMany(Exception):
    """A workspace has no more than `MOST`."""


@transaction.atomic
def make(*, name: str, conditions: AccountFilter, by: Membership) -> CustomPopulation:
    """Raises NameTaken, TooMany."""
    if CustomPopulation.objects.count() >= MOST:
        raise TooMany
    last = CustomPopulation.objects.aggregate(last=Coalesce(Max("number"), 0))["last"]
    population = CustomPopulation(number=last + 1, name=name, conditions=conditions.to_store())
    _save(population, force_insert=True)
    _assign(population, Account.objects.all())
    matching.refresh()
    AuditEvent.record(
        Action.POPULATION_MADE, by=by, target=population, changes={"conditions": population.conditions}
    )
    return population


@transaction.atomic
def change(population: CustomPopulation, *, name: str, conditions: AccountFilter, by: Membership) -> None:
    """And with it what partners see of it. Raises NameTaken."""
    before = {"name": population.name, "conditions": population.conditions}
    after = {"name": name, "conditions": conditions.to_store()}
    changes = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
    if not changes:
        return
    population.name, population.conditions = after["name"], after["conditions"]
    _save(population, update_fields=["name", "conditions"])
    _assign(population, Account.objects.all())
    matching.refresh()
    if "name" in changes:  # the other sides were told it
        spread(lambda rules: rules.shares([population.code]), by=by, again=True)
    AuditEvent.record(Action.POPULATION_CHANGED, by=by, target=population, changes=changes)


@transaction.atomic
def remove(population: CustomPopulation, *, by: Membership) -> None:
    """Nobody sees it any more, and no account is in it."""
    code = population.code
    spread(lambda rules: {code: Share()} if code in rules else {}, by=by)
    for rules in (SharingRule, SharingDefault):
        rules.objects.filter(population=str(code)).delete()
    _without(Account.objects.all(), str(code))
    population.delete()
    matching.refresh()
    AuditEvent.record(Action.POPULATION_REMOVED, by=by, target=population)


def reassign_touched() -> None:
    """Of the accounts that changed since they were last matched. Part of `matching.refresh`."""
    populations = list(CustomPopulation.objects.all())
    if not populations:
        return
    accounts, touched = Account.objects.all(), Touched.objects.all()
    if not touched.filter(pk=matching.EVERYTHING).exists():
        accounts = accounts.filter(pk__in=touched.values("pk"))
    for population in populations:
        _assign(population, accounts)


def _save(population: CustomPopulation, **how: Any) -> None:
    try:
        with transaction.atomic():
            population.save(**how)
    except IntegrityError as taken:
        raise NameTaken from taken


def _assign(population: CustomPopulation, accounts: models.QuerySet) -> None:
    """Two statements, which write no row that is right already."""
    code = str(population.code)
    fits = AccountFilter.stored(population.conditions).condition
    outside = accounts.exclude(segments__contains=[code])
    outside.filter(fits).update(segments=Func(F("segments"), Value(code), function="array_append"))
    _without(accounts.exclude(fits), code)


def _without(accounts: models.QuerySet, code: str) -> None:
    inside = accounts.filter(segments__contains=[code])
    inside.update(segments=Func(F("segments"), Value(code), function="array_remove"))
