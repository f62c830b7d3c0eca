"""What people do with the overlaps they see, and the numbers that pages need without reading long lists."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from core.fields import TenantForeignKey
from core.managers import TenantManager
from core.models import TenantModel, User
from overlaps.models.overlap import MatchRule, Overlap, VisibleQuerySet
from partners.models import Partner, Population


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


class Alarm(TenantModel):
    """A partner's list changes as if somebody wanted to find out what stands in ours. Written by the match role."""

    class Kind(models.TextChoices):
        SMALL_EDITS = "small_edits", "Many small changes"
        HIT_RATE = "hit_rate", "A far higher hit rate than before"
        DIRECTORY = "directory", "A list that looks like a directory"
        GROWTH = "growth", "More new overlaps than a day may bring"

    partner = TenantForeignKey(Partner, related_name="alarms")
    kind = models.CharField(max_length=12, choices=Kind)
    figures = models.JSONField(default=dict)
    day = models.DateField()
    at = models.DateTimeField()
    dismissed_by = models.CharField(max_length=254, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "partner", "kind", "day"], name="alarm_once")
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
