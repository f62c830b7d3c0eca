"""What people do with the overlaps they see, and the numbers that pages need without reading long lists."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.db.models import Q
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, TenantModel, User
from core.roles import Permission
from core.tenancy import tenant_context
from overlaps.models.overlap import MatchRule, Overlap, OverlapQuerySet, VisibleQuerySet
from partners.models import Connection, Partner, Population

A_VISIT = timedelta(hours=1)


class Mark(TenantModel):
    """An overlap that is not open any more: kept here, so that it is found again when the overlap comes back."""

    partner = TenantForeignKey(Partner)
    account_id = models.UUIDField(null=True)
    their_account_id = models.UUIDField()
    state = models.CharField(max_length=10, choices=Overlap.State)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "partner", "account_id", "their_account_id"],
                name="mark_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.state

    @classmethod
    @transaction.atomic
    def put(cls, overlaps: OverlapQuerySet, state: str, *, by: Membership) -> dict[str, list[UUID]]:
        """Give these overlaps this state. Gives back those that had another one, by what they had."""
        # Connections first, as each act that writes these rows takes them.
        partners = Partner.objects.filter(pk__in=overlaps.order_by().values("partner"))
        Connection.locked(partners.values_list("connection_id", flat=True))
        rows = [row for row in overlaps.order_by("pk").select_for_update(of=["self"]) if row.state != state]
        cls._keep(rows, state)
        Overlap.objects.filter(pk__in=[row.pk for row in rows]).update(state=state)
        if rows:
            changes = {"overlaps": len(rows), "state": Overlap.State(state).label.lower()}
            AuditEvent.record(Action.OVERLAPS_MARKED, by=by, target=by.tenant, changes=changes)
        before: dict[str, list[UUID]] = {}
        for row in rows:
            before.setdefault(row.state, []).append(row.pk)
        return before

    @classmethod
    def _keep(cls, rows: Iterable[Overlap], state: str) -> None:
        ids = ("partner_id", "account_id", "their_account_id")
        cls.objects.bulk_create(
            [cls(state=state, **{name: getattr(row, name) for name in ids}) for row in rows],
            update_conflicts=True,
            unique_fields=["tenant", "partner", "account_id", "their_account_id"],
            update_fields=["state"],
        )


class Tally(TenantModel):
    """How many overlaps there are of a kind. Triggers of the overlaps' table keep it."""

    partner = TenantForeignKey(Partner)
    my_population = models.CharField(max_length=20, choices=Population, blank=True)
    their_population = models.CharField(max_length=20, choices=Population, blank=True)
    is_greenfield = models.BooleanField()
    state = models.CharField(max_length=10, choices=Overlap.State)
    version = models.PositiveIntegerField()
    until = models.DateField(null=True)
    number = models.IntegerField()

    objects = TenantManager.from_queryset(VisibleQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=[
                    *("tenant", "partner", "my_population", "their_population"),
                    *("is_greenfield", "state", "version", "until"),
                ],
                name="tally_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.my_population} × {self.their_population}: {self.number}"


class PopulationSize(TenantModel):
    """How many accounts a population of ours has. Triggers of the accounts' table keep it.

    `shareable`: without those that are private or gone.
    """

    population = models.CharField(max_length=20)
    accounts = models.IntegerField()
    shareable = models.IntegerField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "population"], name="population_size_once")]

    def __str__(self) -> str:
        return f"{self.population}: {self.accounts}"


class DayFigure(TenantModel):
    """The overlaps with one partner at the end of a day, or up to now: what trends are drawn from."""

    partner = TenantForeignKey(Partner)
    day = models.DateField()
    found = models.IntegerField()
    asks = models.IntegerField()
    offers = models.IntegerField()
    amount = models.DecimalField(max_digits=18, decimal_places=2)  # of our open opportunities among them

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "partner", "day"], name="day_figure_once")]

    def __str__(self) -> str:
        return f"{self.day}: {self.found}"


class InboxVisit(TenantModel):
    """When a person last looked at the inbox: what was found since is new to them."""

    user = models.ForeignKey(User, models.DB_CASCADE, related_name="+")
    before = models.DateTimeField(null=True)  # the visit before this one
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="inbox_visit_once")]

    def __str__(self) -> str:
        return str(self.at)

    @classmethod
    def begin(cls, member: Membership) -> Self:
        """The person looks at the list now. Written once for a visit, however many pages it has."""
        visit, new = cls.objects.get_or_create(user=member.user, defaults={"at": timezone.now()})
        if not new and visit.at < timezone.now() - A_VISIT:
            visit.before, visit.at = visit.at, timezone.now()
            visit.save(update_fields=["before", "at"])
        return visit


class SavedView(TenantModel):
    """A list with its filters, under a name. Without a user: of all members."""

    class Place(models.TextChoices):
        OVERLAPS = "overlaps"
        ACCOUNTS = "accounts"

    user = models.ForeignKey(User, models.DB_CASCADE, null=True, related_name="+")
    place = models.CharField(max_length=10, choices=Place)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "place", "user", "name"], name="saved_view_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.name


