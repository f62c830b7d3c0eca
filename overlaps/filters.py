"""Which accounts: the filters of a list, and the conditions of a population of our own making, in one form.

A closed list of fields, each with the values that fit; nothing that somebody typed becomes the name of a column.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Self
from uuid import UUID

from django.db.models import Q
from django.http import QueryDict

from overlaps.keys import domain_key
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


@dataclass(frozen=True)
class AccountFilter:
    """`values`: field to the texts that fit; `words`: the beginning of a name, or a domain."""

    words: str
    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def asked_for(cls, query: QueryDict) -> Self:
        """Whatever stands there, an answer can be given: what makes no sense is left out."""
        return cls.of({field: query.getlist(field) for field in query}, words=query.get("q", ""))

    @classmethod
    def of(cls, values: Mapping[str, Any], words: str = "") -> Self:
        kept = dict(_kept(values))
        return cls(_plain(words), {field: kept[field] for field in sorted(kept)})

    @classmethod
    def stored(cls, conditions: Mapping[str, Any]) -> Self:
        return cls.of(conditions.get("values", {}), conditions.get("words", ""))

    def to_store(self) -> dict[str, Any]:
        return {"words": self.words, "values": {field: list(values) for field, values in self.values.items()}}

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
        """Names that begin so, as the match keys spell them, or as they are written; or the account of a domain."""
        if not self.words:
            return Q()
        named = Q(name__istartswith=self.words)
        if key := domain_key(self.words):
            named |= Q(domain_key=key)
        if key := name_key(self.words):
            named |= Q(name_key__startswith=key)
        return named


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
