"""Which accounts: the filters of a list, and the conditions of a population of our own making, in one form.

A closed list of fields, each with the values that fit; nothing that somebody typed becomes the name of a column.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Self
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Collate
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django.http import QueryDict

from overlaps.countries import countries
from overlaps.keys import domain_key
from overlaps.models import Source
from overlaps.names import name_key
from partners.models import Population

MANY = {  # field in an address: what a row must have one of
    "population": "population__in",
    "segment": "segments__overlap",
    "country": "country__in",
    "owner": "owner_name__in",
    "stage": "stage__in",
    "tag": "tags__overlap",
    "source": "source_id__in",
}
AMOUNTS = {"amount_from": "amount__gte", "amount_to": "amount__lte"}
SWITCHES = {"private": "is_private", "gone": "gone_at__isnull"}
EXTRA = "extra."
MOST = 50  # values of one field
END = "\U0010ffff"  # sorts behind whatever follows a beginning


@dataclass(frozen=True)
class AccountFilter:
    """`values`: field to the texts that fit; `words`: the beginning of a name, or a domain."""

    words: str
    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def asked_for(cls, query: QueryDict) -> Self:
        """Whatever stands there, an answer can be given: what makes no sense is left out."""
        values = {field: query.getlist(field) for field in query}
        if name := _plain(query.get("extra_name", "")):  # as a form asks for a custom field
            values.setdefault(EXTRA + name, []).append(query.get("extra_value", ""))
        return cls.of(values, words=query.get("q", ""))

    @classmethod
    def of(cls, values: Mapping[str, Any], words: str = "") -> Self:
        kept = dict(_kept(values))
        return cls(_plain(words), {field: kept[field] for field in sorted(kept)})

    @classmethod
    def stored(cls, conditions: Mapping[str, Any]) -> Self:
        return cls.of(conditions.get("values", {}), conditions.get("words", ""))

    def to_store(self) -> dict[str, Any]:
        return {"words": self.words, "values": {field: list(values) for field, values in self.values.items()}}

    def to_query(self) -> list[tuple[str, str]]:
        """As it stands in an address, the same for the same filter."""
        pairs = [(field, value) for field, values in self.values.items() for value in values]
        return ([("q", self.words)] if self.words else []) + pairs

    def having(self, **values: Any) -> Self:
        """With other values in some fields."""
        return self.of({**self.values, **values}, self.words)

    def without(self, field: str, value: str) -> Self:
        return self.having(**{field: [other for other in self.values[field] if other != value]})

    def __bool__(self) -> bool:
        return bool(self.words or self.values)

    @property
    def condition(self) -> Q:
        condition = Q()
        for field, values in self.values.items():
            if field in MANY:
                condition &= Q(**{MANY[field]: list(values)})
            elif field in AMOUNTS:
                condition &= Q(**{AMOUNTS[field]: Decimal(values[0])})
            elif field == "private":
                condition &= Q(is_private=values[0] == "yes")
            elif field == "gone":
                condition &= Q(gone_at__isnull=values[0] == "no")
            else:
                name = field.removeprefix(EXTRA)
                condition &= Q(*[Q(extra__contains={name: value}) for value in values], _connector=Q.OR)
        return condition & self._named

    @property
    def _named(self) -> Q:
        """Names that begin so, as they are written or as the match keys spell them; or the account of a domain."""
        if not self.words:
            return Q()
        named = begins("sort_name", self.words.lower())
        if len(key := name_key(self.words)) > 1:
            named |= begins("name_key", key)
        if key := domain_key(self.words):
            named |= Q(domain_key=key)
        return named


def said(filter: AccountFilter, names: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(field, value, in words) of each value; `names`: what codes are called."""
    for field, values in filter.values.items():
        for value in values:
            yield field, value, _in_words(field, value, names)


def _in_words(field: str, value: str, names: Mapping[str, str]) -> str:
    if field in AMOUNTS:
        return f"Amount {'from' if field == 'amount_from' else 'up to'} {value}"
    if field.startswith(EXTRA):
        return f"{field.removeprefix(EXTRA)}: {value}"
    if field in SWITCHES:
        return f"{'' if value == 'yes' else 'Not '}{field}".capitalize()
    return names.get(value, value)


def names_of(*filters: AccountFilter) -> dict[str, str]:
    """What the codes in filters are called, but for populations of our own making."""
    sources = {pk for filter in filters for pk in filter.values.get("source", ())}
    named = Source.objects.filter(pk__in=sources).values_list("pk", "name") if sources else ()
    return dict(Population.choices) | dict(countries()) | {str(pk): name for pk, name in named}


def begins(column: str, start: str) -> Q:
    """By comparison: LIKE is not leakproof, so that under row-level security no index would serve it."""
    text = Collate(F(column), "C")
    return Q(GreaterThanOrEqual(text, start)) & Q(LessThan(text, start + END))


def _kept(values: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for field, given in values.items():
        texts = tuple(dict.fromkeys(filter(None, (_plain(text) for text in given))))[:MOST]
        if field == "population":
            texts = tuple(text for text in texts if text in Population.values)
        elif field in AMOUNTS:
            texts = tuple(filter(_is_amount, texts))[:1]
        elif field in SWITCHES:
            texts = tuple(text for text in texts if text in {"yes", "no"})[:1]
        elif field == "source":
            texts = tuple(filter(_is_uuid, texts))
        elif field not in MANY and not (field.startswith(EXTRA) and len(field) <= 100):
            continue
        if texts:
            yield field, texts


def _plain(text: Any) -> str:
    return " ".join(str(text).replace("\0", " ").split())[:100]


def _is_amount(text: str) -> bool:
    try:
        return Decimal(text).is_finite() and abs(Decimal(text)) < 10**12
    except InvalidOperation:
        return False


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