class MatchSettings(TenantModel):
    """How a workspace wants to be matched. A pair of workspaces goes by the stricter one."""

    rules_off = ArrayField(models.CharField(max_length=20, choices=MatchRule), default=list)
    suggestions = models.BooleanField(default=False)
    threshold = models.PositiveSmallIntegerField(default=75)  # percent; suggestions below it are not made
    # The most accounts that a partner's growing list may newly see of ours in a day; None: no limit.
    growth_cap = models.PositiveIntegerField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="match_settings_once")]

    def __str__(self) -> str:
        return "match settings"

    @classmethod
    def here(cls) -> Self:
        """Of the workspace of the context; the defaults where nobody has changed them."""
        return cls.objects.first() or cls()

    @transaction.atomic
    def change(self, *, by: Membership, **fields: Any) -> None:
        """All connections are matched anew by a job."""
        from overlaps.tasks import rematch

        before = {name: getattr(self, name) for name in fields}
        changed = {name: value for name, value in fields.items() if value != before[name]}
        if not changed:
            return
        for name, value in changed.items():
            setattr(self, name, value)
        MatchSettings.objects.bulk_create(
            [self], update_conflicts=True, unique_fields=["tenant"], update_fields=list(changed)
        )
        AuditEvent.record(
            Action.MATCHING_CHANGED,
            by=by,
            target=by.tenant,
            changes={name.replace("_", " "): [before[name], value] for name, value in changed.items()},
        )
        rematch.defer(tenant_id=str(by.tenant_id))


class AlarmQuerySet(TenantQuerySet):
    def visible_to(self, membership: Membership) -> Self:
        return self.filter(partner__in=Partner.objects.visible_to(membership))

    def open(self) -> Self:
        return self.filter(dismissed_by="")

    def newest_first(self) -> Self:
        return self.select_related("partner").order_by("-at", "pk")


class Alarm(TenantModel):
    """A partner's list changes as if somebody wanted to find out what stands in ours. Written by the match role."""

    class Kind(models.TextChoices):
        SMALL_EDITS = "small_edits", "Many small changes"
        HIT_RATE = "hit_rate", "A far higher hit rate than before"
        DIRECTORY = "directory", "A list that looks like a directory"
        GROWTH = "growth", "More new overlaps than a day may bring"

    MEANING = {
        Kind.SMALL_EDITS: "Who adds and removes accounts one by one and looks at the counts each time may find out who "
        "is on your list. The counts that they see stand still for a week.",
        Kind.HIT_RATE: "Far more of their new accounts are on your list than of those before, as if they were guessed.",
        Kind.DIRECTORY: "Many accounts at once, and none with an owner, a stage or an amount: more like a directory "
        "than a list of their own.",
        Kind.GROWTH: "Your limit for a day is reached. What is above it, they see from tomorrow on.",
    }

    class NotOpen(Exception):
        """Somebody has dismissed it."""

    partner = TenantForeignKey(Partner, related_name="alarms")
    kind = models.CharField(max_length=12, choices=Kind)
    figures = models.JSONField(default=dict)
    day = models.DateField()
    at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, editable=False)  # when the mails were sent off
    dismissed_by = models.CharField(max_length=254, blank=True)

    objects = TenantManager.from_queryset(AlarmQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "partner", "kind", "day"], name="alarm_once")
        ]
        indexes = [
            models.Index(fields=["at"], condition=Q(told_at=None), name="alarm_untold"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def meaning(self) -> str:
        return self.MEANING[self.Kind(self.kind)]

    @property
    def in_figures(self) -> str:
        told = {name: value for name, value in self.figures.items() if not isinstance(value, bool)}
        return ", ".join(f"{name}: {value:,}" for name, value in told.items())

    @transaction.atomic
    def dismiss(self, *, by: Membership) -> None:
        """Raises NotOpen."""
        # The WHERE is the lock: of two at one moment, the second finds it dismissed.
        if not Alarm.objects.open().filter(pk=self.pk).update(dismissed_by=str(by)):
            raise self.NotOpen
        changes = {"alarm": self.get_kind_display(), "day": self.day.isoformat()}
        AuditEvent.record(Action.ALARM_DISMISSED, by=by, target=self.partner, changes=changes)

    @staticmethod
    @transaction.atomic
    def tell() -> int:
        """One mail to each who is responsible for a partner, once for each alarm. For the clock: of all workspaces."""
        from overlaps.tasks import mail_alarm

        with connection.cursor() as cursor:
            cursor.execute("SELECT workspace, alarm FROM overlaps_untold_alarms()")
            untold = cursor.fetchall()
        for tenant_id, pk in untold:
            with tenant_context(tenant_id):
                alarm = Alarm.objects.select_related("partner").get(pk=pk)
                for member in alarm.partner.responsible(Permission.CHANGE_SHARING):
                    mail_alarm.defer(tenant_id=str(tenant_id), membership_id=str(member.pk), alarm_id=str(pk))
        return len(untold)
