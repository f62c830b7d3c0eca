"""What somebody looks for in a workspace, in all its rooms: one query, which answers with what this person may see."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from django.db.models import CharField, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Coalesce, NullIf
from django.utils.http import urlencode

from core.models import Membership
from core.roles import Permission
from intros.models import Intro
from overlaps.filters import begins
from overlaps.keys import domain_key
from overlaps.models import Account, Overlap
from overlaps.names import name_key
from partners.models import Partner
from workspaces.members import people

MOST = 6  # of a kind


class Kind(NamedTuple):
    label: str
    drawing: str
    page: str


KINDS = {
    "account": Kind("Your accounts", "building-2", "overlaps:account"),
    "overlap": Kind("Overlaps, as partners call them", "overlap", "overlaps:detail"),
    "partner": Kind("Partners", "link", "partners:detail"),
    "intro": Kind("Intros", "arrow-left-right", "intros:detail"),
    "person": Kind("People", "users", "workspaces:members"),
    "page": Kind("Pages", "arrow-right", ""),
}
PAGES = (
    ("Home", "workspaces:home", Permission.SEE_WORKSPACE),
    ("Overlaps", "overlaps:list", Permission.SEE_WORKSPACE),
    ("Accounts", "overlaps:accounts", Permission.SEE_WORKSPACE),
    ("Populations", "overlaps:populations", Permission.SEE_WORKSPACE),
    ("Hygiene of the list", "overlaps:hygiene", Permission.SEE_WORKSPACE),
    ("Intros", "intros:list", Permission.SEE_WORKSPACE),
    ("Partners", "partners:list", Permission.SEE_WORKSPACE),
    ("Members", "workspaces:members", Permission.SEE_WORKSPACE),
    ("Import accounts", "overlaps:import", Permission.EDIT_ACCOUNTS),
    ("Write an account down", "overlaps:account_new", Permission.EDIT_ACCOUNTS),
    ("Connect a partner", "partners:invite", Permission.CONNECT_PARTNERS),
    ("Invite people", "workspaces:invite", Permission.INVITE_MEMBERS),
    ("Settings", "workspaces:settings", Permission.CHANGE_SETTINGS),
    ("Audit trail", "audit:trail", Permission.SEE_AUDIT),
)


class Hit(NamedTuple):
    kind: Kind
    title: str
    more: str
    path: str


@dataclass(frozen=True)
class Search:
    member: Membership
    words: str

    @property
    def groups(self) -> list[tuple[Kind, list[Hit]]]:
        return [(kind, list(hits)) for kind, hits in groupby(self.hits, key=lambda hit: hit.kind)]

    @cached_property
    def hits(self) -> list[Hit]:
        return [*self._rows(), *self._pages()] if self.words else []

    def _rows(self) -> Iterator[Hit]:
        first, *further = self._parts()
        found: dict[str, dict[UUID, Hit]] = {code: {} for code in KINDS}
        for code, pk, title, more in first.union(*further, all=True):
            if len(found[code]) < MOST:
                found[code].setdefault(pk, Hit(KINDS[code], title, more, self._path(code, pk, title)))
        for hits in found.values():
            yield from hits.values()

    def _path(self, code: str, pk: UUID, title: str) -> str:
        tenant, page = self.member.tenant, KINDS[code].page
        if code == "person":
            return f"{tenant.path_to(page)}?{urlencode({'q': title})}"
        return tenant.path_to(page, pk=pk)

    def _parts(self) -> Iterator[QuerySet]:
        """What is many is found by its beginning, by an index; the rest by any part of it."""
        accounts = Account.objects.all()
        named = [begins("sort_name", self.words.lower())]
        named += [begins("name_key", key)] if len(key := name_key(self.words)) > 1 else []
        for condition, order in zip(named, ("sort_name", "name_key"), strict=False):
            yield _rows("account", accounts.filter(condition).order_by(order, "pk"), "name", "domain")
        if key := domain_key(self.words):
            yield _rows("account", accounts.filter(domain_key=key).order_by("pk"), "name", "domain")
        seen = list(Partner.objects.connected().visible_to(self.member).values_list("pk", flat=True))
        known_to_us = RawSQL("SELECT overlaps_named(%s, %s::uuid[])", [self.words, seen])
        overlaps = Overlap.objects.visible_to(self.member).filter(pk__in=known_to_us).order_by("name", "pk")
        yield _rows("overlap", overlaps, "name", "partner__name")
        partners = Partner.objects.visible_to(self.member).matching(self.words).by_name()
        yield _rows("partner", partners, "name", "domain")
        intros = Intro.objects.visible_to(self.member).matching(self.words).with_partner().newest_first()
        yield _rows("intro", intros, "company", "partner_name")
        members = people(self.words).filter(is_active=True)
        yield _rows(
            "person", members, Coalesce(NullIf("user__name", Value("")), "user__email"), "user__email"
        )

    def _pages(self) -> Iterator[Hit]:
        words = self.words.lower()
        for title, page, permission in PAGES:
            starts = any(part.startswith(words) for part in [title.lower(), *title.lower().split()])
            if starts and permission in self.member.permissions:
                yield Hit(KINDS["page"], title, "", self.member.tenant.path_to(page))


def _rows(code: str, rows: QuerySet, title: object, more: str) -> QuerySet:
    """The first of them, in the columns that all kinds have."""
    told = {
        "code": Value(code, CharField()),
        "title": Cast(title, CharField()),
        "more": Cast(more, CharField()),
    }
    return rows.annotate(**told).values_list("code", "pk", "title", "more")[:MOST]
