"""What the database alone keeps about intros, with the ORM's scope taken out."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from core.models import Membership
from core.tenancy import tenant_context
from intros.models import Intro, IntroStep
from tests.intros import brought_to, draft_of, overlap_of


@pytest.fixture
def draft(ada, grace):
    return draft_of(overlap_of(ada, grace), ada)


@pytest.fixture
def requested(draft, ada, grace):
    return brought_to("requested", draft, ada, grace)


def refused(act) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        act()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def seen_from(membership: Membership) -> tuple[int, int]:
    with tenant_context(membership.tenant, by=membership):
        return Intro.across_tenants.count(), IntroStep.across_tenants.count()


def test_each_row_is_seen_by_its_two_sides(requested, ada, grace, mallory):
    assert [seen_from(who) for who in (ada, grace, mallory)] == [(1, 1), (1, 1), (0, 0)]


def test_a_draft_is_seen_by_one_side(draft, ada, grace):
    assert [seen_from(who) for who in (ada, grace)] == [(1, 0), (0, 0)]
    with tenant_context(grace.tenant):
        assert Intro.across_tenants.filter(pk=draft.pk).update(company="x") == 0
        assert Intro.across_tenants.filter(pk=draft.pk).delete()[0] == 0


@pytest.mark.parametrize("state", ["draft", "requested"])
def test_nobody_asks_in_anothers_name(state, ada, grace, acme, globex):
    now = timezone.now()
    forged = Intro(
        requester=acme,
        receiver=globex,
        state=state,
        company="Stark",
        ask="x",
        forwardable="x",
        due_on=now.date() + timedelta(days=1),
        requested_at=now,
        asked_by_id=uuid4(),
        **dict.fromkeys(
            ["connection_id", "requester_partner", "receiver_partner", "receiver_account"], uuid4()
        ),
    )
    with tenant_context(globex):
        refused(lambda: forged.save(force_insert=True))


def test_a_request_is_not_deleted_by_either_side(requested, acme, globex):
    for tenant in (acme, globex):
        with tenant_context(tenant):
            assert Intro.across_tenants.all()._raw_delete("default") == 0


def test_what_was_done_is_not_rewritten(requested, acme):
    with tenant_context(acme):
        refused(lambda: IntroStep.objects.update(by="Somebody else"))
        refused(lambda: IntroStep.objects.all()._raw_delete("default"))


def test_a_step_hangs_on_an_intro_of_its_own_sides(requested, acme, globex, initech):
    def step(one, other):
        IntroStep.objects.create(
            intro=requested,
            requester=one,
            receiver=other,
            state="declined",
            side="receiver",
            at=timezone.now(),
        )

    with tenant_context(initech):
        refused(lambda: step(acme, globex))
        refused(lambda: step(initech, globex))


def test_what_is_not_whole_is_not_requested(draft, acme):
    with tenant_context(acme):
        refused(lambda: Intro.objects.update(state="requested", ask=""))
        refused(lambda: Intro.objects.update(receiver=acme))
