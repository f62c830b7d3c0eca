"""The list of our own accounts, as it was asked for in its address."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from django.db.models import IntegerField, QuerySet, Subquery
from django.http import QueryDict

from core.asking import an_id, one_of
from core.models import Membership
from core.paging import Order, Stretch
from overlaps import savedviews
from overlaps.filters import AccountFilter, names_of, said
from overlaps.models import Account, Overlap, PopulationSize, SavedView
from partners.models import CustomPopulation, Partner, Population

A_PAGE = 25
COUNTED = 10_000  # further than that nobody counts along

SORTS = {
    "name": Order(("sort_name", "pk")),
    "-name": Order(("sort_name", "pk"), descending=True),
    "owner": Order(("owner_name", "sort_name", "pk")),
    "-amount": Order(("amount", "pk"), descending=True, nulls=True),
    "-changed": Order(("updated_at", "pk"), descending=True),
}
DRAWINGS = {
    "population": "building-2",
    "segment": "layers",
    "country": "globe",
    "owner": "user",
    "stage": "flag",
    "tag": "tag",
    "source": "upload",
    "private": "lock",
    "gone": "ban",
    "partner": "link",
}


class Chip(NamedTuple):
    """A filter that can be taken off; `without` is the address of the list that has it not."""

    id: str
    words: str
    drawing: str
    without: str


class Tab(NamedTuple):
    id: str
    label: str
    address: str
    count: int | None
    is_current: bool


class NumberOf(Subquery):
    """How many rows there are; asked once in a statement."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS found)"
    output_field = IntegerField()


@dataclass(frozen=True)
class AccountList:
    member: Membership
    filter: AccountFilter
    partner: UUID | None
    sort: str
    after: str

    @classmethod
    def asked_for(cls, query: QueryDict, member: Membership) -> Self:
        return cls(
            member=member,
            filter=AccountFilter.asked_for(query),
            partner=an_id(query.get("partner")),
            sort=one_of(SORTS, query.get("sort"), "name"),
            after=query.get("after", ""),
        )

    # -- rows -----------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> QuerySet:
        rows = Account.objects.filter(self.filter.condition)
        if self.partner:
            known = Overlap.objects.visible_to(self.member).filter(partner=self.partner)
            rows = rows.filter(pk__in=known.filter(account__isnull=False).values("account_id"))
        return rows

    @cached_property
    def page(self) -> Stretch:
        """With how many there are, where that has to be counted: one statement."""
        rows = self.rows
        if not self.is_kept:
            rows = rows.annotate(found=NumberOf(rows.order_by().values("pk")[: COUNTED + 1]))
        return Stretch.of(rows, SORTS[self.sort], self.after, A_PAGE)

    @cached_property
    def known_to(self) -> dict[UUID, list[Partner]]:
        """The partners that know the accounts of this page too, by account."""
        ids = [account.pk for account in self.page.rows]
        seen = Overlap.objects.visible_to(self.member).filter(account_id__in=ids)
        found: dict[UUID, list[Partner]] = {}
        columns = ("account_id", "partner__name", "partner_id")
        for account, name, partner in seen.values_list(*columns).order_by(*columns).distinct():
            found.setdefault(account, []).append(Partner(pk=partner, name=name))
        return found

    # -- numbers --------------------------------------------------------------------------------------------------

    @cached_property
    def sizes(self) -> dict[str, int]:
        """By population, kept by the database: nothing is counted here."""
        return dict(PopulationSize.objects.values_list("population", "accounts"))

    @property
    def everything(self) -> int:
        return sum(self.sizes.get(population, 0) for population in Population.values)

    @property
    def is_kept(self) -> bool:
        """How many there are: whole populations, and nothing else."""
        return not (self.filter.words or self.partner or self.filter.values.keys() - {"population"})

    @property
    def total(self) -> int:
        """Of what the filter finds; past `COUNTED` one more than that."""
        if self.is_kept:
            populations = self.filter.values.get("population", Population.values)
            return sum(self.sizes.get(population, 0) for population in populations)
        return self.page.rows[0].found if self.page.rows else 0

    most = COUNTED

    @property
    def is_more(self) -> bool:
        """Than were counted."""
        return not self.is_kept and self.total > COUNTED

    @property
    def is_filtered(self) -> bool:
        return bool(self.filter or self.partner)

    # -- addresses ------------------------------------------------------------------------------------------------

    def address(self, filter: AccountFilter | None = None, **changes: Any) -> str:
        """Of this list, with changes; of its beginning, if `after` is not said."""
        said = {"partner": self.partner, "sort": self.sort if self.sort != "name" else None} | changes
        filter = self.filter if filter is None else filter
        return (
            f"?{urlencode([*filter.to_query(), *((name, value) for name, value in said.items() if value)])}"
        )

    @property
    def query(self) -> str:
        """What a saved view keeps."""
        return self.address()[1:]

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What the search form sends along."""
        return [pair for pair in parse_qsl(self.query) if pair[0] != "q"]

    @property
    def next(self) -> str:
        return self.address(after=self.page.next) if self.page.next else ""

    @property
    def sorts(self) -> dict[str, str]:
        """The address of each order."""
        return {
            name.replace("-", "down_"): self.address(sort=name if name != "name" else None) for name in SORTS
        }

    # -- what is chosen -------------------------------------------------------------------------------------------

    @cached_property
    def populations(self) -> list[Population | Any]:
        return CustomPopulation.codes()

    @cached_property
    def saved_views(self) -> list[SavedView]:
        return list(savedviews.of(self.member, SavedView.Place.ACCOUNTS))

    @cached_property
    def saved_view(self) -> SavedView | None:
        """The one that is this very list."""
        return next((view for view in self.saved_views if view.query == self.query), None)

    @cached_property
    def tabs(self) -> list[Tab]:
        tabs = [self._tab("", "All", self.everything)]
        tabs += [self._tab(code, code.label, self.sizes.get(code.value, 0)) for code in self.populations]
        return tabs + [
            Tab(f"view-{view.pk}", view.name, f"?{view.query}", None, view == self.saved_view)
            for view in self.saved_views
        ]

    def _tab(self, code: str, label: str, count: int) -> Tab:
        field = "population" if code in Population.values else "segment"
        chosen = {field: [code]} if code else {}
        filter = self.filter.having(**{"population": [], "segment": [], **chosen})
        current = filter == self.filter and self.saved_view is None
        return Tab(f"population-{code or 'all'}", label, self.address(filter), count, current)

    @property
    def tab(self) -> Tab | None:
        return next((tab for tab in self.tabs if tab.is_current), None)

    @property
    def chips(self) -> Iterator[Chip]:
        """But for the population whose tab is open."""
        for number, (field, value, words) in enumerate(said(self.filter, self._names())):
            if field in ("population", "segment") and self.tab and self.tab.id == f"population-{value}":
                continue
            without = self.address(self.filter.without(field, value))
            yield Chip(f"without-{number}", words, DRAWINGS.get(field, "list-filter"), without)
        if self.partner:
            found = {partner.pk: partner.name for partners in self.known_to.values() for partner in partners}
            words = f"Known to {found.get(self.partner, 'a partner')}"
            yield Chip("without-partner", words, DRAWINGS["partner"], self.address(partner=None))

    def _names(self) -> dict[str, str]:
        return {code.value: code.label for code in self.populations} | names_of(self.filter)
