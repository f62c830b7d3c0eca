"""Jobs: they carry ids, open the workspace's context and look again whether they still may."""

from contextlib import suppress
from uuid import UUID

from django.utils import timezone
from procrastinate.contrib.django import app

from core import mail
from core.models import Membership
from core.roles import Permission, permissions_on
from core.tenancy import tenant_context
from partners.models import DataRequest, Partner, PartnerInvitation, SharingRule, published, shares_shown
from workspaces.tasks import PATIENCE


@app.task(name="partners.mail_invitation", queue="mail", retry=PATIENCE)
def mail_invitation(tenant_id: str, invitation_id: str) -> None:
    with tenant_context(UUID(tenant_id)):
        found = PartnerInvitation.objects.select_related("partner", "tenant", "invited_by").filter(
            pk=invitation_id
        )
        invitation = found.first()
        if invitation is None or not invitation.is_alive:
            return
        told = shares_shown(published(invitation.partner.shares))
        shown = [f"{name.label}: {share.shows}" for name, share in told.items()]
        context = {
            "workspace": invitation.tenant.name,
            "inviter": str(invitation.invited_by),
            "inviter_email": invitation.invited_by.email,
            "partner": invitation.partner.name,
            "note": invitation.note,
            "shown": "; ".join(shown),
            "token": invitation.token,
            "expires_at": invitation.expires_at,
        }
    mail.send("partner_invitation", invitation.email, context)


@app.task(name="partners.mail_data_request", queue="mail", retry=PATIENCE)
def mail_data_request(tenant_id: str, membership_id: str, request_id: str) -> None:
    """Tell one person that a partner asks for more, unless it is answered, or they may not answer it any more."""
    with tenant_context(UUID(tenant_id)):
        people = Membership.objects.active().filter(user__is_active=True).select_related("user", "tenant")
        to = people.filter(pk=membership_id).first()
        asked = DataRequest.objects.open().to_us().filter(pk=request_id).first()
        partner = (
            asked and to and Partner.objects.visible_to(to).filter(connection_id=asked.connection_id).first()
        )
        if not partner or Permission.CHANGE_SHARING not in permissions_on(partner, to):
            return
        context = {
            "workspace": to.tenant.slug,
            "partner": partner.name,
            "partner_id": partner.pk,
            "asked_by": asked.asked_by,
            "population": asked.population_name,
            "level": asked.get_level_display(),
            "note": asked.note,
        }
    mail.send("data_request", to.user.email, context)


@app.periodic(cron="2 * * * *")
@app.task(name="partners.end_rules", queueing_lock="partners.end_rules")
def end_rules(timestamp: int) -> None:
    """Hourly: rules and both trails say what is so already, that nothing is shown after a last day."""
    today = timezone.localdate()
    for tenant_id, partner_id in SharingRule.over(today):
        with suppress(Partner.Changed, Partner.DoesNotExist), tenant_context(tenant_id):
            Partner.objects.get(pk=partner_id).end_rules(today=today)
