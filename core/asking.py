"""What stands in an address: whatever that is, an answer can be given."""

from collections.abc import Container
from uuid import UUID

from django.http import QueryDict

LONGEST = 100


def words(query: QueryDict, name: str = "q") -> str:
    return query.get(name, "").replace("\0", "").strip()[:LONGEST]


def one_of(choices: Container[str], value: str | None, default: str = "") -> str:
    return value if value in choices else default


def an_id(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
