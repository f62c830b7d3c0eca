"""What may be known of partners' accounts: rows that the match role writes, and nobody else."""

from collections.abc import Mapping
from typing import Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.tuple_lookups import Tuple, TupleIn
from django.db.models.functions import Collate, Lower
from django.utils import timezone

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

        The match functions rewrite these rows with every change; this says the same once more where they are read.
        A rule that ends shows nothing from the day after, though the clock has not come by yet.
        """
        present = TupleIn(Tuple(F("partner_id"), F("version")), _present_versions().query)
        return self.filter(present, Q(until=None) | Q(until__gte=timezone.localdate()))

    def shown_under(self, versions: Mapping[UUID, int]) -> Self:
        """As `visible`, of partners whose present versions are known: with no join, an index gives the order."""
        present = TupleIn(Tuple(F("partner_id"), F("version")), list(versions.items()))
        return (
            self.filter(present, Q(until=None) | Q(until__gte=timezone.localdate()))
            if versions
            else self.none()
        )

    def visible_to(self, membership: Membership) -> Self:
        """Without partners that are restricted, unless this person may see them."""
        return self.visible().filter(partner__in=Partner.objects.visible_to(membership))


def their_version() -> models.Subquery:
    """Of a partner: that of what it shares with us now; NULL where it shares nothing."""
    theirs = models.Case(
        models.When(inviter_id=current_tenant_id(), then="invitee_version"),
        default="inviter_version",
        output_field=models.PositiveIntegerField(),
    )
    active = Connection.objects.filter(pk=models.OuterRef("connection_id"), state=Connection.State.ACTIVE)
    return models.Subquery(active.values(version=theirs))


def _present_versions() -> models.QuerySet:
    partners = Partner.objects.annotate(their_version=their_version())
    return partners.filter(their_version__isnull=False).values("pk", "their_version")


class OverlapQuerySet(VisibleQuerySet):
    def found_by(self, text: str) -> Self:
        """Names, ours or theirs, that begin so; or the company of a domain."""
        same_domain = Q(my_key=key) if (key := domain_key(text)) else Q(domain__istartswith=text)
        return self.filter(same_domain | Q(name__istartswith=text) | Q(account__name__istartswith=text))

    def newest_first(self) -> Self:
        return self.order_by("-found_at", "-pk")


class MatchRule(models.TextChoices):
    """Why two accounts are taken for one company; see docs/matching.md."""

    NUMBER = "number", "Same company number"
    DOMAIN = "domain", "Same domain, related names"
    NAME_COUNTRY = "name_country", "Same name and country"
    NAME = "name", "Same name, one country missing"
    MANUAL = "manual", "Matched by hand"
    # These are suggestions until both sides confirm.
    DOMAIN_ONLY = "domain_only", "Same domain, other name"
    NAME_WEAK = "name_weak", "Same name, which says little"
    NAME_SEVERAL = "name_several", "Same name, several candidates"
    DOMAINS_DIFFER = "domains_differ", "Same name and country, other domain"
    SIMILAR_NAME = "similar_name", "Names that differ in generic words"

    @property
    def short(self) -> str:
        """Of what the rule compares, for a column."""
        return self.value.partition("_")[0].removesuffix("s").replace("manual", "by hand").capitalize()


class Overlap(TenantModel):
    """What the viewer (`tenant`) may know of one account of a partner: the disclosed fields, nothing else.

    Written by the match role only, but for `state`. `account` is the viewer's own; None where the partner shares all
    accounts and the viewer has no such one (greenfield). A field that the rule does not show is empty.
    """

    class State(models.TextChoices):
        OPEN = "open"
        IGNORED = "ignored"
        ACTIONED = "actioned"

    partner = TenantForeignKey(Partner)
    account = TenantForeignKey(Account, null=True, blank=True, related_name="overlaps")
    their_account_id = models.UUIDField()
    company = models.UUIDField(
        null=True
    )  # the same in all rows that are one company; None where we have not got it
    my_population = models.CharField(max_length=20, choices=Population, blank=True)
    my_segments = ArrayField(models.CharField(max_length=20), default=list)
    # A population that is not shown is not told: then this is empty, and one of our own making let us see the account.
    their_population = models.CharField(max_length=20, choices=Population, blank=True)
    their_segments = ArrayField(models.CharField(max_length=20), default=list)
    name = models.CharField(max_length=200)  # theirs, as all that follows
    domain = models.CharField(max_length=253, blank=True)
    country = models.CharField(max_length=2, blank=True)
    owner_name = models.CharField(max_length=200, blank=True)
    stage = models.CharField(max_length=100, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)
    company_number = models.CharField(max_length=60, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list)
    extra = models.JSONField(default=dict)
    rule = models.CharField(max_length=20, choices=MatchRule, blank=True)
    confidence = models.PositiveSmallIntegerField(null=True)  # percent
    my_key = models.CharField(max_length=253, blank=True)  # the normalised values that were compared
    their_key = models.CharField(max_length=253, blank=True)
    confirmed_by = models.CharField(max_length=254, blank=True)  # who of us said so
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    version = models.PositiveIntegerField()  # of the partner's sharing, see Connection
    until = models.DateField(null=True)
    found_at = models.DateTimeField()  # when the two were matched
    shown_at = models.DateTimeField()  # when this row was written first

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
            models.Index(fields=["tenant", "-found_at", "-id"], name="overlap_newest"),
            models.Index(fields=["tenant", "account"], name="overlap_by_account"),
            models.Index(F("tenant"), Collate(Lower("name"), "C"), name="overlap_by_their_name"),
            models.Index(fields=["tenant", "partner", "their_account_id"], name="overlap_by_theirs"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def match(self) -> MatchRule:
        return MatchRule(self.rule)

    @property
    def is_ask(self) -> bool:
        """The play "ask for an intro": they are in where we want to go."""
        return (self.my_population, self.their_population) == ASK

    @property
    def is_offer(self) -> bool:
        return (self.my_population, self.their_population) == OFFER


class OverlapCount(TenantModel):
    """A cell of the matrix: accounts of one of our populations that are in one of theirs.

    `mine`, `theirs` and `companies` are one truth: the other side reads the same three, with mine and theirs changed
    over. Exact where they share names. At level Counts rounded down to fives, 0 meaning "under 5", and frozen for a
    day, so that nobody learns of one account by changing a list and looking again; of standard populations only. No
    cell: not shared.
    """

    partner = TenantForeignKey(Partner)
    my_population = models.CharField(max_length=20)  # codes; of our own making too
    their_population = models.CharField(max_length=20)
    level = models.CharField(max_length=10, choices=Level)
    mine = models.PositiveIntegerField()
    theirs = models.PositiveIntegerField()
    companies = models.PositiveIntegerField()
    amount = models.DecimalField(max_digits=18, decimal_places=2, null=True)  # of mine; where names are shown
    version = models.PositiveIntegerField()
    until = models.DateField(null=True)
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
