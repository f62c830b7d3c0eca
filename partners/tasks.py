"""Jobs: they carry ids, open the workspace's context and look again whether they still may."""

from uuid import UUID

from procrastinate.contrib.django import app

from core import mail
from core.tenancy import tenant_context
from partners.models import PartnerInvitation
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
        shown = [f"{name.label}: {level.label}" for name, level in invitation.partner.levels.items()]
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
