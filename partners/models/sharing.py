"""What a partner sees of our account list: for each population a level, fields beside the name, and until when."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.utils import timezone

from core.fields import TenantForeignKey
from core.models import TenantModel

if TYPE_CHECKING:
    from partners.models.partner import Partner


class Population(models.TextChoices):
    """The standard segments of an account list: what is matched and shared. Each account is in one of them."""

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

    @property
    def shows_names(self) -> bool:
        return self.rank >= Level.OVERLAPS.rank


SHOWS = {
    Level.HIDDEN: "Nothing",
    Level.COUNTS: "How many accounts overlap, rounded; no names",
    Level.OVERLAPS: "The accounts that both have, by name",
    Level.ALL: "Every account, by name",
}
# What may be shown beside a name. Contacts never are: an accepted intro releases them, one at a time.
FIELDS = {
    "domain": "domain",
    "country": "country",
    "owner_name": "owner",
    "stage": "stage",
    "amount": "amount",
    "company_number": "company number",
    "tags": "tags",
}
EXTRA = "extra:"  # before the name of a custom field
STANDARD = "standard"
PRESETS = {
    "name": ("Name only", ()),
    STANDARD: ("Name, domain, country, owner", ("domain", "country", "owner_name")),
    "deal": ("With stage and amount", ("domain", "country", "owner_name", "stage", "amount")),
}


def field_label(code: str) -> str:
    return code.removeprefix(EXTRA) if code.startswith(EXTRA) else FIELDS.get(code, code)


class Custom(str):
    """The code of a population of a workspace's own making, such as "c7", with its name, as `Population` has it."""

    label: str

    def __new__(cls, code: str, label: str) -> Self:
        population = super().__new__(cls, code)
        population.label = label
        return population

    @property
    def value(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Share:
    """What a partner sees of one population. `follows`: as the workspace's default says, whatever that becomes."""

    level: Level = Level.HIDDEN
    preset: str = STANDARD
    fields: tuple[str, ...] = PRESETS[STANDARD][1]
    until: date | None = None
    follows: bool = False

    @property
    def is_over(self) -> bool:
        return self.until is not None and self.until < timezone.localdate()

    @property
    def shows(self) -> str:
        """In words."""
        if not self.level.shows_names or not self.fields:
            return self.level.shows
        return f"{self.level.shows}, with {_listed([field_label(code) for code in self.fields])}"

    def published(self, population: str) -> dict[str, Any]:
        """For the other side, which can't read our rule. A population of our own making is named; its filter is not."""
        said = {"level": self.level.value, "fields": list(self.fields)}
        if isinstance(population, Custom):
            said["name"] = population.label
        if self.until:
            said["until"] = self.until.isoformat()
        return said


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


Levels = dict[Population | Custom, Level]
Shares = dict[Population | Custom, Share]


def all_hidden() -> Levels:
    return dict.fromkeys(Population, Level.HIDDEN)


def levels_from(values: Mapping[str, str]) -> Levels:
    """What is missing is hidden."""
    return all_hidden() | {Population(name): Level(level) for name, level in values.items()}


def shares_from(levels: Mapping[str, str]) -> Shares:
    """With the standard fields, for good."""
    return {population: Share(Level(level)) for population, level in levels.items()}


def published(shares: Shares) -> dict[str, dict[str, Any]]:
    """What the connection tells the other side: nothing of what is hidden."""
    return {
        str(population.value): share.published(population)
        for population, share in shares.items()
        if share.level is not Level.HIDDEN
    }


def stamp(shares: Shares) -> str:
    """Of what a person was shown, to be compared with what stands there when they decide."""
    said = sorted((str(population), *map(str, astuple(share))) for population, share in shares.items())
    return sha256(repr(said).encode()).hexdigest()[:16]


def in_words(share: Share) -> str:
    """For the trail."""
    words = share.level.label
    if share.level.shows_names:
        words += f" ({', '.join(['name', *map(field_label, share.fields)])})"
    return f"{words} until {share.until}" if share.until and share.level is not Level.HIDDEN else words


def differences(before: Shares, after: Shares) -> dict[str, list[str]]:
    """{name of the population: [before, after]} in words, for the trail."""
    told = {p.label: [in_words(before.get(p, Share())), in_words(share)] for p, share in after.items()}
    return {label: words for label, words in told.items() if words[0] != words[1]}


def shares_shown(said: Mapping[str, Mapping[str, Any]]) -> Shares:
    """What the other side told. Standard populations come first; what is missing is hidden, and so is what is over."""
    found: Shares = {population: Share() for population in Population}
    for code, words in said.items():
        population = Population(code) if code in Population else Custom(code, words["name"])
        until = date.fromisoformat(words["until"]) if words.get("until") else None
        share = Share(Level(words["level"]), fields=tuple(words["fields"]), until=until)
        if not share.is_over:
            found[population] = share
    return found


class CustomPopulation(TenantModel):
    """A population of a workspace's own making: the accounts that its conditions find.

    The acts on it stand in `overlaps/populations.py`, because they read accounts.
    """

    number = models.PositiveSmallIntegerField(editable=False)
    name = models.CharField(max_length=60)
    conditions = models.JSONField(default=dict)  # see overlaps/filters.py
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="custom_population_number"),
            models.UniqueConstraint(fields=["tenant", "name"], name="custom_population_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def code(self) -> Custom:
        """What rules and accounts call it."""
        return Custom(f"c{self.number}", self.name)

    @classmethod
    def codes(cls) -> list[Population | Custom]:
        """All populations of the workspace of the context, the standard ones first."""
        return [*Population, *(own.code for own in cls.objects.order_by("name"))]


class Rules(dict[str, "Rule"]):
    """Of one partner, or the defaults, by population. What is missing is hidden."""

    def __init__(self, rules: Iterable["Rule"]) -> None:
        super().__init__({rule.population: rule for rule in rules})

    def shares(self, populations: Iterable[Population | Custom] = Population) -> Shares:
        return {p: self[p.value].share if p.value in self else Share() for p in populations}


class Rule(TenantModel):
    """A level and fields for one population. No row means Hidden."""

    population = models.CharField(max_length=20)  # a standard one, or the code of a CustomPopulation
    level = models.CharField(max_length=10, choices=Level, default=Level.HIDDEN)
    preset = models.CharField(max_length=36, default=STANDARD)  # a code of FieldPreset.choices()
    # What the preset holds, so that the database has to look nowhere else.
    fields = ArrayField(models.CharField(max_length=80), default=list)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return f"{self.population}: {self.get_level_display()}"

    @property
    def share(self) -> Share:
        return Share(Level(self.level), self.preset, tuple(self.fields))

    WRITTEN = ["level", "preset", "fields", "changed_at"]

    @classmethod
    def row(cls, population: str, share: Share, **also: Any) -> Self:
        return cls(
            population=str(population),
            level=share.level,
            preset=share.preset,
            fields=list(share.fields),
            **also,
        )


class SharingRule(Rule):
    """What this partner sees of one of our populations.

    `follows_default`: written whenever the default changes. The match role reads this table and no other rule.
    """

    partner = TenantForeignKey("partners.Partner", related_name="rules")
    ends_on = models.DateField(null=True, blank=True)  # the last day
    follows_default = models.BooleanField(default=False)

    class Meta(Rule.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "partner", "population"], name="sharing_rule_once")
        ]
        indexes = [
            models.Index(
                fields=["ends_on"], condition=models.Q(ends_on__isnull=False), name="sharing_rule_ends"
            )
        ]

    @property
    def written(self) -> Share:
        """As it was decided, whether it is over or not."""
        return replace(super().share, until=self.ends_on, follows=self.follows_default)

    @property
    def share(self) -> Share:
        share = self.written
        return replace(share, level=Level.HIDDEN) if share.is_over else share

    @classmethod
    def over(cls, today: date) -> list[tuple[UUID, UUID]]:
        """(workspace, partner) wherever a last day has passed; for the clock, which has no workspace."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT workspace, partner FROM partners_rules_over(%s)", [today])
            return cursor.fetchall()

    @classmethod
    def write(cls, partner: "Partner", shares: Shares) -> None:
        cls.objects.bulk_create(
            [
                cls.row(
                    population,
                    share,
                    partner=partner,
                    ends_on=share.until,
                    follows_default=share.follows,
                )
                for population, share in shares.items()
            ],
            update_conflicts=True,
            unique_fields=["tenant", "partner", "population"],
            update_fields=[*cls.WRITTEN, "ends_on", "follows_default"],
        )
