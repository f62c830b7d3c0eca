"""The matrix: our populations against those of several partners, cell by cell, out of the counts that are kept."""

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import ceil, log
from typing import Any, Self
from urllib.parse import urlencode

from django.http import QueryDict

from core.asking import an_id, one_of
from core.templatetags.cosell import compact
from overlaps.figures import Picture, Size, shares_of
from overlaps.inbox import ANY
from overlaps.models import ASK, OFFER
from partners.models import Custom, Level, Partner, Population

HEAT_STEPS = 5
PARTNERS_SHOWN = 3
SHOWN = ("accounts", "pipeline")


def list_of(partner: Partner, mine: str, theirs: str) -> str:
    """The query of the list of overlaps that a cell counts."""
    return "?" + urlencode({"partner": partner.pk, "mine": mine, "theirs": theirs, "state": ANY})


def in_words(population: Population | Custom) -> str:
    """Within a sentence; a name that somebody gave stays as it is."""
    return population.label.lower() if population in Population else f"“{population.label}”"


@dataclass(frozen=True)
class Cell:
    """`count`: what is kept of it, None where nothing is. `level`: of their population."""

    partner: Partner
    mine: Population | Custom
    theirs: Population | Custom
    level: Level
    count: dict[str, Any] | None
    is_pipeline: bool
    largest: float

    @property
    def is_ask(self) -> bool:
        return (self.mine, self.theirs) == ASK

    @property
    def is_offer(self) -> bool:
        return (self.mine, self.theirs) == OFFER

    @property
    def is_rounded(self) -> bool:
        return self.level == Level.COUNTS

    @property
    def is_told(self) -> bool:
        """A population of anybody's own making is counted where names are shown, and has no cell where that is 0."""
        if self.level.shows_names:
            return True
        return self.is_rounded and self.count is not None and not self.is_pipeline

    @property
    def value(self) -> float:
        if not self.count:
            return 0
        return (self.count["amount"] or 0) if self.is_pipeline else self.count["accounts"]

    @property
    def heat(self) -> int:
        return 0 if self.is_rounded else heat(self.value, self.largest)

    @property
    def address(self) -> str:
        return list_of(self.partner, self.mine.value, self.theirs.value)

    @property
    def shown(self) -> str:
        if not self.is_told:
            return "–"
        if self.is_pipeline:
            return compact(self.value)
        return _rounded(self.value) if self.is_rounded else f"{self.value:,}"

    @property
    def name(self) -> str:
        """All of it in a sentence, for those who don't see the colours."""
        cell = f"Your {in_words(self.mine)} × {self.partner} {in_words(self.theirs)}"
        if not self.is_told:
            return f"{cell}: {self._why_not}"
        play = ", good for asking an intro" * self.is_ask + ", good for offering an intro" * self.is_offer
        return f"{cell}{play}: {self._told}"

    @property
    def _why_not(self) -> str:
        if self.level == Level.HIDDEN:
            return "not shared"
        return "no pipeline, count only" if self.count else "not counted, as it is not a standard population"

    @property
    def _told(self) -> str:
        if self.is_pipeline:
            return f"{compact(self.value)} of pipeline"
        if self.is_rounded:
            told = f"{self.value:,} or more" if self.value else "fewer than 5"
            return f"{told} accounts, count only"
        return f"{self.value:,} account{'s' * (self.value != 1)}"

    @property
    def numbers(self) -> str:
        return numbers(self.count or {}, self.is_rounded) if self.is_told else ""


def numbers(count: dict[str, Any], is_rounded: bool = False) -> str:
    """The one truth of both sides: "3 accounts of yours, 4 of theirs, 2 companies"."""
    mine, theirs, companies = (count.get(name, 0) for name in ("accounts", "their_accounts", "companies"))
    if is_rounded:
        return f"{_rounded(mine)} accounts of yours, {_rounded(theirs)} of theirs, {_rounded(companies)} companies"
    one, company = "s" * (mine != 1), "company" if companies == 1 else "companies"
    return f"{mine:,} account{one} of yours, {theirs:,} of theirs, {companies:,} {company}"


def _rounded(number: float) -> str:
    return f"{number:,}+" if number else "under 5"


def heat(value: float, largest: float) -> int:
    """0 for none, then five steps on a logarithmic scale up to the largest cell."""
    return ceil(HEAT_STEPS * log(float(value) + 1) / log(float(largest) + 1)) if value else 0


