"""Companies we sell with: our record of them, the link between two workspaces, and what each shows the other."""

from typing import Self

from django.db import models
from django.db.models import F, Q
from guardian.models import UserObjectPermissionBase

from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet, TwoSidedManager
from core.models import Membership, PublicModel, Tenant, TenantModel, User


class Population(models.TextChoices):
    """The standard segments of an account list: what is matched and shared."""

    CUSTOMERS = "customers", "Customers"
    OPEN_OPPORTUNITIES = "open_opportunities", "Open opportunities"
    PROSPECTS = "prospects", "Prospects"


class Level(models.TextChoices):
    """What a partner sees of a population; each one more than the one before."""

    HIDDEN = "hidden", "Hidden"
    COUNTS = "counts", "Counts only"
    OVERLAPS = "overlaps", "Overlapping accounts"
    ALL = "all", "All accounts"


class Connection(PublicModel):
    """The double opt-in link between two workspaces. Both sides see this row, and only they.

    `*_version` counts the changes of what that side shares: a row disclosed under an older version is not shown.
    """

    SIDES = ("inviter_id", "invitee_id")

    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        ENDED = "ended"

    inviter = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+")
    invitee = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+")
    inviter_version = models.PositiveIntegerField(default=1)
    invitee_version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    paused_by = models.UUIDField(null=True, blank=True)  # the workspace that may resume
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = TwoSidedManager()
    across_tenants = models.Manager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.CheckConstraint(condition=~Q(inviter=F("invitee")), name="connection_has_two_sides"),
            models.UniqueConstraint(
                models.functions.Least("inviter", "invitee"),
                models.functions.Greatest("inviter", "invitee"),
                condition=~Q(state="ended"),
                name="connection_once",
            ),
        ]

    def __str__(self) -> str:
        return f"connection {self.pk}"


class PartnerQuerySet(TenantQuerySet):
    def connected(self) -> Self:
        return self.filter(state__in=[Partner.State.CONNECTED, Partner.State.PAUSED])

    def visible_to(self, membership: Membership) -> Self:
        """A restricted partner is for admins, owners and people with a grant."""
        if membership.role in {"owner", "admin"}:
            return self
        granted = PartnerGrant.objects.filter(user=membership.user_id).values("content_object_id")
        return self.filter(Q(is_restricted=False) | Q(pk__in=granted))


class Partner(TenantModel):
    """Our record of another company; the other side has its own record of us."""

    GRANTS = ("manage_partner", "contribute_to_partner", "view_partner_restricted")

    class State(models.TextChoices):
        INVITED = "invited"
        CONNECTED = "connected"
        PAUSED = "paused"
        ENDED = "ended"
        DECLINED = "declined"

    name = models.CharField(max_length=100)
    domain = models.CharField(max_length=253, blank=True)
    notes = models.TextField(blank=True, max_length=5000)
    is_restricted = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State, default=State.INVITED)
    owner = models.ForeignKey(User, models.DB_SET_NULL, null=True, blank=True, related_name="+")
    # No foreign key: a constraint on a two-sided table would tell whether a hidden row exists.
    connection_id = models.UUIDField(null=True, blank=True, db_index=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager.from_queryset(PartnerQuerySet)()

    class Meta(TenantModel.Meta):
        default_permissions = ()
        permissions = [
            ("manage_partner", "Manages this partner and what is shared with it"),
            ("contribute_to_partner", "Works on this partner's accounts and intros"),
            ("view_partner_restricted", "Sees this partner though it is restricted"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "connection_id"], name="partner_once_per_connection")
        ]
        indexes = [models.Index(fields=["tenant", "name"], name="partner_by_name")]

    def __str__(self) -> str:
        return self.name


class PartnerGrant(UserObjectPermissionBase, TenantModel):
    """A guardian grant on one partner. It goes with the partner and with the membership: the database sees to it."""

    tenant = models.ForeignKey(Tenant, models.DO_NOTHING, related_name="+", editable=False, db_index=False)
    user = models.ForeignKey(User, models.DO_NOTHING, related_name="+")
    permission = models.ForeignKey("auth.Permission", models.DO_NOTHING, related_name="+")
    content_object = TenantForeignKey(Partner)

    objects = TenantManager()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user", "permission", "content_object"], name="grant_once"
            )
        ]


class SharingRule(TenantModel):
    """What this partner sees of one of our populations. No row means Hidden."""

    partner = TenantForeignKey(Partner)
    population = models.CharField(max_length=20, choices=Population)
    level = models.CharField(max_length=10, choices=Level, default=Level.HIDDEN)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "partner", "population"], name="sharing_rule_once")
        ]

    def __str__(self) -> str:
        return f"{self.get_population_display()}: {self.get_level_display()}"
