"""The same at one moment: forms that are sent twice, and acts that exclude each other."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from conftest import member
from core.models import Membership, Tenant
from core.roles import Role
from core.tenancy import person_context, tenant_context
from intros.models import Intro
from overlaps import imports
from overlaps.forms.imports import StartForm
from overlaps.models import Account, Import, Overlap
from partners.models import Connection, Partner, PartnerInvitation, all_hidden, shares_from, stamp
from tests.intros import do, draft_of, overlap_of
from tests.pairs import connect
from tests.sharing import looked_at
from workspaces.models import Invitation

pytestmark = pytest.mark.django_db(transaction=True)
HIDDEN = {"customers": "hidden", "open_opportunities": "hidden", "prospects": "hidden"}
ROUNDS = 3


@pytest.fixture(autouse=True)
def _fresh(db):
    cache.clear()


def at_once(*acts):
    """Each in a thread and a connection of its own, begun together; gives back what they return."""
    line = Barrier(len(acts))

    def run(act):
        try:
            line.wait()
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(run, act) for act in acts]]


def twice(who: Membership, path: str, fields: dict) -> list[int]:
    def send():
        client = Client(raise_request_exception=False)
        client.cookies = cookies
        return client.post(path, fields).status_code

    first = Client()
    first.force_login(who.user, "allauth.account.auth_backends.AuthenticationBackend")
    cookies = first.cookies
    return at_once(send, send)


def events(tenant: Tenant, *actions: str) -> list[str]:
    with tenant_context(tenant):
        found = AuditEvent.objects.filter(action__in=actions) if actions else AuditEvent.objects.all()
        return sorted(found.values_list("action", flat=True))


def test_a_request_that_is_sent_twice_is_one(ada, grace, acme, globex):
    overlap = overlap_of(ada, grace)
    words = {"connector": "", "ask": "Why", "forwardable": "Hello", "send": ""}
    words["due_on"] = (timezone.localdate() + timedelta(days=7)).isoformat()

    answers = twice(ada, acme.path_to("intros:ask", pk=overlap.pk), words)

    assert answers == [302, 302]
    with tenant_context(globex):
        assert Intro.objects.count() == 1
    assert events(globex, "intro.requested") == ["intro.requested"]


def test_a_partner_that_is_invited_twice_is_one(ada, acme):
    fields = {"name": "Globex", "domain": "", "email": "grace@globex.example", "note": "", **HIDDEN}
    answers = twice(ada, acme.path_to("partners:invite"), fields)
    assert max(answers) < 500
    with tenant_context(acme):
        assert Partner.objects.count() == 1
        assert PartnerInvitation.objects.count() == 1


def test_somebody_who_is_invited_twice_is_one(ada, acme):
    answers = twice(ada, acme.path_to("workspaces:invite"), {"emails": "x@y.example", "role": "member"})
    assert max(answers) < 500
    with tenant_context(acme):
        assert Invitation.objects.count() == 1


def test_a_workspace_that_is_made_twice_is_one(ada):
    answers = twice(ada, "/workspaces/new/", {"name": "Wonka", "slug": "wonka"})
    assert max(answers) < 500
    with person_context(ada.user):
        assert Membership.objects.count() == 2


def test_a_file_that_is_sent_twice_makes_each_account_once(ada, acme, run_jobs):
    rows = "Name,Domain\nStark,stark.com\nWayne,wayne.com\nNameless,\n"
    assert max(twice(ada, acme.path_to("overlaps:import"), {"text": rows})) < 500
    with tenant_context(acme, by=ada):
        for batch in Import.objects.all():
            imports.decide(batch, by=ada)
        batches = list(Import.objects.all())
    assert len(batches) == 2
    for batch in batches:
        with tenant_context(acme, by=ada):
            told = StartForm(None, batch=batch, by=ada).initial
        answers = twice(ada, acme.path_to("overlaps:import_rows", pk=batch.pk), told)
        assert sorted(answers)[0] == 302 and max(answers) < 500
    run_jobs()
    with tenant_context(acme):
        assert sorted(Account.objects.values_list("name", flat=True)) == ["Nameless", "Stark", "Wayne"]


@pytest.mark.parametrize("act", ["pause", "end"])
def test_a_partner_act_that_is_sent_twice_is_one(act, ada, grace, acme, globex):
    ours, _ = connect(ada, grace)
    assert twice(ada, acme.path_to(f"partners:{act}", pk=ours.pk), {}) == [302, 302]
    assert len([e for e in events(globex) if e.startswith("connection.")]) == 1


def test_levels_that_are_sent_twice_are_one_change(log_in, ada, grace, acme, globex):
    ours, _ = connect(ada, grace)
    fields = HIDDEN | {"customers": "all", "seen": stamp(shares_from(all_hidden()))}
    path = acme.path_to("overlaps:sharing_confirm", pk=ours.pk)
    answers = twice(ada, path, looked_at(log_in(ada), path, fields))
    assert max(answers) < 500
    assert events(globex, "sharing.changed") == ["sharing.changed"]


@pytest.mark.parametrize("name", ["deactivate", "remove"])
def test_a_member_act_that_is_sent_twice_is_one(name, ada, linus, acme):
    assert max(twice(ada, acme.path_to(f"workspaces:member_{name}", pk=linus.pk), {})) < 500
    assert len([e for e in events(acme) if e in ("member.deactivated", "member.removed")]) == 1


def test_an_account_deleted_twice_is_deleted_once(ada, acme):
    with tenant_context(acme):
        account = Account.objects.create(name="Stark", domain="stark.com")
    assert max(twice(ada, acme.path_to("overlaps:account_delete", pk=account.pk), {})) < 500
    assert events(acme, "account.deleted") == ["account.deleted"]


def test_ending_while_the_other_side_changes_its_list_leaves_nothing(ada, grace, acme, globex):
    for number in range(ROUNDS):
        overlap = overlap_of(ada, grace, f"Stark {number}")
        with tenant_context(globex):
            account = Account.objects.get(name=f"Stark {number}")
            seen = account.updated_at
            theirs = Partner.objects.get(pk=Partner.objects.filter(state="connected").get().pk)

        def change(account=account, seen=seen):
            client = Client()
            client.force_login(grace.user, "allauth.account.auth_backends.AuthenticationBackend")
            fields = {
                "name": account.name,
                "domain": account.domain,
                "population": "prospects",
                "country": "",
            }
            path = globex.path_to("overlaps:account_edit", pk=account.pk)
            return client.post(path, fields | {"seen": seen.isoformat()}).status_code

        def end(partner=theirs):
            with tenant_context(globex, by=grace):
                Partner.objects.get(pk=partner.pk).end(by=grace)
            return 302

        assert at_once(change, end) == [302, 302]
        with tenant_context(acme):
            assert not Overlap.objects.exists()
            assert not Connection.objects.exclude(state="ended").exists()
            Partner.objects.filter(pk=overlap.partner_id).update(name="former")


def test_two_owners_who_demote_each_other_leave_one(ada, acme):
    for _ in range(ROUNDS):
        with tenant_context(acme):
            other = member(f"Other{timezone.now():%S%f}", acme, Role.OWNER)
            Membership.objects.filter(pk=ada.pk).update(role=Role.OWNER)

        def demote(by, whom):
            client = Client(raise_request_exception=False)
            client.force_login(by.user, "allauth.account.auth_backends.AuthenticationBackend")
            path = acme.path_to("workspaces:member_role", pk=whom.pk)
            return lambda: client.post(path, {"role": "member"}).status_code

        assert (
            max(at_once(demote(ada, other), demote(other, ada), demote(ada, ada), demote(other, other))) < 500
        )
        with tenant_context(acme):
            assert Membership.objects.owners().count() >= 1
            Membership.objects.filter(pk=other.pk).delete()


def test_asking_and_answering_at_one_moment_wait_for_each_other(ada, grace, acme, globex):
    """Both write into both trails: whoever comes second waits, and nobody is sent away."""
    for number in range(8):
        overlap = overlap_of(ada, grace, f"Stark {number}")
        back = overlap_of(grace, ada, f"Wayne {number}")
        mine, theirs = draft_of(overlap, ada), draft_of(back, grace)
        do("request", mine, ada), do("request", theirs, grace)
        words = {"connector": "", "ask": "Why", "forwardable": "Hello", "send": ""}
        words["due_on"] = (timezone.localdate() + timedelta(days=7)).isoformat()

        def post(who, path, fields):
            client = Client(raise_request_exception=False)
            client.force_login(who.user, "allauth.account.auth_backends.AuthenticationBackend")
            return lambda: client.post(path, fields).status_code

        assert (
            at_once(
                post(ada, acme.path_to("intros:ask", pk=overlap.pk), words),
                post(grace, globex.path_to("intros:ask", pk=back.pk), words),
                post(ada, acme.path_to("intros:accept", pk=theirs.pk), {}),
                post(grace, globex.path_to("intros:accept", pk=mine.pk), {}),
            )
            == [302] * 4
        )
