"""Who hears of what, and when an unanswered request ends."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from audit.models import AuditEvent
from conftest import member
from core.models import Membership
from core.roles import Role
from core.tenancy import tenant_context
from intros.models import Intro
from intros.tasks import expire
from partners.models import Partner
from tests.intros import brought_to, do, draft_of, overlap_of


@pytest.fixture
def draft(ada, grace):
    return draft_of(overlap_of(ada, grace), ada)


def told() -> list[tuple[str, str]]:
    sent = sorted((message.to[0].partition("@")[0], message.subject) for message in mail.outbox)
    mail.outbox.clear()
    return sent


def test_admins_and_owners_hear_of_a_request(run_jobs, draft, ada, grace, globex):
    member("Gina", globex, Role.ADMIN)
    member("Gus", globex, Role.MEMBER)
    do("request", draft, ada)
    run_jobs()

    text = mail.outbox[0].body
    assert told() == [(name, "Acme asks for an intro to Stark") for name in ("gina", "grace")]
    assert "We have a deal there." in text
    assert re.search(rf"http://[^/]+/w/globex/intros/{draft.pk}/\n", text)
    assert "Nobody reads replies" in text
    assert draft.forwardable not in text


def test_the_partners_owner_hears_of_it_alone(run_jobs, draft, ada, globex):
    gus = member("Gus", globex, Role.MEMBER)
    with tenant_context(globex):
        Partner.objects.update(owner=gus.user)
    do("request", draft, ada)
    run_jobs()
    assert told() == [("gus", "Acme asks for an intro to Stark")]


@pytest.mark.parametrize(
    ("state", "subject", "word"),
    [
        ("accepted", "Globex accepts the intro to Stark", "will introduce you"),
        ("declined", "Globex declines the intro to Stark", "Reason: Timing."),
        ("introduced", "Globex made the intro to Stark", "has introduced you"),
        ("expired", "The request for an intro to Stark has expired", "did not answer by"),
    ],
)
def test_who_asked_hears_of_the_answer(run_jobs, draft, ada, alan, grace, state, subject, word):
    brought_to(state, draft, ada, grace)
    run_jobs()

    ours = [message for message in mail.outbox if message.to == ["ada@acme.example"]]
    assert [message.subject for message in ours] == [subject]
    assert word in ours[0].body
    assert f"/w/acme/intros/{draft.pk}/" in ours[0].body


def test_no_mail_about_what_is_over_or_by_who_has_left(run_jobs, draft, ada, linus, grace, acme):
    do("request", draft, linus)
    with tenant_context(acme):
        Membership.objects.filter(pk=linus.pk).update(is_active=False)
    run_jobs()
    do("withdraw", draft, ada)
    run_jobs()
    assert told() == []


def test_a_job_holds_ids_only_and_goes_with_the_move(draft, ada, grace):
    do("request", draft, ada)
    job = ProcrastinateJob.objects.get(task_name="intros.mail_move")
    assert set(job.args) == {"tenant_id", "membership_id", "step_id"}
    assert all(re.fullmatch(r"[0-9a-f-]{36}", value) for value in job.args.values())


def test_a_name_can_not_forge_a_mail(run_jobs, ada, grace, acme):
    with tenant_context(acme):
        acme.name = "Acme\r\nBcc: mallory@initech.example\nhttp://evil.example"
        acme.save()
    do("request", draft_of(overlap_of(ada, grace), ada), ada)
    run_jobs()
    assert mail.outbox[0].recipients() == ["grace@globex.example"]
    assert "http://evil.example" not in mail.outbox[0].body


# -- the clock -----------------------------------------------------------------------------------------------


def test_what_nobody_answered_expires_the_day_after(run_jobs, draft, ada, grace, acme, globex):
    answered = brought_to("accepted", draft_of(overlap_of(ada, grace, "Wayne"), ada), ada, grace)
    do("request", draft, ada)
    last_day = datetime.combine(draft.due_on, datetime.max.time(), UTC)

    expire(timestamp=int(last_day.timestamp()))
    assert state_of(draft, acme) == "requested"
    expire(timestamp=int(last_day.timestamp()) + 60)
    assert state_of(draft, acme) == "expired"
    assert state_of(answered, acme) == "accepted"
    expire(timestamp=int(last_day.timestamp()) + 60)

    for tenant in (acme, globex):
        with tenant_context(tenant):
            event = AuditEvent.objects.get(action="intro.expired")
            assert (event.actor, event.target) == ("", "Stark")
    with pytest.raises(Intro.AlreadyMoved, match="expired already"):
        do("accept", draft, grace)


def test_a_pause_does_not_stop_the_clock(draft, ada, grace, acme):
    do("request", draft, ada)
    with tenant_context(acme):
        Partner.objects.get().pause(by=ada)
    expire(timestamp=int((timezone.now() + timedelta(days=30)).timestamp()))
    assert state_of(draft, acme) == "expired"


def state_of(intro: Intro, tenant) -> str:
    with tenant_context(tenant):
        return Intro.objects.get(pk=intro.pk).state
