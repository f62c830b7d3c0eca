"""What a list was asked for in its address. Whatever stands there, an answer can be given."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet, Window
from django.http import QueryDict

from core.models import Membership
from overlaps.models import Account, Overlap
from partners.models import Partner, Population

A_PAGE = 25


@dataclass(frozen=True)
class SavedView:
    label: str
    lead: str
    condition: Q

    @property
    def counted(self) -> Count:
        return Count("pk", filter=self.condition)


def _cell(mine: str, theirs: str) -> Q:
    return Q(my_population=mine, their_population=theirs)


VIEWS = {
    "ask": SavedView(
        "Ask for an intro",
        "Your open opportunities among your partners’ customers.",
        _cell(Population.OPEN_OPPORTUNITIES, Population.CUSTOMERS),
    ),
    "offer": SavedView(
        "Offer an intro",
        "Your customers among your partners’ open opportunities.",
        _cell(Population.CUSTOMERS, Population.OPEN_OPPORTUNITIES),
    ),
    "shared": SavedView(
        "Shared customers",
        "Customers of yours and of a partner’s.",
        _cell(Population.CUSTOMERS, Population.CUSTOMERS),
    ),
    "greenfield": SavedView(
        "Greenfield",
        "Accounts that a partner shows you and that are not in your list.",
        Q(account=None),
    ),
    "all": SavedView(
        "All", "Accounts that you and your partners both know, newest first.", Q(account__isnull=False)
    ),
}


def _words(query: QueryDict) -> str:
    return query.get("q", "").replace("\0", "").strip()[:100]


def _one_of(choices: Mapping[str, Any], value: str | None, default: str = "") -> str:
    return value if value in choices else default


def paged(rows: QuerySet, wanted: str | None) -> Page:
    """One query for the rows of a page and for the length of the list; a page past the end is the last one."""
    number = int(wanted) if wanted and wanted.isdecimal() and len(wanted) < 7 else 1
    start = max(number - 1, 0) * A_PAGE
    found = list(rows.annotate(in_all=Window(Count("pk")))[start : start + A_PAGE])
    paginator = Paginator(rows, A_PAGE)
    paginator.count = found[0].in_all if found else rows.count() if start else 0
    page = paginator.get_page(number)
    if found:
        page.object_list = found
    return page


@dataclass(frozen=True)
class OverlapList:
    member: Membership
    view: str
    q: str
    partner: UUID | None
    mine: str
    theirs: str
    number: str | None

    @classmethod
    def asked_for(cls, query: QueryDict, member: Membership) -> Self:
        populations = dict(Population.choices)
        try:
            partner = UUID(query.get("partner", ""))
        except ValueError:
            partner = None
        return cls(
            member=member,
            view=_one_of(VIEWS, query.get("view"), "all"),
            q=_words(query),
            partner=partner,
            mine=_one_of(populations, query.get("mine")),
            theirs=_one_of(populations, query.get("theirs")),
            number=query.get("page"),
        )

    @cached_property
    def _filtered(self) -> QuerySet:
        chosen = {"partner": self.partner, "my_population": self.mine, "their_population": self.theirs}
        rows = Overlap.objects.visible_to(self.member).filter(**{k: v for k, v in chosen.items() if v})
        return rows.found_by(self.q) if self.q else rows

    @cached_property
    def counts(self) -> dict[str, int]:
        """Of every view without the filters; one query."""
        visible = Overlap.objects.visible_to(self.member)
        return visible.aggregate(**{name: view.counted for name, view in VIEWS.items()})

    @property
    def tabs(self) -> list[tuple[str, SavedView, int]]:
        return [(name, view, self.counts[name]) for name, view in VIEWS.items()]

    @property
    def saved_view(self) -> SavedView:
        return VIEWS[self.view]

    @cached_property
    def page(self) -> Page:
        rows = self._filtered.filter(VIEWS[self.view].condition).select_related("partner", "account")
        return paged(rows.newest_first(), self.number)

    @cached_property
    def partners(self) -> list[Partner]:
        return list(Partner.objects.connected().visible_to(self.member).by_name().only("name", "tenant_id"))

    @property
    def is_filtered(self) -> bool:
        return bool(self.q or self.partner or self.mine or self.theirs)

    @property
    def chips(self) -> list[tuple[str, str, str]]:
        """(parameter, drawing, words) of each filter that can be taken off."""
        labels = dict(Population.choices)
        name = next((str(p) for p in self.partners if p.pk == self.partner), "Another partner")
        chips = [
            ("partner", "link", name if self.partner else ""),
            ("mine", "building-2", f"Your {labels[self.mine].lower()}" if self.mine else ""),
            ("theirs", "users", f"Their {labels[self.theirs].lower()}" if self.theirs else ""),
        ]
        return [chip for chip in chips if chip[2]]


SORTS = {
    "name": ("Account", [F("name").asc(), F("pk").asc()]),
    "-name": ("Account", [F("name").desc(), F("pk").asc()]),
    "population": ("Population", [F("population").asc(), F("name").asc(), F("pk").asc()]),
    "owner": ("Owner", [F("owner_name").asc(), F("name").asc(), F("pk").asc()]),
    "-amount": ("Amount", [F("amount").desc(nulls_last=True), F("name").asc(), F("pk").asc()]),
    "-changed": ("Changed", [F("updated_at").desc(), F("pk").asc()]),
}


@dataclass(frozen=True)
class AccountList:
    q: str
    population: str
    sort: str
    number: str | None

    @classmethod
    def asked_for(cls, query: QueryDict) -> Self:
        return cls(
            q=_words(query),
            population=_one_of(dict(Population.choices), query.get("population")),
            sort=_one_of(SORTS, query.get("sort"), "name"),
            number=query.get("page"),
        )

    @cached_property
    def _filtered(self) -> QuerySet:
        return Account.objects.found_by(self.q) if self.q else Account.objects.all()

    @cached_property
    def counts(self) -> dict[str, int]:
        """Without the search; one query."""
        return Account.objects.all().per_population()

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def tabs(self) -> list[tuple[str, str, int]]:
        one_by_one = [(value, label, self.counts[value]) for value, label in Population.choices]
        return [("", "All", self.total), *one_by_one]

    @cached_property
    def page(self) -> Page:
        rows = self._filtered.filter(population=self.population) if self.population else self._filtered
        return paged(rows.order_by(*SORTS[self.sort][1]), self.number)
