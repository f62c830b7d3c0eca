"""Acts on the people of a workspace. Each waits its turn, so that no two of them leave a workspace without an owner."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from allauth.mfa.models import Authenticator
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest, Lower, NullIf
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.models import Membership
from core.roles import Permission, Role
from workspaces.models import Invitation, OwnershipOffer
from workspaces.tasks import mail_offer
from workspaces.turns import turn


class LastOwner(Exception):
    """A workspace is never without an active owner."""


class OfferGone(Exception):
    """Answered, taken back, or too old."""


class About(NamedTuple):
    can: str
    cannot: str


ABOUT = {
    Role.OWNER: About("Do everything, pass the ownership on", ""),
    Role.ADMIN: About("Connect partners, change sharing, invite people", "Pass the ownership on"),
    Role.MEMBER: About("See overlaps, import accounts, ask for intros", "Change sharing, invite people"),
    Role.VIEWER: About("See overlaps and intros", "Change anything"),
}


def people(search: str = "") -> QuerySet[Membership]:
    """Of the current workspace, by name, with `two_step` and `seen_at`; who is deactivated comes last."""
    second_step = Authenticator.objects.filter(
        user=OuterRef("user"), type__in=[Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    )
    found = Membership.objects.select_related("user").annotate(
        two_step=Exists(second_step), seen_at=Greatest("last_used_at", "user__last_login")
    )
    if search:
        found = found.filter(Q(user__name__icontains=search) | Q(user__email__icontains=search))
    name = Lower(Coalesce(NullIf("user__name", Value("")), "user__email"))
    return found.order_by("-is_active", name, "id")


def acts(by: Membership, member: Membership) -> set[str]:
    """What `by` may do about `member`; the last owner is looked at only when the act is done."""
    if by.pk == member.pk:
        return {"leave", "role"} if _may_touch(by, member) else {"leave"}
    if not _may_touch(by, member):
        return set()
    if not member.is_active:
        return {"reactivate", "remove"}
    offer = {"offer"} if by.role == Role.OWNER and member.role != Role.OWNER else set()
    return {"role", "deactivate", "remove"} | offer


def roles_for(by: Membership, member: Membership) -> list[Role]:
    """What `by` may choose for `member`, with the role that it is."""
    return [role for role in Role if role in Role(by.role).grantable() or role == member.role]


def change_role(member: Membership, role: str, *, by: Membership) -> None:
    """Raises PermissionDenied, LastOwner."""
    with _touching(member, by=by, act="role"):
        if role == member.role:
            return
        if role not in Role(by.role).grantable():
            raise PermissionDenied
        _spare_an_owner(member)
        before, member.role = member.role, role
        member.save(update_fields=["role"])
        changes = {"role": [before, role]} | _let_go(member)
        AuditEvent.record(Action.MEMBER_ROLE_CHANGED, by=by, target=member, changes=changes)


def deactivate(member: Membership, *, by: Membership) -> None:
    """The next request finds the workspace closed; all they did stays. Raises PermissionDenied, LastOwner."""
    with _touching(member, by=by, act="deactivate"):
        _spare_an_owner(member)
        member.is_active = False
        member.save(update_fields=["is_active"])
        AuditEvent.record(Action.MEMBER_DEACTIVATED, by=by, target=member, changes=_let_go(member))


def reactivate(member: Membership, *, by: Membership) -> None:
    """With the role they had. Raises PermissionDenied."""
    with _touching(member, by=by, act="reactivate"):
        member.is_active = True
        member.save(update_fields=["is_active"])
        AuditEvent.record(Action.MEMBER_REACTIVATED, by=by, target=member, changes={"role": member.role})


def remove(member: Membership, *, by: Membership) -> None:
    """Grants go with the membership: the database sees to it. Raises PermissionDenied, LastOwner."""
    with _touching(member, by=by, act="remove"):
        _end(member, Action.MEMBER_REMOVED, by=by)


def leave(*, by: Membership) -> None:
    """Raises LastOwner."""
    with turn(by):
        _end(by, Action.MEMBER_LEFT, by=by)


# -- ownership: offered by one, taken by the other ------------------------------------------------------------


def offer_ownership(member: Membership, *, by: Membership) -> OwnershipOffer:
    """In place of an offer made before. Raises PermissionDenied."""
    with _touching(member, by=by, act="offer"):
        OwnershipOffer.objects.all().delete()
        offer = OwnershipOffer.objects.create(offered_by=by, offered_to=member, offered_at=timezone.now())
        AuditEvent.record(Action.OWNERSHIP_OFFERED, by=by, target=member)
        mail_offer.defer(tenant_id=str(by.tenant_id), offer_id=str(offer.pk))
        return offer


def withdraw_ownership(*, by: Membership) -> None:
    """Raises PermissionDenied, OfferGone."""
    with turn(by):
        if Permission.OWN_WORKSPACE not in by.permissions:
            raise PermissionDenied
        offer = _offer()
        offer.delete()
        AuditEvent.record(Action.OWNERSHIP_WITHDRAWN, by=by, target=offer.offered_to)


def accept_ownership(*, by: Membership) -> None:
    """Who offered it becomes an admin. Raises OfferGone."""
    with turn(by):
        offer = _offer(to=by)
        former = offer.offered_by
        before, by.role, former.role = by.role, Role.OWNER, Role.ADMIN
        by.save(update_fields=["role"])
        former.save(update_fields=["role"])
        offer.delete()
        changes = {"role": [before, Role.OWNER], "former_owner": str(former)}
        AuditEvent.record(Action.OWNERSHIP_ACCEPTED, by=by, target=former, changes=changes)


def decline_ownership(*, by: Membership) -> None:
    """Raises OfferGone."""
    with turn(by):
        offer = _offer(to=by)
        offer.delete()
        AuditEvent.record(Action.OWNERSHIP_DECLINED, by=by, target=offer.offered_by)


# -- inside ---------------------------------------------------------------------------------------------------


def _may_touch(by: Membership, member: Membership) -> bool:
    return Permission.MANAGE_MEMBERS in by.permissions and Role(member.role).rank <= Role(by.role).rank


@contextmanager
def _touching(member: Membership, *, by: Membership, act: str) -> Iterator[None]:
    """Both as they are now. Raises PermissionDenied."""
    with turn(by):
        try:
            member.refresh_from_db(fields=["role", "is_active"])
        except ObjectDoesNotExist as gone:
            raise PermissionDenied from gone
        if act not in acts(by, member):
            raise PermissionDenied
        yield


def _spare_an_owner(member: Membership) -> None:
    """Raises LastOwner."""
    others = Membership.objects.owners().filter(user__is_active=True).exclude(pk=member.pk)
    if member.role == Role.OWNER and member.is_active and not others.exists():
        raise LastOwner


def _let_go(member: Membership) -> dict[str, int]:
    """What the member, as they are now, may no longer have under way; for the event."""
    if member.role != Role.OWNER or not member.is_active:
        OwnershipOffer.objects.filter(offered_by=member).delete()
    if not member.is_active:
        OwnershipOffer.objects.filter(offered_to=member).delete()
    revoked = Invitation.revoke_beyond(member)
    if not member.is_active:  # no way back by another address of theirs
        revoked += Invitation.revoke_to(member.user)
    return {"invitations_revoked": revoked} if revoked else {}


def _end(member: Membership, action: Action, *, by: Membership) -> None:
    _spare_an_owner(member)
    member.is_active = False
    changes = {"role": member.role, "email": member.user.email} | _let_go(member)
    member.delete()
    AuditEvent.record(action, by=by, target=member, changes=changes)


def _offer(to: Membership | None = None) -> OwnershipOffer:
    """Raises OfferGone."""
    offer = OwnershipOffer.objects.open().first()
    if offer is None or not offer.is_alive or (to and offer.offered_to_id != to.pk):
        raise OfferGone
    return offer
