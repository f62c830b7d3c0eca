from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from core.tenancy import tenant_context
from workspaces.models import Invitation, OwnershipOffer

# A mail server that is away for some hours costs no mail.
PATIENCE = RetryStrategy(max_attempts=8, exponential_wait=4)


@app.task(name="workspaces.mail_invitation", queue="mail", retry=PATIENCE)
def mail_invitation(tenant_id: str, invitation_id: str, time: int) -> None:
    with tenant_context(UUID(tenant_id)):
        for invitation in Invitation.objects.pending().with_inviter().filter(pk=invitation_id):
            invitation.deliver(time)


@app.task(name="workspaces.mail_question", queue="mail", retry=PATIENCE)
def mail_question(tenant_id: str, invitation_id: str) -> None:
    with tenant_context(UUID(tenant_id)):
        for invitation in Invitation.objects.pending().with_inviter().filter(pk=invitation_id):
            invitation.deliver_question()


@app.task(name="workspaces.mail_offer", queue="mail", retry=PATIENCE)
def mail_offer(tenant_id: str, offer_id: str) -> None:
    with tenant_context(UUID(tenant_id)):
        for offer in OwnershipOffer.objects.open().filter(pk=offer_id):
            offer.deliver()
