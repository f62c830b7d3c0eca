"""People, workspaces and who belongs where, as data. Acts on them stand in `workspaces`, where they are recorded."""

from typing import Any, Self
from uuid import UUID, uuid4

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import _user_has_perm
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse

from core import naming
from core.managers import OwnOrTenantManager, TenantManager, TenantQuerySet
from core.roles import Permission, Role, permissions_of
from core.tenancy import WrongTenant, current_tenant_id, tenant_context


class Tier(models.TextChoices):
    FREE = "free"
    STARTER = "starter"
    GROWTH = "growth"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, email: str) -> "User":
        return self.get(email=email.lower())


class User(AbstractBaseUser):
    """A person. `is_superuser` makes an operator of the installation; it opens no workspace."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email = models.EmailField("e-mail", unique=True)
    name = models.CharField(max_length=200, blank=True)
    business_name = models.CharField(max_length=200, blank=True)
    business_domain = models.CharField(max_length=253, blank=True)
    tier = models.CharField(max_length=20, choices=Tier, default=Tier.FREE)
    is_active = models.BooleanField(default=True)
    is_superuser = models.BooleanField(default=False)
    date_joined = models.DateTimeField(auto_now_add=True)

    objects = UserManager()
    USERNAME_FIELD = EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return str(self)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Of one object: nobody has a permission everywhere, and being superuser is no answer."""
        return obj is not None and self.is_active and _user_has_perm(self, perm, obj)

    def has_perms(self, perms: list[str], obj: Any = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perms)


class PublicModel(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)

    class Meta:
        abstract = True


class TenantModel(PublicModel):
    """A row that belongs to one workspace, for ever.

    `objects` answers inside `tenant_context` only. Each statement names the tenant, saves and deletes of instances
    too, and tenant_id is written once. A subclass with a Meta of its own inherits `TenantModel.Meta`.
    """

    # No index of its own: the key (tenant_id, id) serves.
    tenant = models.ForeignKey(
        "core.Tenant", models.DB_CASCADE, related_name="+", editable=False, db_index=False
    )

    objects = TenantManager()
    across_tenants = models.Manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def join_tenant(self) -> None:
        """Raises WrongTenant, NoTenantContext."""
        if self.tenant_id is None:
            self.tenant_id = current_tenant_id()
        elif self.tenant_id != current_tenant_id():
            raise WrongTenant(f"{self.tenant_id} is not the workspace of the context.")

    def save(self, **kwargs: Any) -> None:
        self.join_tenant()
        super().save(**kwargs)

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, *args: Any) -> Any:
        values = [value for value in values if value[0].name != "tenant"]
        return super()._do_update(base_qs, using, pk_val, values, *args)

    def delete(self, **kwargs: Any) -> tuple[int, dict[str, int]]:
        return type(self)._base_manager.filter(pk=self.pk).delete()


class TenantAcrossQuerySet(models.QuerySet["Tenant"]):
    def of(self, user: User) -> Self:
        """The workspaces this person may enter now."""
        return self.filter(is_active=True, memberships__user=user, memberships__is_active=True)


