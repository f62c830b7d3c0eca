"""The overlaps of a workspace in numbers, as one of its members may see them.

All of it stands in counts that are kept with every change: no list is counted here, however long it is.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Exists, JSONField, Max, OuterRef, Subquery, When
from django.db.models.functions import JSONObject
from django.utils import timezone

from core.models import Membership
from core.roles import Permission, permissions_on
from core.templatetags.cosell import compact
from core.tenancy import current_tenant_id
from overlaps.inbox import ANY
from overlaps.models import (
    ASK,
    OFFER,
    Alarm,
    DayFigure,
    InboxVisit,
    Overlap,
    OverlapCount,
    PopulationSize,
    Suggestion,
    Tally,
)
from overlaps.models.overlap import their_version
from partners.models import (
    Connection,
    Custom,
    CustomPopulation,
    DataRequest,
    Partner,
    Population,
    Shares,
)
from partners.models.sharing import shares_shown

TREND_DAYS = 30
NEW_AT_MOST = 100  # counted no further


@dataclass(frozen=True)
class Figure:
    """One number, how it came to be so, and the list behind it."""

    label: str
    shown: str
    note: str
    address: str
    values: list[float]  # day by day, the last one now

    @property
    def gained(self) -> str:
        """Since a week ago, or since there have been figures."""
        if len(self.values) < 2:
            return ""
        days = min(7, len(self.values) - 1)
        gain = self.values[-1] - self.values[-1 - days]
        return (
            f"{'+' if gain > 0 else '−'}{compact(abs(gain))} in {days} day{'s' * (days > 1)}" if gain else ""
        )

    @property
    def grew(self) -> bool:
        return self.gained.startswith("+")

    @property
    def trend(self) -> str:
        """In words, for those who don't see the line."""
        if len(self.values) < 2:
            return ""
        return f"{len(self.values)} days ago {compact(self.values[0])}, now {compact(self.values[-1])}"

    @property
    def line(self) -> str:
        """The path of a line in a box of 72 by 28, from its least to its greatest value."""
        if len(self.values) < 2:
            return ""
        least, most = min(self.values), max(self.values)
        step, height = 72 / (len(self.values) - 1), 22 / ((most - least) or 1)
        points = [
            f"{n * step:.1f} {25 - (value - least) * height:.1f}" for n, value in enumerate(self.values)
        ]
        return "M" + "L".join(points)


@dataclass(frozen=True)
class Size:
    """One of our populations, and how many accounts are in it."""

    population: Population | Custom
    accounts: int


@dataclass(frozen=True)
class Picture:
    """What the first page shows, in two queries: one about our partners and one about our populations."""

    member: Membership
    partners: list[Partner]
    sizes: list[Size]

    @classmethod
    def of(cls, member: Membership) -> Self:
        return cls(member, _partners(member), _sizes())

    @property
    def accounts(self) -> dict[str, int]:
        return {size.population.value: size.accounts for size in self.sizes}

    @cached_property
    def key_figures(self) -> list[Figure]:
        opened = Population.OPEN_OPPORTUNITIES
        worth = sum(cell["amount"] or 0 for cell in self._cells(opened))
        among = self._tallied(lambda mine, theirs: mine == opened)
        asks = self._tallied(lambda *cell: cell == ASK)
        offers = self._tallied(lambda *cell: cell == OFFER)
        found = self._tallied(lambda *cell: True)
        note = f"{among:,} overlap{'s' * (among != 1)}, {self.accounts[opened]:,} open in all"
        return [
            Figure(
                "Overlaps", f"{found:,}", "with all partners", f"?state={ANY}", self._trend("found", found)
            ),
            Figure(
                "Open pipeline in overlap",
                compact(worth),
                note,
                f"?mine={opened}&state={ANY}",
                self._trend("amount", worth),
            ),
            Figure(
                "Ask for an intro",
                f"{asks:,}",
                "your open, their customers",
                f"?view=ask&state={ANY}",
                self._trend("asks", asks),
            ),
            Figure(
                "Offer an intro",
                f"{offers:,}",
                "your customers, open there",
                f"?view=offer&state={ANY}",
                self._trend("offers", offers),
            ),
        ]

    def _tallied(self, fits: Callable[[str, str], bool]) -> int:
        tallies = (tally for partner in self.partners for tally in partner.tallies)
        return sum(tally["number"] for tally in tallies if fits(tally["mine"], tally["theirs"]))

    def _cells(self, mine: Population) -> Iterator[dict[str, Any]]:
        """Against their standard populations."""
        for cell in (cell for partner in self.partners for cell in partner.cells):
            if cell["mine"] == mine and cell["theirs"] in Population:
                yield cell

    def _trend(self, name: str, now: float) -> list[float]:
        """A day that nobody took figures of is as the day before."""
        known: dict[date, float] = {}
        for figure in (figure for partner in self.partners for figure in partner.days):
            day = date.fromisoformat(figure["day"])
            known[day] = known.get(day, 0) + figure[name]
        values, today = [], timezone.localdate()
        for day in (today - timedelta(days=n) for n in range(TREND_DAYS, 0, -1)):
            if day in known or values:
                values.append(known.get(day, values[-1] if values else 0))
        return [*values, now]

    # -- what waits ------------------------------------------------------------------------------------------

    @cached_property
    def requests(self) -> list[tuple[Partner, dict[str, Any]]]:
        """What partners ask us to show, and this person may."""
        return [(p, asked) for p in self._in_care_of(Permission.CHANGE_SHARING) for asked in p.asked_of_us]

    @cached_property
    def alarms(self) -> list[tuple[Partner, str]]:
        names = dict(Alarm.Kind.choices)
        return [(p, names[kind]) for p in self._in_care_of(Permission.CHANGE_SHARING) for kind in p.alarmed]

    @cached_property
    def suggested(self) -> list[Partner]:
        may = Permission.EDIT_ACCOUNTS in self.member.permissions
        return [partner for partner in self.partners if may and partner.has_suggestions]

    @property
    def waits(self) -> bool:
        return bool(self.requests or self.alarms or self.suggested)

    def _in_care_of(self, permission: Permission) -> Iterable[Partner]:
        return (p for p in self.partners if permission in permissions_on(p, self.member))


