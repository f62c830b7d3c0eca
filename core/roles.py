"""Who may do what in a workspace: one table, and the authentication backend that answers from it."""

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from core.models import User


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"

    @property
    def rank(self) -> int:
        """Higher may more."""
        return -list(Role).index(self)

    def grantable(self) -> list["Role"]:
        """The roles that somebody with this one may give: none above it, and ownership only by transfer."""
        return [role for role in Role if role.rank <= self.rank and role is not Role.OWNER]


class Permission(models.TextChoices):
    SEE_WORKSPACE = "see_workspace"
    EDIT_ACCOUNTS = "edit_accounts"
    ANSWER_INTROS = "answer_intros"
    CONNECT_PARTNERS = "connect_partners"
    CHANGE_SHARING = "change_sharing"
    INVITE_MEMBERS = "invite_members"
    MANAGE_MEMBERS = "manage_members"
    CHANGE_SETTINGS = "change_settings"
    SEE_AUDIT = "see_audit"
    OWN_WORKSPACE = "own_workspace"


_VIEWER = {Permission.SEE_WORKSPACE}
_MEMBER = _VIEWER | {Permission.EDIT_ACCOUNTS, Permission.ANSWER_INTROS}
_ADMIN = set(Permission) - {Permission.OWN_WORKSPACE}
PERMISSIONS = {
    Role.VIEWER: frozenset(_VIEWER),
    Role.MEMBER: frozenset(_MEMBER),
    Role.ADMIN: frozenset(_ADMIN),
    Role.OWNER: frozenset(Permission),
}


def permissions_of(role: str) -> frozenset[Permission]:
    return PERMISSIONS[Role(role)]


class RoleBackend:
    """`user.has_perm(permission, obj)`: by the role in obj's workspace, or by a grant on obj itself.

    A global permission or being superuser gives nothing here: guardian's own backend would let both in.
    """

    def authenticate(self, request: Any, **credentials: Any) -> None:
        return None

    def get_user(self, user_id: Any) -> None:
        return None

    def has_perm(self, user: "User", perm: str, obj: Any = None) -> bool:
        from core.models import Membership, tenant_id_of

        tenant_id = tenant_id_of(obj)
        if tenant_id is None:
            return False
        membership = Membership.across_tenants.of(user).filter(tenant=tenant_id).first()
        return membership is not None and (perm in membership.permissions or perm in grants_on(obj, user))


def grants_on(obj: Any, user: "User") -> set[str]:
    """Codenames granted to this person on this one object; empty for kinds of objects that have no grants."""
    if not hasattr(obj, "GRANTS"):
        return set()
    from guardian.shortcuts import get_user_perms

    return set(get_user_perms(user, obj))
