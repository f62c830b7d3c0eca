"""A rule with a last day: over from the day after, and said so in both trails by the clock."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from audit.models import AuditEvent
from core.tenancy import tenant_context
from partners.models import Connection, Level, Partner, Population, SharingRule, published
from partners.tasks import end_rules
from tests.sharing import NAMED, add, connect, counted_by, seen_by, share

OVERLAP = ("Hooli Search", "prospects", "prospects")


@pytest.fixture
def ours(acme, globex) -> Partner:
    ours, theirs = connect(acme, globex)
    share(ours, NAMED)
    share(theirs, NAMED)
    for tenant in (acme, globex):
        add(tenant, "Hooli Search")
    return ours


def until(partner: Partner, days: int) -> None:
    """What is shared with it ends in so many days."""
    with tenant_context(partner.tenant_id):
        last = timezone.localdate() + timedelta(days=days)
        shares = {name: replace(s, until=last) for name, s in partner.shares_now().items()}
        SharingRule.write(partner, shares)
        Connection.objects.get().publish({partner.tenant_id: published(shares)})


def events(tenant) -> list[AuditEvent]:
    with tenant_context(tenant):
        return list(AuditEvent.objects.filter(action="sharing.changed"))


def a_day_passes() -> None:
    """As the database tells it: the rows were written while the rule still held."""
    with connection.as_owner(), connection.cursor() as cursor:
        for table, column in (
            ("partners_sharingrule", "ends_on"),
            ("overlaps_overlap", "until"),
            ("overlaps_overlapcount", "until"),
            ("overlaps_tally", "until"),
        ):
            cursor.execute(f"UPDATE {table} SET {column} = {column} - 1")


def test_on_the_last_day_it_holds(ours, globex):
    until(ours, 0)
    end_rules(0)

    assert seen_by(globex) == {OVERLAP}
    assert events(globex) == []


@pytest.mark.django_db(transaction=True)
def test_from_the_day_after_nothing_is_seen_before_any_job(ours, acme, globex):
    until(ours, 0)
    assert seen_by(globex) == {OVERLAP}

    a_day_passes()

    assert seen_by(globex) == set()
    assert counted_by(globex) == {}
    assert seen_by(acme) == {OVERLAP}  # what they share goes on


def test_the_clock_writes_rule_and_both_trails_once(ours, acme, globex):
    until(ours, -1)

    end_rules(0)
    end_rules(0)

    with tenant_context(acme):
        rules = SharingRule.objects.all()
        assert {(rule.level, rule.ends_on) for rule in rules} == {(Level.HIDDEN, None)}
    with tenant_context(globex):
        theirs = Partner.objects.get()
        assert set(theirs.their_levels.values()) == {Level.HIDDEN}
    for tenant in (acme, globex):
        [event] = events(tenant)
        assert "Overlapping accounts" in event.changes
        assert f"until {timezone.localdate() - timedelta(days=1)}" in event.changes
    assert seen_by(acme) == {OVERLAP}


def test_each_population_has_a_day_of_its_own(ours, acme):
    with tenant_context(acme):
        yesterday = timezone.localdate() - timedelta(days=1)
        shares = ours.shares_now()
        SharingRule.write(
            ours, {Population.CUSTOMERS: replace(shares[Population.CUSTOMERS], until=yesterday)}
        )

    end_rules(0)

    with tenant_context(acme):
        levels = Partner.objects.get().levels
    assert levels == NAMED | {Population.CUSTOMERS: Level.HIDDEN}
