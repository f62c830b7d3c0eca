"""Accounts, their imports, and the overlaps with partners."""

from typing import Any, Self

from django.db import models, transaction
from django.db.models import Count, F, Q
from django.db.models.fields.tuple_lookups import Tuple, TupleIn
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, TenantModel
from core.tenancy import current_tenant_id
from overlaps import matching
from overlaps.keys import domain_key
from partners.models import Connection, Level, Partner, Population


class AccountQuerySet(TenantQuerySet):
    def found_by(self, text: str) -> Self:
        """Names that begin so, or the account of a domain. No index helps with it: see TENANCY, not leakproof."""
        text = text.strip()
        same_domain = Q(domain_key=key) if (key := domain_key(text)) else Q()
        return self.filter(Q(name__istartswith=text) | Q(domain__istartswith=text) | same_domain)

    def per_population(self) -> dict[str, int]:
        counted = self.order_by().values_list("population").annotate(accounts=Count("pk"))
        return dict.fromkeys(Population.values, 0) | dict(counted)


class Account(TenantModel):
    """A company in this workspace's own list."""

    EDITABLE = (
        "name",
        "domain",
        "country",
        "population",
        "owner_name",
        "stage",
        "amount",
        "contact_name",
        "contact_email",
        "is_private",
    )

    class ChangedMeanwhile(Exception):
        """Somebody else, or an import, saved this account after it was read."""

    name = models.CharField(max_length=200)
    domain = models.CharField(max_length=253, blank=True)
    # Registrable domain, or "" where it says nothing: the column that is matched. See overlaps/keys.py.
    domain_key = models.CharField(max_length=253, blank=True, editable=False)
    country = models.CharField(max_length=2, blank=True)
    population = models.CharField(max_length=20, choices=Population, default=Population.PROSPECTS)
    owner_name = models.CharField("owner", max_length=200, blank=True)
    stage = models.CharField(max_length=100, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    contact_name = models.CharField("contact", max_length=200, blank=True)
    contact_email = models.EmailField("contact e-mail", blank=True)
    is_private = models.BooleanField("private", default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantManager.from_queryset(AccountQuerySet)()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "domain_key"], name="account_by_domain_key", include=["id", "population"]
            ),
            models.Index(fields=["tenant", "name", "id"], name="account_by_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, **kwargs: Any) -> None:
        self.domain_key = domain_key(self.domain)
        super().save(**kwargs)

    @transaction.atomic
    def change(self, *, by: Membership, **values: Any) -> None:
        """Raises ChangedMeanwhile: the values are based on this instance as it was read."""
        before = {name: getattr(self, name) for name in self.EDITABLE}
        changes = {name: [before[name], new] for name, new in values.items() if before[name] != new}
        if not changes:
            return
        values |= {"domain_key": domain_key(values.get("domain", self.domain)), "updated_at": timezone.now()}
        # The WHERE is the lock: of two who change it at one moment, the second finds another time.
        if not Account.objects.filter(pk=self.pk, updated_at=self.updated_at).update(**values):
            raise self.ChangedMeanwhile
        self.refresh_from_db()
        matching.refresh()
        AuditEvent.record(Action.ACCOUNT_CHANGED, by=by, target=self, changes=_without_contacts(changes))

    @transaction.atomic
    def remove(self, *, by: Membership) -> None:
        """Its overlaps go with it, on both sides."""
        gone, _ = self.delete()
        if gone:
            matching.refresh()
            AuditEvent.record(Action.ACCOUNT_DELETED, by=by, target=self)


def _without_contacts(changes: dict[str, list]) -> dict[str, Any]:
    """The trail outlives the person who asks to be forgotten: that a contact changed, not to whom."""
    contacts = {"contact_name", "contact_email"}
    return {name: "changed" if name in contacts else change for name, change in changes.items()}


class VisibleQuerySet(TenantQuerySet):
    def visible(self) -> Self:
        """Only what an active connection discloses under the partner's present rules.

        The match function rewrites these rows with every change; this says the same once more where they are read.
        """
        return self.filter(TupleIn(Tuple(F("partner_id"), F("version")), _present_versions().query))

    def visible_to(self, membership: Membership) -> Self:
        """Without partners that are restricted, unless this person may see them."""
        return self.visible().filter(partner__in=Partner.objects.visible_to(membership))


def _present_versions() -> models.QuerySet:
    here = current_tenant_id()
    theirs = models.Case(
        models.When(inviter_id=here, then="invitee_version"),
        default="inviter_version",
        output_field=models.PositiveIntegerField(),
    )
    active = Connection.objects.filter(pk=models.OuterRef("connection_id"), state=Connection.State.ACTIVE)
    return (
        Partner.objects.annotate(their_version=models.Subquery(active.values(version=theirs)))
        .filter(their_version__isnull=False)
        .values("pk", "their_version")
    )


class OverlapQuerySet(VisibleQuerySet):
    def newest_first(self) -> Self:
        return self.order_by("-found_at", "name", "pk")


class Overlap(TenantModel):
    """What the viewer (`tenant`) may know of one account of a partner: the disclosed fields, nothing else.

    Written by the match role only. `account` is the viewer's own; None where the partner shares all accounts and
    the viewer has no such one (greenfield).
    """

    partner = TenantForeignKey(Partner)
    account = TenantForeignKey(Account, null=True, blank=True, related_name="overlaps")
    their_account_id = models.UUIDField()
    my_population = models.CharField(max_length=20, choices=Population, blank=True)
    their_population = models.CharField(max_length=20, choices=Population)
    name = models.CharField(max_length=200)  # theirs
    domain = models.CharField(max_length=253, blank=True)
    country = models.CharField(max_length=2, blank=True)
    owner_name = models.CharField(max_length=200, blank=True)
    rule = models.CharField(max_length=20, default="domain")  # why the two are one company
    key = models.CharField(max_length=253, blank=True)  # the normalised value that is equal on both sides
    version = models.PositiveIntegerField()  # of the partner's sharing, see Connection
    found_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager.from_queryset(OverlapQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "partner", "account", "their_account_id"],
                name="overlap_once",
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "partner", "my_population", "their_population"], name="overlap_by_cell"
            ),
            models.Index(fields=["tenant", "name", "id"], name="overlap_by_name"),
            models.Index(fields=["tenant", "account"], name="overlap_by_account"),
        ]

    def __str__(self) -> str:
        return self.name


class OverlapCount(TenantModel):
    """A cell of the matrix: how many of our accounts of one population are in one of theirs.

    Exact where they share names. At level Counts rounded down to fives, 0 meaning "under 5", and frozen for a day,
    so that nobody learns of one account by changing a list and looking again. No cell: not shared.
    """

    partner = TenantForeignKey(Partner)
    my_population = models.CharField(max_length=20, choices=Population)
    their_population = models.CharField(max_length=20, choices=Population)
    level = models.CharField(max_length=10, choices=Level)
    accounts = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    taken_at = models.DateTimeField()

    objects = TenantManager.from_queryset(VisibleQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "partner", "my_population", "their_population"], name="overlap_count_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.my_population} × {self.their_population}"

    @property
    def is_rounded(self) -> bool:
        return self.level == Level.COUNTS
