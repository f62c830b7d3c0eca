"""The overlaps of a workspace in numbers, as one of its members may see them. A cell counts our own accounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from math import ceil, log
from typing import Any

from django.db.models import Count, Q, Sum
from django.utils import timezone

from core.models import Membership
from overlaps.models import ASK, OFFER, Account, Overlap, OverlapCount
from partners.models import Partner, Population

HEAT_STEPS = 5
PARTNERS_SHOWN = 3


def key_figures(member: Membership) -> dict[str, Any]:
    """Sizes of the populations and what of them overlaps; two queries, one over each list."""
    mine = Overlap.objects.visible_to(member).filter(account__isnull=False)
    week = Q(found_at__gt=timezone.now() - timedelta(days=7))
    open_opportunities = Q(population=Population.OPEN_OPPORTUNITIES)
    sizes = {p.value: Count("pk", filter=Q(population=p)) for p in Population}
    pipeline = Sum("amount", filter=open_opportunities & Q(pk__in=mine.values("account")))
    shared = mine.order_by().aggregate(
        shared_accounts=_accounts(Q()),
        new_accounts=_accounts(week),
        open_shared=_accounts(Q(my_population=Population.OPEN_OPPORTUNITIES)),
        # As many as the list that they lead to has rows: an account that two partners have may be asked for twice.
        asks=Count("pk", filter=Q(my_population=ASK[0], their_population=ASK[1])),
        offers=Count("pk", filter=Q(my_population=OFFER[0], their_population=OFFER[1])),
    )
    return shared | Account.objects.order_by().aggregate(**sizes, pipeline=pipeline)


def _accounts(those: Q) -> Count:
    """Our own accounts, each once, though several partners have it."""
    return Count("account", distinct=True, filter=those)


@dataclass(frozen=True)
class Cell:
    mine: Population
    theirs: Population
    count: OverlapCount | None
    heat: int

    @property
    def is_ask(self) -> bool:
        return (self.mine, self.theirs) == ASK

    @property
    def is_offer(self) -> bool:
        return (self.mine, self.theirs) == OFFER

    @property
    def shown(self) -> str:
        if self.count is None:
            return "–"
        if not self.count.is_rounded:
            return f"{self.count.mine:,}"
        return f"{self.count.mine:,}+" if self.count.mine else "under 5"

    @property
    def words(self) -> str:
        """After "Your open opportunities × Globex customers"."""
        if self.count is None:
            return "not shared"
        play = "good for asking an intro: " * self.is_ask + "good for offering an intro: " * self.is_offer
        if self.count.is_rounded:
            told = f"{self.count.mine:,} or more" if self.count.mine else "fewer than 5"
            return f"{play}{told} accounts, count only"
        return f"{play}{self.count.mine:,} account{'s' * (self.count.mine != 1)}"


@dataclass(frozen=True)
class Matrix:
    partners: list[Partner]
    rows: list[tuple[Population, list[tuple[Partner, list[Cell]]]]]
    more: list[Partner]


def matrix(member: Membership, chosen: str = "") -> Matrix:
    """Of the partners that share something; the chosen one alone, else the first few. One query."""
    standard = {"my_population__in": Population.values, "their_population__in": Population.values}
    cells = OverlapCount.objects.visible_to(member).filter(**standard).select_related("partner")
    by_partner = {
        partner: {(c.my_population, c.their_population): c for c in own}
        for partner, own in groupby(cells.order_by("partner__name", "partner_id"), key=lambda c: c.partner)
    }
    everybody = list(by_partner)
    shown = [p for p in everybody if str(p.pk) == chosen] or everybody[:PARTNERS_SHOWN]
    largest = max((c.mine for p in shown for c in by_partner[p].values() if not c.is_rounded), default=0)
    rows = [
        (mine, [(p, [_cell(mine, theirs, by_partner[p], largest) for theirs in Population]) for p in shown])
        for mine in Population
    ]
    return Matrix(shown, rows, [p for p in everybody if p not in shown])


def _cell(mine: Population, theirs: Population, counts: dict[Any, OverlapCount], largest: int) -> Cell:
    count = counts.get((mine.value, theirs.value))
    return Cell(mine, theirs, count, heat(count.mine, largest) if count and not count.is_rounded else 0)


def heat(accounts: int, largest: int) -> int:
    """0 for none, then five steps on a logarithmic scale up to the largest cell."""
    return ceil(HEAT_STEPS * log(accounts + 1) / log(largest + 1)) if accounts else 0


def newest(member: Membership, limit: int = 5) -> Iterable[Overlap]:
    """The latest overlaps with accounts of our own."""
    visible = Overlap.objects.visible_to(member).filter(account__isnull=False).select_related("partner")
    return visible.newest_first()[:limit]
