"""Lists as files, read from the database while they are sent. An import reads our own back as the same accounts."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Self

from django.db.models import F, Func, QuerySet, TextField
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from audit.actions import Action
from audit.models import AuditEvent
from core.models import Membership
from core.paging import Order, Stretch
from core.roles import Permission
from core.spreadsheets import csv_text, workbook
from core.tenancy import tenant_context
from overlaps.accounts import SORTS
from overlaps.bulk import Chosen
from overlaps.cells import written
from overlaps.columns import LABELS
from overlaps.inbox import NEWEST, ChosenOverlaps
from overlaps.models import Account, Overlap

BATCH = 1_000
MOST_COLUMNS = 200  # of custom fields; as many as an import reads
KEPT_AS_CUSTOM = {"industry": LABELS["industry"], "employees": LABELS["employees"]}
CHUNK = 64 * 1024


class TooMany(Exception):
    """More rows than such a file is made of."""


class Content:
    """What a file is to hold. `custom` names the custom fields of all its rows."""

    noun: str
    place: str  # the list that they are taken from
    action: Action
    order: Order
    columns: Collection[str]
    numbers: Collection[str]  # of the columns
    in_words: str
    left_out: Collection[str] = ()  # of custom fields

    def rows(self, member: Membership) -> QuerySet:
        """What this person may see of it now."""
        raise NotImplementedError

    def header(self, custom: list[str]) -> list[str]:
        raise NotImplementedError

    def cells(self, row: Any, custom: list[str]) -> list[Any]:
        raise NotImplementedError


class Accounts(Content):
    noun, place, action = "accounts", "overlaps:accounts", Action.ACCOUNTS_EXPORTED
    order, columns, numbers = SORTS["name"], LABELS.values(), {LABELS["amount"]}
    left_out = KEPT_AS_CUSTOM.values()

    def __init__(self, chosen: Chosen) -> None:
        self.chosen, self.in_words = chosen, chosen.in_words

    def rows(self, member: Membership) -> QuerySet:
        return self.chosen.accounts

    def header(self, custom: list[str]) -> list[str]:
        return [*self.columns, *custom]

    def cells(self, row: Account, custom: list[str]) -> list[Any]:
        values = {name: getattr(row, name, None) for name in LABELS} | {
            name: row.extra.get(label) for name, label in KEPT_AS_CUSTOM.items()
        }
        return written(values | {"record_id": row.pk, "custom": row.extra}, custom=custom)


class Overlaps(Content):
    """Ours beside what the partner shows of theirs; no contact is among it."""

    noun, place, action = "overlaps", "overlaps:list", Action.OVERLAPS_EXPORTED
    order = NEWEST
    mine = {
        "Your account": "name",
        "Your domain": "domain",
        "Your country": "country",
        "Your owner": "owner_name",
        "Your stage": "stage",
        "Your amount": "amount",
        "Your currency": "currency",
        "Your record ID": "pk",
    }
    both = {
        "Your population": "get_my_population_display",
        "Partner": "partner",
        "Their account": "name",
        "Their domain": "domain",
        "Their country": "country",
        "Their population": "get_their_population_display",
        "Their owner": "owner_name",
        "Their stage": "stage",
        "Their amount": "amount",
        "Their currency": "currency",
        "Their company number": "company_number",
        "Match": "get_rule_display",
        "Confidence": "confidence",
        "State": "get_state_display",
    }
    columns = (*mine, *both, "Their tags", "Found")
    numbers = {"Your amount", "Their amount", "Confidence"}

    def __init__(self, chosen: ChosenOverlaps) -> None:
        self.chosen, self.in_words = chosen, chosen.in_words

    def rows(self, member: Membership) -> QuerySet:
        return self.chosen.rows(member).select_related("partner", "account")

    def header(self, custom: list[str]) -> list[str]:
        return [*self.columns, *(f"Their field: {name}" for name in custom)]

    def cells(self, row: Overlap, custom: list[str]) -> list[Any]:
        values = [getattr(row.account, name, None) for name in self.mine.values()]
        values += [getattr(row, name) for name in self.both.values()]
        values += ["; ".join(row.tags), timezone.localdate(row.found_at)]
        values += [row.extra.get(name) for name in custom]
        return [_text(value() if callable(value) else value) for value in values]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


class Export:
    """Begins with the event of the export itself. How many accounts there are to be stands in the file's name."""

    suffix = content_type = ""
    most: int | None = None

    def __init__(self, content: Content, *, count: int, custom: list[str], by: Membership) -> None:
        self.content, self.count, self.custom, self.by = content, count, custom, by

    @classmethod
    def begin(cls, content: Content, *, format: str, by: Membership) -> Self:
        """Raises TooMany."""
        rows = content.rows(by).order_by()
        count = rows.count()
        if count > (FORMATS[format].most or count):
            raise TooMany(FORMATS[format].most)
        key = Func(F("extra"), function="jsonb_object_keys", output_field=TextField())
        keys = rows.annotate(key=key).values_list("key", flat=True).distinct()
        custom = sorted({*keys} - {*content.left_out})
        changes = {content.noun: count, "which": content.in_words, "format": format}
        AuditEvent.record(content.action, by=by, target=by.tenant, changes=changes)
        return FORMATS[format](content, count=count, custom=custom[:MOST_COLUMNS], by=by)

    def response(self) -> StreamingHttpResponse:
        slug, today = self.by.tenant.slug, timezone.localdate()
        name = f"cosell-{self.content.noun}-{slug}-{today}-{self.count}.{self.suffix}"
        headers = {"Content-Disposition": content_disposition_header(True, name)}
        return StreamingHttpResponse(self.parts(), content_type=self.content_type, headers=headers)

    def parts(self) -> Iterable[Any]:
        raise NotImplementedError

    @property
    def header(self) -> list[str]:
        return self.content.header(self.custom)

    def batches(self) -> Iterator[list[list[Any]]]:
        """Each in a transaction of its own, so that a slow reader keeps none open. Whoever may not go on gets an
        answer that breaks off, and no file."""
        mark = ""
        while True:
            with tenant_context(self.by.tenant_id, by=self.by):
                rows = self.content.rows(self._member())
                found = Stretch.of(rows, self.content.order, mark, BATCH)
            yield [self.content.cells(row, self.custom) for row in found.rows]
            mark = found.next
            if not mark:
                return

    def _member(self) -> Membership:
        """As they are now: the role may have changed since."""
        there = {"pk": self.by.pk, "user__is_active": True, "tenant__is_active": True}
        membership = Membership.objects.active().filter(**there).first()
        if membership is None or Permission.SEE_WORKSPACE not in membership.permissions:
            raise PermissionError("The member may no longer see this workspace.")
        return membership


class Csv(Export):
    suffix, content_type = "csv", "text/csv; charset=utf-8"

    def parts(self) -> Iterator[str]:
        yield "\ufeff" + csv_text([self.header])  # the mark tells spreadsheets that this is UTF-8
        for rows in self.batches():
            yield csv_text(rows)


class Xlsx(Export):
    suffix = "xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    most = 100_000  # such a file is made whole before its first byte leaves

    def parts(self) -> Iterator[bytes]:
        with workbook(self._rows()) as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def _rows(self) -> Iterator[list[Any]]:
        yield self.header
        numbers = [n for n, column in enumerate(self.content.columns) if column in self.content.numbers]
        for rows in self.batches():
            for row in rows:
                for n in numbers:
                    row[n] = float(row[n]) if row[n] else ""
                yield row


FORMATS: dict[str, type[Export]] = {"csv": Csv, "xlsx": Xlsx}