def _partners(member: Membership) -> list[Partner]:
    """The connected ones, each with all that is known of it in numbers."""
    of_it = {"partner": OuterRef("pk")}
    cells = OverlapCount.objects.visible().filter(**of_it)
    tallies = Tally.objects.visible().filter(**of_it, is_greenfield=False, state=Overlap.State.OPEN)
    days = DayFigure.objects.filter(
        **of_it, day__gte=timezone.localdate() - timedelta(days=TREND_DAYS), day__lt=timezone.localdate()
    )
    asked = DataRequest.objects.open().to_us().filter(connection_id=OuterRef("connection_id"))
    alarms = Alarm.objects.filter(**of_it, dismissed_by="").values("kind").annotate(Max("day"))
    found = Partner.objects.connected().visible_to(member).with_grant_of(member)
    partners = found.annotate(
        cells=_rows(
            cells, mine="my_population", theirs="their_population", level="level", amount="amount",
            accounts="mine", their_accounts="theirs", companies="companies",
        ),
        tallies=_rows(tallies, mine="my_population", theirs="their_population", number="number"),
        days=_rows(days, day="day", found="found", asks="asks", offers="offers", amount="amount"),
        asked_of_us=_rows(
            asked.newest_first(), population="population_name", by="asked_by", at="created_at", level="level"
        ),
        alarmed=ArraySubquery(alarms.values("kind")),
        has_suggestions=Exists(Suggestion.objects.visible().filter(**of_it, we_say=0)),
        told=Subquery(_their_levels()),
        version=their_version(),
    )  # fmt: skip
    partners = list(partners.by_name())
    for partner in partners:
        partner.known_grants[member.user_id] = partner.held
    return partners


def _rows(rows: Any, **names: str) -> ArraySubquery:
    return ArraySubquery(rows.values(row=JSONObject(**names)))


def _their_levels() -> Any:
    theirs = Case(
        When(inviter_id=current_tenant_id(), then="invitee_levels"),
        default="inviter_levels",
        output_field=JSONField(),
    )
    return Connection.objects.filter(pk=OuterRef("connection_id")).values(levels=theirs)


def shares_of(partner: Partner) -> Shares:
    """What this partner shares with us, of a partner in a picture: no query."""
    return shares_shown(partner.told or {})


def _sizes() -> list[Size]:
    """The standard populations, then our own by name."""
    sizes = dict(PopulationSize.objects.values_list("population", "accounts"))
    populations = CustomPopulation.codes() if any(code not in Population for code in sizes) else [*Population]
    return [Size(population, sizes.get(population.value, 0)) for population in populations]


# -- what is new ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class News:
    """The latest overlaps with accounts of our own, and how many there are since the person's last visit."""

    overlaps: list[Overlap]
    number: int  # no more than one beyond NEW_AT_MOST

    @classmethod
    def of(cls, picture: Picture, limit: int = 5) -> Self:
        """The rows are read in the order of an index, and no further than they are counted."""
        partners = {partner.pk: partner for partner in picture.partners}
        versions = {pk: partner.version for pk, partner in partners.items() if partner.version is not None}
        seen = InboxVisit.objects.filter(user=picture.member.user_id).values("at")[:1]
        known = Overlap.objects.shown_under(versions).filter(account__isnull=False, state=Overlap.State.OPEN)
        told = ("name", "my_population", "their_population", "found_at", "partner_id")
        found = list(known.annotate(seen=Subquery(seen)).only(*told).newest_first()[: NEW_AT_MOST + 1])
        for overlap in found[:limit]:
            overlap.partner = partners[overlap.partner_id]
        return cls(
            found[:limit], sum(not overlap.seen or overlap.found_at > overlap.seen for overlap in found)
        )

    @property
    def shown(self) -> str:
        return f"more than {NEW_AT_MOST}" if self.number > NEW_AT_MOST else f"{self.number:,}"
