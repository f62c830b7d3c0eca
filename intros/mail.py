"""Who hears of a move, and what the mail says."""

from typing import TYPE_CHECKING

from core import mail
from core.models import Membership, MembershipQuerySet
from core.roles import Permission, Role
from core.tenancy import tenant_context
from intros.moves import Side, State
from partners.models import Partner

if TYPE_CHECKING:
    from intros.models import Intro, IntroStep

ANSWERING = [role for role in Role if role is not Role.VIEWER]


def tell(intro: "Intro", step: "IntroStep", side: Side | None) -> None:
    """One job for each person, in the transaction of the move: no move, no mail."""
    from intros.tasks import mail_move

    if side is None:
        return
    tenant_id = intro.tenant_on(side)
    with tenant_context(tenant_id):
        people = list(_responsible(intro, side).exclude(user=step.by_id).values_list("pk", flat=True))
    for membership_id in people:
        mail_move.defer(tenant_id=str(tenant_id), membership_id=str(membership_id), step_id=str(step.pk))


def _responsible(intro: "Intro", side: Side) -> MembershipQuerySet:
    """Who asked, or the partner's owner; where there is no such person any more, admins and owners."""
    partner = intro.requester_partner if side is Side.REQUESTER else intro.receiver_partner
    if side is Side.REQUESTER:
        person = intro.asked_by_id
    else:
        person = Partner.objects.values_list("owner", flat=True).filter(pk=partner).first()
    members = Membership.objects.active()
    chosen = members.filter(user=person, user__is_active=True, role__in=ANSWERING).first()
    if chosen and Partner.objects.visible_to(chosen).filter(pk=partner).exists():
        return members.filter(pk=chosen.pk)
    return members.filter(role__in=[Role.OWNER, Role.ADMIN])


def send(step: "IntroStep", to: Membership) -> None:
    intro = step.intro
    asked = step.state == State.REQUESTED
    mail.send(
        "intro_requested" if asked else "intro_moved",
        to.user.email,
        {
            "workspace": to.tenant.slug,
            "intro": intro.pk,
            "name": to.user,
            "company": intro.company,
            "requester": intro.requester_name,
            "receiver": intro.receiver_name,
            "by": step.by,
            "state": step.state,
            "reason": step.get_reason_display(),
            "answer": step.answer,
            "ask": intro.ask,
            "due_on": intro.due_on,
        },
    )


def may_still(step: "IntroStep") -> bool:
    """The person who moved the intro is still there and still may; of the clock nobody asks."""
    if step.side == Side.CLOCK:
        return True
    with tenant_context(step.intro.tenant_on(Side(step.side))):
        mover = Membership.objects.active().filter(user=step.by_id, user__is_active=True).first()
        return mover is not None and Permission.ANSWER_INTROS in mover.permissions
