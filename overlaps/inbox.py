"""The list of overlaps, as it was asked for in its address."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.http import QueryDict

from core.asking import an_id, one_of, words
from core.models import Membership
from core.paging import Order, Stretch
from overlaps import savedviews
from overlaps.accounts import COUNTED, Chip, NumberOf, Tab
from overlaps.models import Overlap, SavedView
from overlaps.models.overlap import their_version
from partners.models import Custom, CustomPopulation, Partner, Population

A_PAGE = 25
MOST_PICKED = 1_000
NEWEST = Order(("found_at", "pk"), descending=True)  # as Overlap.objects.newest_first(): an index has it
OWN = re.compile(r"c\d{1,9}")
AT_FIRST = {"view": "all", "state": Overlap.State.OPEN}
ANY = "any"  # for links from counts that know no states


@dataclass(frozen=True)
class View:
    label: str
    lead: str
    condition: Q

    @property
    def counted(self) -> Count:
        return Count("pk", filter=self.condition)


def _cell(mine: str, theirs: str) -> Q:
    return Q(my_population=mine, their_population=theirs)


VIEWS = {
    "ask": View(
        "Ask for an intro",
        "Your open opportunities among your partners’ customers.",
        _cell(Population.OPEN_OPPORTUNITIES, Population.CUSTOMERS),
    ),
    "offer": View(
        "Offer an intro",
        "Your customers among your partners’ open opportunities.",
        _cell(Population.CUSTOMERS, Population.OPEN_OPPORTUNITIES),
    ),
    "shared": View(
        "Shared customers",
        "Customers of yours and of a partner’s.",
        _cell(Population.CUSTOMERS, Population.CUSTOMERS),
    ),
    "greenfield": View(
        "Greenfield",
        "Accounts that a partner shows you and that are not in your list.",
        Q(account=None),
    ),
    "all": View(
        "All", "Accounts that you and your partners both know, newest first.", Q(account__isnull=False)
    ),
}


def _code(code: str) -> str:
    """Of a population, of anybody's own making too."""
    return code if code in Population or OWN.fullmatch(code) else ""


def _in(side: str, code: str) -> dict[str, Any]:
    if not code:
        return {}
    return {f"{side}_population": code} if code in Population else {f"{side}_segments__contains": [code]}


STATES = {
    **{"open": "Open", "actioned": "Actioned", "ignored": "Ignored"},
    ANY: "Any state",
}


