"""A change of sharing is shown in numbers first, and what then happens is what the numbers said."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from core.tenancy import tenant_context
from overlaps import dryrun, matching, populations
from overlaps.dryrun import Number
from overlaps.filters import AccountFilter
from overlaps.models import Account, Overlap
from partners.models import (
    Connection,
    CustomPopulation,
    FieldPreset,
    Level,
    Partner,
    Population,
    Share,
    SharingDefault,
    SharingRule,
    stamp,
)
from tests.sharing import COUNTED, NAMED, connect, share

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


# -- of all partners ------------------------------------------------------------------------------------------------


@pytest.fixture
def third(acme, initech, partners, lists):
    """Initech, with every second account; shows all its names, too."""
    ours, theirs = connect(acme, initech)
    share(theirs, NAMED)
    fill(initech, range(0, 30, 2))
    return ours


def happens(told: dryrun.DryRun, act, viewers: dict) -> None:
    """By partner, told and done: the same."""
    before = {pk: seen_by(tenant) for pk, tenant in viewers.items()}
    act()
    after = {pk: seen_by(tenant) for pk, tenant in viewers.items()}
    said = {one.partner.pk: one.total for one in told.concerned}
    assert said == {pk: done for pk in viewers if (done := difference(before[pk], after[pk]))}


def all_follow(*partners) -> None:
    for partner in partners:
        with tenant_context(partner.tenant_id):
            SharingRule.objects.filter(partner=partner).delete()


@pytest.mark.parametrize("seed", range(4))
def test_defaults_do_to_each_partner_what_was_said(seed, ada, acme, globex, initech, partners, lists, third):
    chance, ours = random.Random(seed), partners[0]
    all_follow(ours, third)
    with tenant_context(acme):  # one rule of its own
        SharingRule.write(third, {Population.CUSTOMERS: Share(Level.OVERLAPS)})
        matching.refresh_connection(third.connection_id)
    viewers = {ours.pk: globex, third.pk: initech}
    for _ in range(4):
        with tenant_context(acme):
            wanted = {p: replace(share, until=None) for p, share in some_shares(chance).items()}
            told, seen = dryrun.of_defaults(wanted), stamp(SharingDefault.shares())

        def act(wanted=wanted, told=told, seen=seen) -> None:
            with tenant_context(acme, by=ada):
                dryrun.change_defaults(wanted, seen=seen, shown=told.stamp, by=ada)

        happens(told, act, viewers)


@pytest.mark.parametrize("seed", range(4))
def test_fields_do_to_each_partner_what_was_said(seed, ada, acme, globex, initech, partners, lists, third):
    chance, ours = random.Random(seed), partners[0]
    with tenant_context(acme, by=ada):
        preset = FieldPreset.make(name="Ours", fields=["stage"], by=ada)
        named = Share(Level.OVERLAPS, str(preset.pk), ("stage",))
        for partner, share_ in ((ours, named), (third, replace(named, level=Level.ALL))):
            partner.share({Population.CUSTOMERS: share_}, seen=stamp(partner.shares_now()), by=ada)
    for _ in range(3):
        with tenant_context(acme):
            fields = sorted(chance.sample(ALL_FIELDS, chance.randint(0, 5)))
            told = dryrun.of_preset(preset, fields)

        def act(fields=fields, told=told) -> None:
            with tenant_context(acme, by=ada):
                dryrun.change_preset(preset, name="Ours", fields=fields, shown=told.stamp, by=ada)

        happens(told, act, {ours.pk: globex, third.pk: initech})


@pytest.mark.parametrize("seed", range(4))
def test_conditions_do_to_each_partner_what_was_said(
    seed, ada, acme, globex, initech, partners, lists, third
):
    chance, ours = random.Random(seed), partners[0]
    with tenant_context(acme, by=ada):
        own = CustomPopulation.objects.get(name="The big")
        for partner, level in ((ours, Level.OVERLAPS), (third, Level.ALL)):
            shares = {own.code: Share(level), Population.CUSTOMERS: Share(Level.OVERLAPS, "name", ())}
            partner.share(shares, seen=stamp(partner.shares_now()), by=ada)
    for _ in range(4):
        conditions = AccountFilter.of(
            {"tag": chance.choice([["small"], ["big"], []]), "amount_from": [str(chance.randint(0, 30))]}
        )
        with tenant_context(acme):
            told = dryrun.of_conditions(own, conditions, ada)

        def act(conditions=conditions, told=told) -> None:
            with tenant_context(acme, by=ada):
                asked = {"name": own.name, "conditions": conditions, "shown": told.stamp}
                dryrun.change_conditions(own, **asked, by=ada)

        happens(told, act, {ours.pk: globex, third.pk: initech})


# -- where the partner does not show all its names ----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("theirs", [{}, COUNTED, {Population.CUSTOMERS: Level.OVERLAPS}], ids=str)
def test_what_happens_lies_within_what_was_said(seed, theirs, ada, acme, globex, partners, lists):
    chance, ours = random.Random(seed), partners[0]
    share(partners[1], theirs)
    for _ in range(3):
        with tenant_context(acme):
            wanted = some_shares(chance)
            told, now = dryrun.of_rules(ours, wanted), ours.shares_now()
            before = seen_by(globex)
            dryrun.share(ours, wanted, seen=stamp(now), shown=told.stamp, by=ada)
        done = difference(before, seen_by(globex))
        assert not told.consequences[0].is_exact
        for said, real in ((told.total.newly, done.newly), (told.total.gone, done.gone)):
            assert said.least <= real.least <= said.most
        assert told.total.more.most >= done.more.most
        assert told.total.fields >= done.fields


def test_it_is_counted_once_a_day_and_rounded(acme, globex, partners, lists):
    """Globex has 4 of our customers, and 10 of our 30 accounts."""
    share(partners[1], COUNTED)

    def told() -> dict:
        with tenant_context(acme):
            shares = dict.fromkeys(Population, Share(Level.OVERLAPS))
            return {
                p: str(f.newly) for p, f in dryrun.of_rules(partners[0], shares).consequences[0].of.items()
            }

    first = told()
    assert first["customers"] == "fewer than 5"
    assert {words for code, words in first.items() if code not in Population} == {"at most 21", "at most 8"}
    fill(globex, range(100, 130))
    with tenant_context(acme):
        Account.objects.bulk_create(
            Account(name=f"Company {n}", domain=f"company{n}.com", population="customers")
            for n in range(100, 130)
        )
        matching.refresh()
    assert told()["customers"] == "fewer than 5"


@pytest.mark.parametrize("state", [Partner.State.INVITED, Partner.State.PAUSED])
def test_before_and_between_it_says_how_many_it_can_be_at_most(state, ada, acme, globex, partners, lists):
    with tenant_context(acme):
        link = {"connection_id": None} if state == Partner.State.INVITED else {}
        Partner.objects.filter(pk=partners[0].pk).update(state=state, **link)
        if state == Partner.State.PAUSED:
            Connection.objects.update(state="paused")
        partner = Partner.objects.get(pk=partners[0].pk)
        for level in (Level.OVERLAPS, Level.ALL):
            told = dryrun.of_rules(partner, dict.fromkeys(Population, Share(level)))
            assert str(told.total.newly) == "at most 29"
