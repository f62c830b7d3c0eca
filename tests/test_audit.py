"""The trail: written with the act, in one line, and by nobody changed."""

import json
import threading
from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from audit.actions import Action
from audit.models import AuditEvent, SecurityEvent
from audit.origin import Origin, current_origin
from audit.verification import Verification
from core.tenancy import tenant_context


def record(by, action=Action.WORKSPACE_CHANGED, **kwargs):
    with tenant_context(by.tenant, by=by):
        AuditEvent.record(action, by=by, **kwargs)


def newest(tenant) -> AuditEvent:
    with tenant_context(tenant):
        return AuditEvent.objects.newest_first()[0]


def count(tenant) -> int:
    with tenant_context(tenant):
        return AuditEvent.objects.count()


def name_of(tenant) -> str:
    with tenant_context(tenant):
        tenant.refresh_from_db()
    return tenant.name


@pytest.fixture
def from_the_office():
    token = current_origin.set(Origin("192.0.2.7", "Firefox"))
    yield
    current_origin.reset(token)


def test_a_sentence_says_who_did_what(ada, linus):
    record(ada, Action.MEMBER_ROLE_CHANGED, target=linus, changes={"role": ["member", "admin"]})

    assert str(newest(ada.tenant)) == "Ada changed the role of Linus from member to admin"


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (Action.MEMBER_JOINED, "Ada joined"),
        (Action.MEMBER_LEFT, "Ada left"),
        (Action.OWNERSHIP_ACCEPTED, "Ada took over the ownership from Ada"),
        (Action.PARTNER_CONNECTED, "Ada opened the connection with Ada"),
    ],
)
def test_nobody_joins_or_leaves_a_person(ada, action, sentence):
    record(ada, action, target=ada)

    assert str(newest(ada.tenant)) == sentence


def test_an_action_that_is_no_longer_listed_still_reads(ada):
    assert AuditEvent(action="gone.by").sentence == "gone.by"


def test_act_and_event_commit_together_or_not_at_all(ada, acme):
    before = count(acme)

    with pytest.raises(RuntimeError), tenant_context(acme, by=ada):
        acme.name = "Emca"
        acme.save()
        AuditEvent.record(Action.WORKSPACE_CHANGED, by=ada, target=acme)
        raise RuntimeError

    assert (name_of(acme), count(acme)) == ("Acme", before)


def test_no_event_without_its_act(ada, acme):
    with tenant_context(acme, by=ada), pytest.raises(DatabaseError), transaction.atomic():
        acme.name = "Emca"
        acme.save()
        AuditEvent(action="x" * 41, tenant=acme).save(force_insert=True)

    assert name_of(acme) == "Acme"


EVIL = "a\r\nb\x1b[31mc\u2028d\u202ee\x85f\x00g\ud800h\\u0000"


def test_whatever_a_field_holds_it_stays_one_line(ada, acme):
    ada.user.name = acme.name = EVIL
    token = current_origin.set(Origin("192.0.2.7", EVIL))
    record(ada, target=acme, changes={EVIL: [EVIL, {"deep": [EVIL]}]}, on_behalf_of=EVIL)
    current_origin.reset(token)

    event = newest(ada.tenant)
    for value in event.exported().values():
        assert len(str(value).splitlines()) <= 1
        assert str(value).isprintable()
    assert "b [31mc" in event.actor
    assert json.loads(event.changes)
    assert event.details


def test_both_trails_name_the_other(ada, grace, from_the_office):
    record(ada, Action.PARTNER_CONNECTED, target=grace.tenant, seen_by=[ada.tenant, grace.tenant])

    ours, theirs = newest(ada.tenant), newest(grace.tenant)
    assert (ours.actor, ours.also_in, ours.ip, ours.agent) == ("Ada", "Globex", "192.0.2.7", "Firefox")
    assert (theirs.actor, theirs.also_in) == ("Ada (Acme)", "Acme")


def test_the_partner_learns_neither_address_nor_browser(ada, grace, from_the_office):
    record(ada, Action.PARTNER_CONNECTED, seen_by=[ada.tenant.pk, grace.tenant.pk])

    theirs = newest(grace.tenant)
    assert (theirs.ip, theirs.agent, theirs.also_in) == ("", "", "the partner")


def test_a_stranger_who_declines_leaves_no_address(ada, mallory, from_the_office):
    with tenant_context(ada.tenant):
        AuditEvent.record(Action.INVITATION_DECLINED, by=mallory.user)

    assert (newest(ada.tenant).actor, newest(ada.tenant).ip) == ("Mallory", "")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE {0} SET actor = 'x'",
        "DELETE FROM {0}",
        "TRUNCATE {0}",
        "ALTER TABLE {0} DISABLE TRIGGER ALL",
        "ALTER TABLE {0} DISABLE TRIGGER final",
        "DROP TRIGGER chain ON {0}",
        "SET session_replication_role = replica",
        "SELECT * FROM audit_trailhead",
        "UPDATE audit_trailhead SET seq = 0",
        "INSERT INTO audit_trailhead VALUES ('00000000-0000-0000-0000-000000000001', 0, '')",
    ],
)
@pytest.mark.parametrize("table", ["audit_auditevent", "audit_securityevent"])
def test_the_application_can_only_add(ada, sql, table):
    record(ada)
    SecurityEvent.record(Action.SIGNED_IN, by=ada.user)

    with tenant_context(ada.tenant), pytest.raises(DatabaseError), transaction.atomic():
        connection.cursor().execute(sql.format(table))


def test_number_time_and_hash_are_the_databases(ada):
    with tenant_context(ada.tenant):
        AuditEvent(action="workspace.changed", seq=77, hash="mine", prev_hash="mine").save(force_insert=True)

    assert (newest(ada.tenant).seq, len(newest(ada.tenant).hash)) == (count(ada.tenant), 64)


def test_filters(ada, alan, linus):
    record(ada, Action.MEMBER_ROLE_CHANGED, target=linus)
    record(alan, Action.MEMBER_DEACTIVATED, target=linus)
    with tenant_context(ada.tenant):
        events = AuditEvent.objects.filter(seq__gt=count(ada.tenant) - 2)
        found = {
            "actor": events.matching(actor="ALA"),
            "action": events.matching(action="member.deactivated"),
            "both": events.matching(actor="alan", action="member.role_changed"),
            "target": events.matching(target="lin"),
            "never": events.matching(until=date(2020, 1, 1)),
            "always": events.matching(since=date(2020, 1, 1)),
        }
        assert {name: queryset.count() for name, queryset in found.items()} == {
            "actor": 1,
            "action": 1,
            "both": 0,
            "target": 2,
            "never": 0,
            "always": 2,
        }


def together(*acts):
    """Each in a thread with a connection of its own; raises what any of them raised."""
    failures = []
    start = threading.Barrier(len(acts))

    def run(act):
        try:
            start.wait()
            act()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_chain(ada, grace):
    """Eight people with 25 acts each, half of which touch a second workspace, in both orders."""

    def act(number):
        mine, theirs = (ada, grace) if number % 2 else (grace, ada)
        for turn in range(25):
            sides = [theirs.tenant, mine.tenant] if turn % 3 else [mine.tenant, theirs.tenant]
            record(mine, Action.WORKSPACE_CHANGED, seen_by=sides if turn % 2 else ())

    before = [count(ada.tenant), count(grace.tenant)]
    together(*[lambda number=number: act(number) for number in range(8)])

    assert [count(ada.tenant) - before[0], count(grace.tenant) - before[1]] == [148, 148]
    with connection.as_owner(), transaction.atomic():
        assert list(Verification().problems()) == []
