"""Who may do what in a workspace: one table, and the authentication backend that answers from it."""

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from core.models import Membership, User


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

# What a grant on one object may add to a role: a viewer gets none.
GRANTABLE = {Role.MEMBER: frozenset({Permission.CONNECT_PARTNERS, Permission.CHANGE_SHARING})}


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
        return membership is not None and perm in permissions_on(obj, membership)


def permissions_on(obj: Any, membership: "Membership") -> frozenset[Permission]:
    """What this member of obj's workspace may do with it: by role, and by what a grant on it adds to the role.

    Kinds of objects that can be granted have `granted_to(user_id)`, which knows the rows of its workspace only.
    """
    addable = GRANTABLE.get(Role(membership.role), frozenset())
    if not addable or not membership.is_active or not hasattr(obj, "granted_to"):
        return membership.permissions
    return membership.permissions | addable & obj.granted_to(membership.user_id)
