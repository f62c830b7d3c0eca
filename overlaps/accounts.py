"""The list of our own accounts, as it was asked for in its address."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from django.core.paginator import Page
from django.db.models import F, QuerySet
from django.http import QueryDict

from core.asking import one_of, words
from core.paging import OneQueryPaginator
from overlaps.models import Account
from partners.models import Population

A_PAGE = 25

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
            q=words(query),
            population=one_of(dict(Population.choices), query.get("population")),
            sort=one_of(SORTS, query.get("sort"), "name"),
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
        return OneQueryPaginator(rows.order_by(*SORTS[self.sort][1]), A_PAGE).get_page(self.number)
