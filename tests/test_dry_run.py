"""A change of sharing is shown in numbers first, and what then happens is what the numbers said."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from core.tenancy import tenant_context
from overlaps import dryrun, matching, populations
from overlaps.dryrun import Number
from overlaps.filters import AccountFilter
from overlaps.models import Account, Overlap
from partners.models import (
    CustomPopulation,
    Level,
    Population,
    Share,
    stamp,
)
from tests.sharing import NAMED, connect, share

ALL_FIELDS = ("domain", "country", "owner_name", "stage", "amount", "company_number", "tags", "extra:tier")
COLUMNS = {code: code.partition(":")[0] for code in ALL_FIELDS}


@pytest.fixture
def partners(acme, globex):
    """Acme's record of Globex, which shows Acme all names, and Globex's record of Acme."""
    ours, theirs = connect(acme, globex)
    share(theirs, NAMED)
    return ours, theirs


@pytest.fixture
def lists(ada, acme, globex):
    """Thirty accounts of Acme's, every field filled; Globex has every third. And two custom populations."""
    with tenant_context(acme):
        Account.objects.bulk_create(
            Account(
                name=f"Company {n}",
                domain=f"company{n}.com",
                country="DE",
                owner_name="Ada",
                stage="Won",
                amount=n + 1,
                company_number=f"HRB {n}",
                tags=["big" if n % 4 else "small"],
                extra={"tier": "gold"},
                population=Population.values[n % 5 % 3],
                is_private=n == 29,
            )
            for n in range(30)
        )
        matching.refresh()
        for tag in ("big", "small"):
            populations.make(name=f"The {tag}", conditions=AccountFilter.of({"tag": [tag]}), by=ada)
    fill(globex, range(0, 30, 3))


def fill(tenant, numbers, **fields) -> None:
    with tenant_context(tenant):
        Account.objects.bulk_create(
            Account(name=f"Company {n}", domain=f"company{n}.com", **fields) for n in numbers
        )
        matching.refresh()


def seen_by(tenant) -> dict:
    """Account of the other's: the fields that this workspace sees of it, on all its pages."""
    with tenant_context(tenant):
        return {
            overlap.their_account_id: {"name"}
            | {code for code, column in COLUMNS.items() if getattr(overlap, column)}
            for overlap in Overlap.objects.visible()
        }


def difference(before: dict, after: dict) -> dryrun.Figures:
    more = {pk: after[pk] - before.get(pk, set()) for pk in after}
    newly = len(after.keys() - before.keys())
    gone = len(before.keys() - after.keys())
    richer = sum(1 for pk in after.keys() & before.keys() if more[pk])
    fields = frozenset().union(*more.values())
    return dryrun.Figures(Number(newly, newly), Number(gone, gone), Number(richer, richer), fields)


def some_shares(chance: random.Random) -> dict:
    until = timezone.localdate() + timedelta(days=3)
    return {
        population: Share(
            chance.choice(list(Level)),
            fields=tuple(sorted(chance.sample(ALL_FIELDS, chance.randint(0, 4)))),
            until=chance.choice([None, None, until]),
        )
        for population in CustomPopulation.codes()
    }


@pytest.mark.parametrize("seed", range(12))
def test_what_happens_is_what_was_said(seed, ada, acme, globex, partners, lists):
    """A walk through rules of all kinds, up and down, each step confirmed by its numbers."""
    chance, ours = random.Random(seed), partners[0]
    for _ in range(6):
        with tenant_context(acme):
            wanted = some_shares(chance)
            wanted = {p: wanted[p] for p in chance.sample(list(wanted), chance.randint(1, len(wanted)))}
            told, now = dryrun.of_rules(ours, wanted), ours.shares_now()
            before = seen_by(globex)
            dryrun.share(ours, wanted, seen=stamp(now), shown=told.stamp, by=ada)

        assert told.consequences[0].is_exact
        assert told.total == difference(before, seen_by(globex))


def test_each_population_is_told_apart(ada, acme, globex, partners, lists):
    with tenant_context(acme):
        wanted = {
            population: Share(Level.OVERLAPS)
            for population in CustomPopulation.codes()
            if population.label in {"Customers", "The big"}
        }
        told = dryrun.of_rules(partners[0], wanted).consequences[0]
        common = Account.objects.filter(domain__in=[f"company{n}.com" for n in range(0, 30, 3)])
        for population in wanted:
            inside = common.filter(segments__contains=[population]) | common.filter(population=population)
            assert told.of[population.value].newly == Number(inside.count(), inside.count())
    assert told.total.named_fields == ["name", "country", "domain", "owner"]
