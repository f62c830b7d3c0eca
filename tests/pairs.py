"""Two workspaces of the cast become partners, by the real acts."""

from core.models import Membership
from core.tenancy import person_context, tenant_context
from partners.models import Level, Levels, Partner, PartnerInvitation, Population, all_hidden

NAMES_OF_CUSTOMERS: Levels = all_hidden() | {Population.CUSTOMERS: Level.OVERLAPS}


def invite(by: Membership, email: str = "grace@globex.example", **fields) -> PartnerInvitation:
    asked = {"name": "Globex", "domain": "globex.example", "note": "", "levels": all_hidden()} | fields
    with tenant_context(by.tenant, by=by):
        return PartnerInvitation.send(email=email, by=by, **asked)


def connect(
    inviter: Membership, invitee: Membership, *, shows: Levels | None = None, shown: Levels | None = None
) -> tuple[Partner, Partner]:
    """The inviter's record of the other, and the other's of the inviter. `shows`: what the inviter shares."""
    invitation = invite(
        inviter,
        invitee.user.email,
        name=invitee.tenant.name,
        domain=invitee.tenant.domain,
        levels=shows or all_hidden(),
    )
    with person_context(invitee.user):
        offer = PartnerInvitation.behind(invitation.token_hash)
        theirs = offer.accept(by=invitee, levels=shown or all_hidden())
    with tenant_context(inviter.tenant):
        return Partner.objects.get(connection_id=theirs.connection_id), theirs
