"""What an import would do, or has done, for people to read."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from core.models import Membership
from overlaps import staging
from overlaps.cells import Group
from overlaps.columns import LABELS
from overlaps.models import Account, Import, ImportReject
from partners.models import Population

A_PAGE = 10


class Change(NamedTuple):
    """A row that changes an account: by field, the value before and after."""

    number: int
    account: UUID
    name: str
    fields: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Report:
    """`after`: the number of the last changed row that was shown."""

    batch: Import
    member: Membership
    after: int = 0

    @property
    def groups(self) -> list[Group]:
        return [
            Group(**{**group, "values": list(map(tuple, group["values"]))})
            for group in self.batch.report["problems"]
        ]

    @cached_property
    def _found(self) -> list[Change]:
        with self.batch.list_at_hand(by=self.member):
            rows = staging.examples(self.batch.pk, after=self.after, most=A_PAGE + 1)
        return [Change(number, pk, name, in_words(fields)) for number, pk, name, fields in rows]

    @property
    def changes(self) -> list[Change]:
        return self._found[:A_PAGE]

    @property
    def next(self) -> int | None:
        return self.changes[-1].number if len(self._found) > A_PAGE else None

    @property
    def rejects(self) -> list[ImportReject]:
        return first_rejects(self.batch)


def first_rejects(batch: Import) -> list[ImportReject]:
    return list(batch.rejects.order_by("number")[:A_PAGE])


def kept(batch: Import, *, member: Membership) -> list[Account]:
    """Some of the accounts that were edited since, and so not restored."""
    with batch.list_at_hand(by=member):
        return list(Account.objects.filter(pk__in=staging.kept(batch.pk, most=20)).order_by("name", "pk"))


def in_words(fields: dict[str, list[Any]]) -> list[tuple[str, str, str]]:
    said = []
    for name, (before, after) in fields.items():
        if name == "extra":
            changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
            said += [(key, before.get(key, ""), after.get(key, "")) for key in changed]
        else:
            said.append((LABELS[name], _value(name, before), _value(name, after)))
    return said


def _value(name: str, value: Any) -> str:
    if name == "population" and value in Population.values:
        return str(Population(value).label)
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)