class Tenant(PublicModel):
    """A workspace: one company's private space."""

    class Origin(models.TextChoices):
        SIGN_UP = "sign_up"
        PERSON = "person", "made by a member"
        MIGRATION = "migration", "made for a user who was there before workspaces"
        OPERATOR = "operator"
        OFFLINE = "offline", "keeps the list of a partner without a workspace; nobody enters it"

    class Subscription(models.TextChoices):
        NONE = "none"
        TRIAL = "trial"
        ACTIVE = "active"
        PAST_DUE = "past_due"
        ENDED = "ended"

    class SlugTaken(Exception):
        """Another workspace has this address, or had it once."""

    TENANT_LOOKUP = "pk"
    PERSON_LOOKUP = "memberships__user"

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=naming.SLUG_LENGTH, unique=True)
    domain = models.CharField(max_length=253, blank=True)
    contact_email = models.EmailField("contact e-mail", blank=True)
    plan = models.CharField(max_length=20, choices=Tier, default=Tier.FREE)
    features = models.JSONField(default=dict, blank=True)
    subscription = models.CharField(max_length=10, choices=Subscription, default=Subscription.NONE)
    is_active = models.BooleanField(default=True)
    accent = models.CharField(max_length=10, blank=True)
    logo_version = models.CharField(max_length=16, blank=True, editable=False)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.SIGN_UP, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnOrTenantManager()
    across_tenants = models.Manager.from_queryset(TenantAcrossQuerySet)()

    class Meta:
        base_manager_name = "across_tenants"

    def __str__(self) -> str:
        return self.name

    def path_to(self, name: str, **kwargs: Any) -> str:
        return reverse(name, kwargs={"slug": self.slug, **kwargs})

    @property
    def logo_url(self) -> str:
        return self.path_to("workspaces:logo_file", version=self.logo_version) if self.logo_version else ""

    @classmethod
    def found(cls, *, owner: User, slug: str = "", **fields: Any) -> "Membership":
        """A new workspace with this slug, or a free one made from its name, and its owner's membership.

        Raises SlugTaken, if a slug was given.
        """
        tenant = cls(**fields)
        wishes = [slug] if slug else naming.slugs(tenant.name, tenant.domain)
        with tenant_context(tenant, by=owner):
            tenant.slug = next(filter(tenant.claims, wishes), "")
            if not tenant.slug:
                raise cls.SlugTaken(slug)
            tenant.save(force_insert=True)
            WorkspaceSlug.objects.filter(slug=tenant.slug).update(is_current=True)
            first = not Membership.across_tenants.of(owner).exists()
            return Membership.objects.create(tenant=tenant, user=owner, role=Role.OWNER, is_default=first)

    def claims(self, slug: str) -> bool:
        """Take an address that no workspace has, or ever had; one that was this workspace's own counts as free.

        Of two that claim at one moment the second waits for the first, and gets False.
        """
        WorkspaceSlug.objects.bulk_create([WorkspaceSlug(slug=slug)], ignore_conflicts=True)
        return WorkspaceSlug.objects.filter(slug=slug).exists()


class WorkspaceSlug(TenantModel):
    """Every address a workspace ever had: old ones redirect and are never given away."""

    # Rows are made before the workspace's own row, in the same transaction: the database checks at its end.
    tenant = models.ForeignKey(
        Tenant, models.DB_CASCADE, related_name="slugs", editable=False, db_index=False
    )
    slug = models.SlugField(max_length=naming.SLUG_LENGTH, unique=True)
    is_current = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        pass

    def __str__(self) -> str:
        return self.slug


class MembershipQuerySet(TenantQuerySet):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def owners(self) -> Self:
        return self.active().filter(role=Role.OWNER)


class MembershipAcrossQuerySet(models.QuerySet["Membership"]):
    def of(self, user: User) -> Self:
        """This person's memberships that open a door now."""
        return self.filter(user=user, is_active=True, tenant__is_active=True)

    def at(self, user: User, slug: str) -> Self:
        """The membership that `/w/<slug>/` needs, for a current or a former slug."""
        return self.of(user).filter(tenant__slugs__slug=slug).select_related("tenant")


class Membership(TenantModel):
    """A person's role in a workspace."""

    TENANT_LOOKUP = "tenant"
    PERSON_LOOKUP = "user"

    tenant = models.ForeignKey(
        Tenant, models.DB_CASCADE, related_name="memberships", editable=False, db_index=False
    )
    user = models.ForeignKey(User, models.DB_CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    is_active = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnOrTenantManager.from_queryset(MembershipQuerySet)()
    across_tenants = models.Manager.from_queryset(MembershipAcrossQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="membership_once")]

    def __str__(self) -> str:
        return str(self.user)

    @property
    def permissions(self) -> frozenset[Permission]:
        return permissions_of(self.role) if self.is_active else frozenset()

    def may(self, permission: Permission, obj: Any = None) -> bool:
        """By role, or by a grant on `obj`."""
        if obj is None:
            return permission in self.permissions
        return self.user.has_perm(permission, obj)


def tenant_id_of(obj: Any) -> UUID | None:
    """The workspace a permission on `obj` is asked in."""
    return obj.pk if isinstance(obj, Tenant) else getattr(obj, "tenant_id", None)
