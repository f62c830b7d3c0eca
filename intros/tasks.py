from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from core.models import Membership
from core.tenancy import tenant_context
from intros import mail
from intros.models import Intro, IntroStep


@app.task(name="intros.mail_move", queue="mail", retry=RetryStrategy(max_attempts=8, exponential_wait=4))
def mail_move(tenant_id: str, membership_id: str, step_id: str) -> None:
    """Tell one person of one move, unless the intro has moved on, somebody has left or may not see it any more."""
    with tenant_context(UUID(tenant_id)):
        people = Membership.objects.active().filter(user__is_active=True).select_related("user", "tenant")
        to = people.filter(pk=membership_id).first()
        step = IntroStep.objects.select_related("intro").filter(pk=step_id).first()
        if not to or not step or not Intro.objects.visible_to(to).filter(pk=step.intro_id).exists():
            return
        if step.intro.state == step.state and mail.may_still(step):
            mail.send(step, to)


@app.periodic(cron="7 * * * *")
@app.task(name="intros.expire", queueing_lock="intros.expire")
def expire(timestamp: int) -> None:
    """Hourly: requests whose due date has passed."""
    today = datetime.fromtimestamp(timestamp, UTC).date()
    for intro_id, tenant_id in Intro.overdue(today):
        with suppress(Intro.Refused, Intro.DoesNotExist), tenant_context(tenant_id):
            Intro.objects.get(pk=intro_id).expire(today=today)


@app.task(name="intros.follow_merge")
def follow_merge(tenant_id: str, kept: str, gone: list[str]) -> None:
    """Accounts of this workspace are one from now on: intros about any of them are about that one."""
    with tenant_context(UUID(tenant_id)):
        Intro.objects.follow_merge(UUID(tenant_id), kept=UUID(kept), gone=[UUID(pk) for pk in gone])
