"""Asking a partner to show more of a population."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.utils import timezone

from audit.actions import Action
from core.managers import TwoSidedManager
from core.models import Membership, PublicModel, Tenant
from core.roles import Permission
from core.tenancy import current_tenant_id, tenant_context
from partners.models.connection import Connection
from partners.models.sharing import Custom, Level, Population, Share, Shares

if TYPE_CHECKING:
    from partners.models.partner import Partner


class DataRequestQuerySet(models.QuerySet["DataRequest"]):
    def open(self) -> Self:
        return self.filter(state=DataRequest.State.OPEN)

    def with_partners(self, partners: models.QuerySet) -> Self:
        return self.filter(connection_id__in=partners.values("connection_id"))

    def to_us(self) -> Self:
        """Ours to answer."""
        return self.filter(owner=current_tenant_id())

    def by_us(self) -> Self:
        return self.filter(asker=current_tenant_id())

    def newest_first(self) -> Self:
        return self.order_by("-created_at", "pk")


class DataRequest(PublicModel):
    """One side asks the other, whose data it is, for a higher level. Both see the row.

    Accepting it is raising the level: `Partner.share` marks what it grants.
    """

    SIDES = ("asker_id", "owner_id")
    A_DAY = 20  # of one workspace to one partner

    class State(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        WITHDRAWN = "withdrawn"

    class AlreadyAsked(Exception):
        """For this population, and not answered yet; or too often today."""

    class NothingToAsk(Exception):
        """The partner is not connected, or shows as much already."""

    class NotOpen(Exception):
        """Answered or withdrawn by now."""

    asker = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+")
    owner = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+")
    connection_id = models.UUIDField()
    population = models.CharField(max_length=20)  # of the owner's
    population_name = models.CharField(max_length=60)
    level = models.CharField(max_length=10, choices=Level)
    note = models.CharField(max_length=280, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    asked_by = models.CharField(max_length=254)
    answered_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = TwoSidedManager.from_queryset(DataRequestQuerySet)()
    across_tenants = models.Manager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.CheckConstraint(condition=~Q(asker=F("owner")), name="data_request_has_two_sides"),
            models.UniqueConstraint(
                fields=["asker", "owner", "population"],
                condition=Q(state="open"),
                name="data_request_once",
            ),
        ]
        indexes = [models.Index(fields=["owner", "state"], name="data_request_received")]

    def __str__(self) -> str:
        return f"{self.population_name}: {self.get_level_display()}"

    @property
    def is_ours(self) -> bool:
        return self.asker_id == current_tenant_id()

    @classmethod
    @transaction.atomic
    def ask(
        cls, partner: "Partner", *, population: Population | Custom, level: Level, note: str, by: Membership
    ) -> Self:
        """Raises AlreadyAsked, NothingToAsk."""
        shown = partner.their_shares.get(population, Share()).level
        if not partner.shares_live_data or shown.rank >= level.rank:
            raise cls.NothingToAsk
        request = cls(
            asker_id=partner.tenant_id,
            owner_id=partner.connection.across_from(partner.tenant_id),
            connection_id=partner.connection_id,
            population=str(population.value),
            population_name=population.label,
            level=level,
            note=note,
            asked_by=str(by),
        )
        request._save_once()
        with tenant_context(request.owner_id):
            request._mail(type(partner).objects.get(connection_id=partner.connection_id))
        changes = {"population": population.label, "level": level.label}
        partner.record_on_both_sides(Action.DATA_REQUESTED, by=by, changes=changes)
        return request

    def _save_once(self) -> None:
        today = DataRequest.objects.by_us().filter(
            connection_id=self.connection_id, created_at__gt=timezone.now() - timedelta(days=1)
        )
        if today.count() >= self.A_DAY:
            raise self.AlreadyAsked
        try:
            with transaction.atomic():
                self.save(force_insert=True)
        except IntegrityError as twice:
            raise self.AlreadyAsked from twice

    def _mail(self, theirs: "Partner") -> None:
        """One job for each person who may answer it; `theirs` is the other side's record of us."""
        from partners.tasks import mail_data_request

        for member in theirs.responsible(Permission.CHANGE_SHARING):
            mail_data_request.defer(
                tenant_id=str(self.owner_id), membership_id=str(member.pk), request_id=str(self.pk)
            )

    @transaction.atomic
    def decline(self, partner: "Partner", *, by: Membership) -> None:
        """By the owner of the data. Raises NotOpen."""
        self._close(self.State.DECLINED, side="owner", by=by)
        partner.record_on_both_sides(Action.DATA_REQUEST_DECLINED, by=by, changes=self._said())

    @transaction.atomic
    def withdraw(self, partner: "Partner", *, by: Membership) -> None:
        """By who asked. Raises NotOpen."""
        self._close(self.State.WITHDRAWN, side="asker", by=by)
        partner.record_on_both_sides(Action.DATA_REQUEST_WITHDRAWN, by=by, changes=self._said())

    def _close(self, state: State, *, side: str, by: Membership) -> None:
        # The WHERE is the lock, and says whose answer it is.
        mine = DataRequest.objects.open().filter(pk=self.pk, **{side: by.tenant_id})
        if not mine.update(state=state, answered_by=str(by), answered_at=timezone.now()):
            raise self.NotOpen
        self.refresh_from_db()

    def _said(self) -> dict[str, Any]:
        return {"population": self.population_name, "level": self.get_level_display()}

    @classmethod
    def grant(cls, link: Connection, shares: Shares, *, owner: UUID, by: Membership | None) -> None:
        """Part of each act that raises levels: what was asked for and is given by it is accepted."""
        for request in cls.objects.open().filter(connection_id=link.pk, owner=owner):
            if shares.get(request.population, Share()).level.rank >= Level(request.level).rank:
                request.state, request.answered_by = cls.State.ACCEPTED, str(by or "")
                request.answered_at = timezone.now()
                request.save(update_fields=["state", "answered_by", "answered_at"])
