"""What a partner sees of our account list: a level for each population."""

from django.db import models

from core.fields import TenantForeignKey
from core.managers import TenantManager, TenantQuerySet
from core.models import TenantModel


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

    @property
    def rank(self) -> int:
        return list(Level).index(self)

    @property
    def short(self) -> str:
        return self.label.split()[0] if self is not Level.OVERLAPS else "Overlaps"

    @property
    def shows(self) -> str:
        return SHOWS[self]


SHOWS = {
    Level.HIDDEN: "Nothing",
    Level.COUNTS: "How many accounts overlap, rounded; no names",
    Level.OVERLAPS: "Name, domain, country and owner of the accounts that both have",
    Level.ALL: "Name, domain, country and owner of every account",
}

Levels = dict[Population, Level]


def all_hidden() -> Levels:
    return dict.fromkeys(Population, Level.HIDDEN)


def levels_from(values: dict[str, str]) -> Levels:
    """What is missing is hidden."""
    return all_hidden() | {Population(name): Level(level) for name, level in values.items()}


class SharingRuleQuerySet(TenantQuerySet):
    def levels(self) -> Levels:
        """Of one partner's rules."""
        return levels_from(dict(self.values_list("population", "level")))


class SharingRule(TenantModel):
    """What this partner sees of one of our populations. No row means Hidden."""

    partner = TenantForeignKey("partners.Partner", related_name="rules")
    population = models.CharField(max_length=20, choices=Population)
    level = models.CharField(max_length=10, choices=Level, default=Level.HIDDEN)
    changed_at = models.DateTimeField(auto_now=True)

    objects = TenantManager.from_queryset(SharingRuleQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "partner", "population"], name="sharing_rule_once")
        ]

    def __str__(self) -> str:
        return f"{self.get_population_display()}: {self.get_level_display()}"

    @classmethod
    def write(cls, partner: models.Model, levels: Levels) -> None:
        cls.objects.bulk_create(
            [cls(partner=partner, population=name, level=level) for name, level in levels.items()],
            update_conflicts=True,
            unique_fields=["tenant", "partner", "population"],
            update_fields=["level", "changed_at"],
        )
