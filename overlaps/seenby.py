"""What a partner sees of our accounts: the rows that were disclosed to it, without its own side."""

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection

from partners.models import Partner, Population


@dataclass(frozen=True)
class Shown:
    """One of our accounts, with the fields that the partner is shown; the others are empty."""

    id: UUID
    population: str
    segments: list[str]
    name: str
    domain: str
    country: str
    owner_name: str
    stage: str
    amount: Decimal | None
    currency: str
    company_number: str
    tags: list[str]
    extra: dict[str, Any]
    until: date | None

    @property
    def population_label(self) -> str:
        """Empty where the population itself is not shown."""
        return Population(self.population).label if self.population else ""


@dataclass(frozen=True)
class SeenBy:
    """A list that pages itself. `begins`: how the name or the domain begins."""

    partner: Partner
    population: str = ""
    begins: str = ""

    def __getitem__(self, rows: slice) -> list[Shown]:
        found = self._ask(rows.start or 0, rows.stop - (rows.start or 0))
        return [Shown(*row[:12], _loaded(row[12]), row[13]) for row in found]

    def __len__(self) -> int:
        return self._number

    @cached_property
    def _number(self) -> int:
        first = self._ask(0, 1)
        return first[0][-1] if first else 0

    def _ask(self, start: int, size: int) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT * FROM overlaps_seen_by(%s, %s, %s, %s, %s)",
                [self.partner.pk, self.population, self.begins, start, size],
            )
            return cursor.fetchall()


def _loaded(value: Any) -> dict[str, Any]:
    """Django leaves JSON of a bare cursor as text."""
    return json.loads(value) if isinstance(value, str) else value