@dataclass(frozen=True)
class OverlapList:
    member: Membership
    view: str
    state: str
    q: str
    partner: UUID | None
    mine: str
    theirs: str
    after: str

    @classmethod
    def asked_for(cls, query: QueryDict, member: Membership) -> Self:
        return cls(
            member=member,
            view=one_of(VIEWS, query.get("view"), AT_FIRST["view"]),
            state=one_of(STATES, query.get("state"), AT_FIRST["state"]),
            q=words(query),
            partner=an_id(query.get("partner")),
            mine=_code(query.get("mine", "")),
            theirs=_code(query.get("theirs", "")),
            after=query.get("after", ""),
        )

    @property
    def _visible(self) -> QuerySet:
        return self._in_state(Overlap.objects.visible_to(self.member))

    def _in_state(self, overlaps: QuerySet) -> QuerySet:
        return overlaps if self.state == ANY else overlaps.filter(state=self.state)

    def _found(self, overlaps: QuerySet) -> QuerySet:
        chosen = {"partner": self.partner} if self.partner else {}
        chosen |= _in("my", self.mine) | _in("their", self.theirs)
        found = overlaps.filter(VIEWS[self.view].condition, **chosen)
        return found.found_by(self.q) if self.q else found

    @property
    def rows(self) -> QuerySet:
        return self._found(self._visible)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Of every view without the filters; one query."""
        return self._visible.aggregate(**{name: view.counted for name, view in VIEWS.items()})

    @cached_property
    def saved_views(self) -> list[SavedView]:
        return list(savedviews.of(self.member, SavedView.Place.OVERLAPS))

    @cached_property
    def saved_view(self) -> SavedView | None:
        """The one that is this very list."""
        return next((view for view in self.saved_views if view.query == self.query), None)

    @property
    def tabs(self) -> list[Tab]:
        return [self._tab(name, view) for name, view in VIEWS.items()] + [
            Tab(f"view-{view.pk}", view.name, f"?{view.query}", None, view == self.saved_view)
            for view in self.saved_views
        ]

    def _tab(self, name: str, view: View) -> Tab:
        current = name == self.view and self.saved_view is None
        return Tab(f"view-{name}", view.label, self.address(view=name), self.counts[name], current)

    @property
    def states(self) -> list[tuple[str, str]]:
        return list(STATES.items())

    @property
    def kind(self) -> View:
        return VIEWS[self.view]

    @cached_property
    def page(self) -> Stretch:
        """With how many there are, up to `COUNTED`. By versions, so that an index gives the order."""
        versions = {partner.pk: partner.version for partner in self.partners if partner.version is not None}
        rows = self._found(self._in_state(Overlap.objects.shown_under(versions)))
        rows = rows.annotate(found=NumberOf(rows.order_by().values("pk")[: COUNTED + 1]))
        return Stretch.of(rows.select_related("partner", "account"), NEWEST, self.after, A_PAGE)

    @property
    def total(self) -> int:
        """Of what the filters find; past `COUNTED` one more than that."""
        return self.page.rows[0].found if self.page.rows else 0

    most = COUNTED

    @property
    def is_more(self) -> bool:
        """Than were counted."""
        return self.total > COUNTED

    @property
    def next(self) -> str:
        return self.address(after=self.page.next) if self.page.next else ""

    @cached_property
    def partners(self) -> list[Partner]:
        """With the version of what each shares now."""
        seen = Partner.objects.connected().visible_to(self.member).by_name()
        return list(seen.annotate(version=their_version()).only("name", "tenant_id"))

    def address(self, **changes: Any) -> str:
        """Of this list, with changes; of its beginning, if `after` is not said."""
        said = {name: getattr(self, name) for name in ("view", "state", "q", "partner", "mine", "theirs")}
        said = {name: value for name, value in (said | changes).items() if value != AT_FIRST.get(name)}
        return f"?{urlencode({name: value for name, value in said.items() if value})}"

    @property
    def query(self) -> str:
        """What is asked of this list, and nothing else that stood in its address."""
        return self.address()[1:]

    @property
    def is_filtered(self) -> bool:
        return bool(self.q or self.partner or self.mine or self.theirs)

    @property
    def chips(self) -> Iterator[Chip]:
        own = CustomPopulation.codes() if OWN.fullmatch(self.mine) else []
        name = next((str(p) for p in self.partners if p.pk == self.partner), "Another partner")
        chips = {
            "partner": (name, "link"),
            "mine": (f"Your {_in_words(self.mine, own)}", "building-2"),
            "theirs": (f"Their {_in_words(self.theirs)}", "users"),
        }
        for field, (said, drawing) in chips.items():
            if getattr(self, field):
                yield Chip(f"without-{field}", said, drawing, self.address(**{field: None}))


@dataclass(frozen=True)
class ChosenOverlaps:
    """What the list's form sent: ids of rows, or `all` and the address of the list."""

    wanted: OverlapList
    picked: list[UUID] | None  # None: all of the list

    @classmethod
    def asked_for(cls, data: QueryDict, member: Membership) -> Self:
        wanted = OverlapList.asked_for(QueryDict(data.get("query", "")[:5_000]), member)
        ids = [pk for text in data.getlist("pick")[:MOST_PICKED] if (pk := an_id(text))]
        return cls(wanted, None if data.get("all") else ids)

    def rows(self, member: Membership) -> QuerySet:
        """Of those, what this person may see now."""
        if self.picked is None:
            return replace(self.wanted, member=member).rows
        return Overlap.objects.visible_to(member).filter(pk__in=self.picked)

    @property
    def in_words(self) -> str:
        if self.picked is not None:
            return "chosen"
        return f"all of {self.wanted.query}" if self.wanted.query else "all that are open"


def _in_words(code: str, own: Iterable[Custom] = ()) -> str:
    if code in Population:
        return Population(code).label.lower()
    return next(
        (f"“{population.label}”" for population in own if population.value == code), "other population"
    )