@dataclass(frozen=True)
class Column:
    """One partner, with its populations: the standard ones, and those of its own that have something in common."""

    partner: Partner
    populations: list[Population | Custom]
    levels: dict[str, Level]

    @classmethod
    def of(cls, partner: Partner) -> Self:
        shares = shares_of(partner)
        common = {cell["theirs"] for cell in partner.cells if cell["accounts"]}
        own = [population for population in shares if population in Population or population.value in common]
        return cls(partner, own, {population.value: share.level for population, share in shares.items()})

    @property
    def may_show_more(self) -> bool:
        """Of its standard populations; a paused partner shows nothing, whatever we ask."""
        return self.partner.shares_live_data and not all(self.levels[p.value].shows_names for p in Population)


@dataclass(frozen=True)
class Matrix:
    """`page`: which of the partners, three by three; or one that was chosen."""

    picture: Picture
    show: str
    chosen: Any
    page: int

    @classmethod
    def asked_for(cls, query: QueryDict, picture: Picture) -> Self:
        page = query.get("page", "")
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < 5 else 1
        return cls(
            picture, one_of(SHOWN, query.get("show"), SHOWN[0]), an_id(query.get("partner")), max(number, 1)
        )

    @property
    def is_pipeline(self) -> bool:
        return self.show == "pipeline"

    @cached_property
    def partners(self) -> list[Partner]:
        """All that share something with us."""
        return [partner for partner in self.picture.partners if partner.cells]

    @cached_property
    def is_one(self) -> bool:
        return any(partner.pk == self.chosen for partner in self.partners)

    @cached_property
    def first(self) -> int:
        """Where the partners that are shown begin, counted from 0."""
        if self.is_one:
            return next(n for n, partner in enumerate(self.partners) if partner.pk == self.chosen)
        last_page = max(ceil(len(self.partners) / PARTNERS_SHOWN), 1)
        return (min(self.page, last_page) - 1) * PARTNERS_SHOWN

    @cached_property
    def columns(self) -> list[Column]:
        shown = self.partners[self.first : self.first + (1 if self.is_one else PARTNERS_SHOWN)]
        return [Column.of(partner) for partner in shown]

    @property
    def last(self) -> int:
        return self.first + len(self.columns)

    @property
    def page_at_hand(self) -> int:
        return self.first // PARTNERS_SHOWN + 1

    @property
    def page_before(self) -> int:
        return self.page_at_hand - 1 if self.first and not self.is_one else 0

    @property
    def page_after(self) -> int:
        return self.page_at_hand + 1 if self.last < len(self.partners) and not self.is_one else 0

    @property
    def one_before(self) -> Partner | None:
        """On a phone, where one partner is shown at a time."""
        return self.partners[self.first - 1] if self.first else None

    @property
    def one_after(self) -> Partner | None:
        return self.partners[self.first + 1] if self.first + 1 < len(self.partners) else None

    @cached_property
    def rows(self) -> list[tuple[Size, list[tuple[Column, list[Cell]]]]]:
        known = {
            column.partner.pk: {(cell["mine"], cell["theirs"]): cell for cell in column.partner.cells}
            for column in self.columns
        }
        largest = self._largest()
        return [
            (size, [(column, self._cells(size, column, known[column.partner.pk], largest)) for column in self.columns])
            for size in self._sizes()
        ]  # fmt: skip

    def _cells(self, size: Size, column: Column, known: dict[Any, Any], largest: float) -> list[Cell]:
        mine = size.population
        return [
            Cell(
                partner=column.partner,
                mine=mine,
                theirs=theirs,
                level=column.levels[theirs.value],
                count=known.get((mine.value, theirs.value)),
                is_pipeline=self.is_pipeline,
                largest=largest,
            )
            for theirs in column.populations
        ]

    def _sizes(self) -> list[Size]:
        common = {cell["mine"] for cell in self._counted() if cell["accounts"]}
        return [s for s in self.picture.sizes if s.population in Population or s.population.value in common]

    def _largest(self) -> float:
        exact = (cell for cell in self._counted() if cell["level"] != Level.COUNTS)
        return max(
            ((cell["amount"] or 0) if self.is_pipeline else cell["accounts"] for cell in exact), default=0
        )

    def _counted(self) -> list[dict[str, Any]]:
        return list(chain.from_iterable(column.partner.cells for column in self.columns))

    @property
    def to_ask(self) -> list[Partner]:
        return [column.partner for column in self.columns if column.may_show_more]
