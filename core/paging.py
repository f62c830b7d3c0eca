"""Pages of lists: by number, or by what the last row was, which costs the same however far down."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils import timezone


class OneQueryPaginator(Paginator):
    """The rows of a page and how many there are in one statement; a page past the end asks twice more."""

    def get_page(self, number: Any) -> Page:
        number = int(number) if str(number).isdecimal() and len(str(number)) < 6 else 1
        start = (max(number, 1) - 1) * self.per_page
        counted = self.object_list.annotate(found_in_all=Window(Count("pk")))
        rows = list(counted[start : start + self.per_page])
        if not rows and number > 1:
            return super().get_page(number)
        self.count = rows[0].found_in_all if rows else 0
        return self._get_page(rows, max(number, 1), self)


@dataclass(frozen=True)
class Order:
    """How a list is sorted: by these fields in one direction, of which the last is unique.

    `nulls`: the first of several may be missing; such rows come last.
    """

    fields: tuple[str, ...]
    descending: bool = False
    nulls: bool = False

    def sort(self, rows: QuerySet) -> QuerySet:
        first, *rest = (F(field).desc() if self.descending else F(field).asc() for field in self.fields)
        if self.nulls:
            first.nulls_last = True
        return rows.order_by(first, *rest)

    def after(self, values: list[Any]) -> Q:
        """The rows behind the one that has these values."""
        if not self.nulls:
            return self._behind(self.fields, values)
        (first, *rest), (value, *values) = self.fields, values
        if value is None:
            return Q(**{f"{first}__isnull": True}) & self._behind(rest, values)
        further = Q(**{f"{first}__{'lt' if self.descending else 'gt'}": value})
        return further | Q(**{f"{first}__isnull": True}) | Q(**{first: value}) & self._behind(rest, values)

    def _behind(self, fields: Any, values: list[Any]) -> Q:
        compare = TupleLessThan if self.descending else TupleGreaterThan
        if len(values) == 1:
            return Q(**{f"{fields[0]}__{'lt' if self.descending else 'gt'}": values[0]})
        return Q(compare(Tuple(*(F(field) for field in fields)), tuple(values)))


@dataclass(frozen=True)
class Stretch:
    """Some rows of a list, and the mark by which the list goes on; "" at its end."""

    rows: list[Any]
    first: int  # the number of the first of them in the list
    next: str

    @classmethod
    def of(cls, rows: QuerySet, order: Order, mark: str, size: int) -> Self:
        """A mark that makes no sense begins at the beginning."""
        number, values = _read(mark, rows, order)
        if values:
            rows = rows.filter(order.after(values))
        found = list(order.sort(rows)[: size + 1])
        goes_on, found = len(found) > size, found[:size]
        return cls(found, number + 1, _mark(number + len(found), found[-1], order) if goes_on else "")

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def _mark(number: int, row: Any, order: Order) -> str:
    values = [getattr(row, field) for field in order.fields]
    return json.dumps([number, *(value if value is None else _text(value) for value in values)])


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _read(mark: str, rows: QuerySet, order: Order) -> tuple[int, list[Any]]:
    try:
        number, *texts = json.loads(mark[:1000])
        if not isinstance(number, int) or len(texts) != len(order.fields):
            return 0, []
        fields = [rows.model._meta.pk if f == "pk" else rows.model._meta.get_field(f) for f in order.fields]
        values = [
            None if text is None else field.clean(str(text), None)
            for field, text in zip(fields, texts, strict=True)
        ]
    except (ValueError, TypeError, ValidationError):
        return 0, []
    missing = [value is None for value in values]
    makes_sense = "\0" not in "".join(map(str, texts)) and not any(missing[1 if order.nulls else 0 :])
    aware = all(timezone.is_aware(value) for value in values if isinstance(value, datetime))
    return (max(number, 0), values) if makes_sense and aware else (0, [])
