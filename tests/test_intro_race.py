"""Two answers at one moment: one counts, the other person is told."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from audit.models import AuditEvent
from conftest import member
from core.roles import Role
from core.tenancy import tenant_context
from intros.models import Intro, IntroStep
from tests.intros import brought_to, draft_of, overlap_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_accept_and_decline_at_one_moment(log_in, ada, grace, acme, globex):
    intro = brought_to("requested", draft_of(overlap_of(ada, grace), ada), ada, grace)
    gus = member("Gus", globex, Role.MEMBER)
    start, url = Barrier(6), f"/w/globex/intros/{intro.pk}/"
    tries = [(grace, "accept", {}), (gus, "decline", {"reason": "timing"})] * 3
    clients = [log_in(who) for who, _, _ in tries]
    sent_before = ProcrastinateJob.objects.count()

    def answer(number: int) -> str:
        _, act, words = tries[number]
        try:
            start.wait(timeout=20)
            response = clients[number].post(f"{url}{act}/", {"seen": "requested", **words}, follow=True)
            return "already" if "already by" in response.content.decode() else act
        finally:
            connection.close()

    with ThreadPoolExecutor(len(tries)) as pool:
        told = sorted(pool.map(answer, range(len(tries))))

    with tenant_context(acme):
        intro = Intro.objects.get()
        steps = [step.state for step in IntroStep.objects.order_by("at")]
        actions = [
            event.action for event in AuditEvent.objects.filter(action__startswith="intro.").order_by("seq")
        ]
    with tenant_context(globex):
        theirs = [
            event.action for event in AuditEvent.objects.filter(action__startswith="intro.").order_by("seq")
        ]
    won = {"accepted": "accept", "declined": "decline"}[intro.state]
    assert told == sorted([won, *["already"] * 5])
    assert steps == ["requested", intro.state]
    assert actions == ["intro.drafted", "intro.requested", f"intro.{intro.state}"]
    assert theirs == actions[1:]
    assert ProcrastinateJob.objects.count() == sent_before + 1
