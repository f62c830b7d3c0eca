"""What may be known of partners' accounts: rows that the match role writes, and nobody else."""

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.fields.tuple_lookups import Tuple, TupleIn

from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, TenantModel
from core.tenancy import current_tenant_id
from overlaps.keys import domain_key
from overlaps.models.account import Account
from partners.models import Connection, Level, Partner, Population

# The two plays of the matrix: (our population, theirs).
ASK = (Population.OPEN_OPPORTUNITIES, Population.CUSTOMERS)
OFFER = (Population.CUSTOMERS, Population.OPEN_OPPORTUNITIES)


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
    def found_by(self, text: str) -> Self:
        """Names, ours or theirs, that begin so; or the company of a domain."""
        same_domain = Q(key=key) if (key := domain_key(text)) else Q(domain__istartswith=text)
        return self.filter(same_domain | Q(name__istartswith=text) | Q(account__name__istartswith=text))

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

    @property
    def is_ask(self) -> bool:
        """The play "ask for an intro": they are in where we want to go."""
        return (self.my_population, self.their_population) == ASK

    @property
    def is_offer(self) -> bool:
        return (self.my_population, self.their_population) == OFFER


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
