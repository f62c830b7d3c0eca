"""The link between two workspaces."""

from collections.abc import Iterable, Mapping
from typing import Any, Self
from uuid import UUID

from django.db import models, transaction
from django.db.models import F, Q

from core.managers import TwoSidedManager
from core.models import PublicModel, Tenant
from core.tenancy import tenant_context


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def between(self, one: UUID, other: UUID) -> Self:
        return self.filter(Q(inviter=one, invitee=other) | Q(inviter=other, invitee=one))


class Connection(PublicModel):
    """The double opt-in link between two workspaces. Both sides see this row, and only they.

    `*_version` counts the changes of what that side shares: a row disclosed under an older version is not shown.
    `*_levels` says to the other side, who can't read the rules, what these show (`sharing.published`). Version and
    levels are written together, after the rules, by `publish`: a trigger of the overlaps follows the version.
    """

    SIDES = ("inviter_id", "invitee_id")

    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        ENDED = "ended"

    class NotNow(Exception):
        """The connection is in another state by now, or this side may not move it on."""

    inviter = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+")
    invitee = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+")
    inviter_version = models.PositiveIntegerField(default=1)
    invitee_version = models.PositiveIntegerField(default=1)
    inviter_levels = models.JSONField(default=dict)
    invitee_levels = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    # To a workspace that only holds the list we keep of an offline partner: nobody enters it.
    is_offline = models.BooleanField(default=False)
    paused_by = models.UUIDField(null=True, blank=True)  # the workspace that may resume
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = TwoSidedManager.from_queryset(ConnectionQuerySet)()
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

    def side_of(self, tenant_id: UUID) -> str:
        return "inviter" if tenant_id == self.inviter_id else "invitee"

    def across_from(self, tenant_id: UUID) -> UUID:
        """The workspace on the other side."""
        return self.invitee_id if tenant_id == self.inviter_id else self.inviter_id

    def shown_by(self, tenant_id: UUID) -> Mapping[str, Any]:
        """What this side has published of its rules."""
        return getattr(self, f"{self.side_of(tenant_id)}_levels")

    @classmethod
    def locked(cls, ids: Iterable[UUID | None]) -> list[Self]:
        """Those that are not over, held until commit; in one order, so that two acts can't wait for each other."""
        alive = cls.objects.exclude(state=cls.State.ENDED).filter(pk__in=[pk for pk in ids if pk])
        return list(alive.select_for_update(no_key=True).order_by("pk"))

    def publish(self, levels: Mapping[UUID, Mapping[str, Any]]) -> None:
        """What these sides share from now on: the last statement of an act that wrote the rules."""
        changed: dict[str, Any] = {}
        for tenant_id, shared in levels.items():
            side = self.side_of(tenant_id)
            changed |= {f"{side}_levels": shared, f"{side}_version": F(f"{side}_version") + 1}
        Connection.objects.filter(pk=self.pk).update(**changed)

    @transaction.atomic
    def drop_list(self) -> None:
        """The end of an offline partner's list: the workspace that holds it goes, with all that was seen of it."""
        Connection.objects.filter(pk=self.pk, is_offline=True).update(state=self.State.ENDED)
        with tenant_context(self.invitee_id):
            Tenant.objects.filter(pk=self.invitee_id, origin=Tenant.Origin.OFFLINE).delete()

    @property
    def is_active(self) -> bool:
        return self.state == self.State.ACTIVE

    @property
    def is_over(self) -> bool:
        return self.state == self.State.ENDED
