"""How a workspace comes to be: with its founder's account, or made later by a person who has others."""

from audit.actions import Action
from audit.models import AuditEvent, SecurityEvent
from core import naming
from core.models import Membership, Tenant, User
from core.tenancy import tenant_context


def found(*, owner: User, slug: str = "", **fields: str) -> Membership:
    """Raises Tenant.SlugTaken when this very `slug` is not to be had; without one, a free one is made."""
    membership = Tenant.found(owner=owner, slug=slug, **fields)
    with tenant_context(membership.tenant, by=owner):
        AuditEvent.record(
            Action.WORKSPACE_FOUNDED,
            by=membership,
            target=membership.tenant,
            changes={"name": membership.tenant.name, "slug": membership.tenant.slug},
        )
    return membership


def sign_up(user: User) -> Membership:
    """The personal workspace of somebody who has just got an account; the name is a guess, to be changed later."""
    domain = naming.company_domain(user.email, user.business_domain)
    membership = found(
        owner=user,
        name=naming.workspace_name(
            business_name=user.business_name, domain=domain, person=user.name, email=user.email
        ),
        domain=domain,
        contact_email=user.email,
        plan=user.tier,
        origin=Tenant.Origin.SIGN_UP,
    )
    SecurityEvent.record(Action.SIGNED_UP, by=user)
    return membership
