"""Who sees counts only, and may change its own list at will, finds out no single account of the other list."""

import random

import pytest
from django.db import connection

from core.tenancy import tenant_context
from overlaps import matching, populations
from overlaps.filters import AccountFilter
from overlaps.models import Account, Alarm, OverlapCount
from partners.models import Level, shares_from
from tests.sharing import COUNTED, NAMED, connect, counted_by, seen_by, share

ROUNDS = 5


def companies(tenant, names, **fields) -> None:
    """In one change of that list."""
    with tenant_context(tenant):
        Account.objects.bulk_create(
            Account(name=name, domain=f"{name.lower()}.com", **fields) for name in names
        )
        matching.refresh()


def names(stem: str, count: int) -> list[str]:
    return [f"{stem}{n}" for n in range(count)]


def a_day_later() -> None:
    """For all that is counted or watched by the day. Only the owner of the schema can write it."""
    with connection.as_owner(), connection.cursor() as cursor:
        for table in ("overlaps_overlapcount", "overlaps_frozencount"):
            cursor.execute(f"UPDATE {table} SET taken_at = taken_at - interval '25 hours'")
        for days in (-1000, 999):  # a day is unique
            cursor.execute("UPDATE overlaps_probeday SET day = day + %s", [days])
    while matching.refresh_stale():
        pass


@pytest.fixture
def partners(acme, globex):
    """Acme attacks the list of Globex."""
    return connect(acme, globex)


class Attacker:
    """Puts one company after the other on its own list, and reads each number that depends on the other one."""

    def __init__(self, partner, by) -> None:
        self.tenant, self.partner = by.tenant, partner
        with tenant_context(self.tenant):
            self.account = Account.objects.create(name="Nobody", domain="nobody.example", tags=["probe"])
            conditions = AccountFilter.of({"tag": ["probe"]})  # a population of one
            own = populations.make(name="Probe", conditions=conditions, by=by).code
        self.wanted = shares_from(NAMED | {own: Level.OVERLAPS})

    def reading(self, name: str) -> tuple:
        """One edit of its list, and the numbers of then: the counts, and the dry run of its own sharing."""
        with tenant_context(self.tenant):
            self.account.name, self.account.domain = name, f"{name.lower()}.com"
            self.account.take_keys()
            self.account.save()
            matching.refresh()
            told = matching.preview(self.partner, self.wanted)
            cells = OverlapCount.objects.visible().order_by("my_population", "their_population")
            return list(cells.values_list("mine", "theirs", "companies", "amount")), told

    def suspects(self, target: str, strangers: list[str]) -> bool:
        """Was a number once another one than with a company that the other surely does not have?"""
        return any(self.reading(stranger) != self.reading(target) for stranger in strangers)


def success(attacker: Attacker, targets: dict[str, bool], *, edits_a_day: int) -> float:
    """The part of guesses that is right."""
    right = edits = 0
    for target, is_there in targets.items():
        strangers = [f"Stranger{edits + n}" for n in range(ROUNDS)]
        right += attacker.suspects(target, strangers) == is_there
        edits += 2 * ROUNDS
        if edits % edits_a_day == 0:
            a_day_later()
    return right / len(targets)


def some_targets(globex, count: int) -> dict[str, bool]:
    """Half of them stand in the list of Globex."""
    there = [n < count / 2 for n in range(count)]
    random.Random(7).shuffle(there)
    targets = dict(zip(names("Target", count), there, strict=True))
    companies(globex, [name for name, is_there in targets.items() if is_there], population="customers")
    return targets


@pytest.mark.django_db(transaction=True)
def test_a_thousand_edits_tell_of_a_hundred_companies_no_more_than_chance(ada, acme, globex, partners):
    """It knows four companies of the other list, so that one more would be the fifth: where a rounded count jumps."""
    companies(globex, names("Known", 4), population="customers")
    companies(acme, names("Known", 4))
    targets = some_targets(globex, 100)
    share(partners[1], COUNTED)
    assert success(Attacker(partners[0], ada), targets, edits_a_day=200) <= 0.55
    assert seen_by(acme) == set()


def test_the_same_attacker_learns_all_of_exact_numbers(ada, acme, globex, partners):
    """So it is the rounding and the standing still that keep the secret."""
    targets = some_targets(globex, 10)
    share(partners[1], NAMED)
    assert success(Attacker(partners[0], ada), targets, edits_a_day=1000) == 1


# -- who is warned ------------------------------------------------------------------------------------------------


def alarms(tenant) -> list[str]:
    with tenant_context(tenant):
        return list(Alarm.objects.order_by("kind").values_list("kind", flat=True))


def edit_one_by_one(tenant, times: int) -> None:
    with tenant_context(tenant):
        account = Account.objects.create(name="Nobody", domain="nobody.example")
        for n in range(times):
            account.domain = f"probe{n}.example"
            account.take_keys()
            account.save()
            matching.refresh()


@pytest.mark.django_db(transaction=True)
def test_many_small_edits_alarm_the_other_side_and_hold_the_counts_for_a_week(ada, acme, globex, partners):
    companies(globex, names("Company", 30), population="customers")
    companies(acme, names("Company", 5))
    share(partners[1], COUNTED)
    assert counted_by(acme)["prospects", "customers"] == 5

    edit_one_by_one(acme, 90)
    assert alarms(globex) == []
    edit_one_by_one(acme, 15)
    assert alarms(globex) == ["small_edits"] and alarms(acme) == []

    companies(acme, names("Company", 30)[5:])
    for _ in range(5):
        a_day_later()
        assert counted_by(acme)["prospects", "customers"] == 5
    for _ in range(3):
        a_day_later()
    assert counted_by(acme)["prospects", "customers"] == 30


def test_where_nothing_is_shared_nobody_is_warned(acme, globex, partners):
    edit_one_by_one(acme, 110)
    assert alarms(globex) == []


@pytest.mark.django_db(transaction=True)
def test_a_hit_rate_far_above_the_one_of_before_alarms(acme, globex, partners):
    share(partners[1], COUNTED)
    companies(globex, names("Company", 100), population="customers")
    companies(acme, names("Other", 250), owner_name="Ada")
    a_day_later()
    companies(acme, names("Company", 10) + names("New", 90), owner_name="Ada")  # as a list of one's own grows
    assert alarms(globex) == []
    companies(acme, names("Company", 100)[10:], owner_name="Ada")  # bought, or guessed
    assert alarms(globex) == ["hit_rate"]


@pytest.mark.parametrize(("fields", "expected"), [({}, ["directory"]), ({"owner_name": "Ada"}, [])])
def test_a_directory_alarms_and_a_list_that_somebody_works_on_does_not(
    acme, globex, partners, fields, expected
):
    share(partners[1], COUNTED)
    companies(acme, names("Company", 5000), **fields)
    assert alarms(globex) == expected
