"""Our own list as a file, read from the database while it is sent. An import reads it back as the same accounts."""

from collections.abc import Iterable, Iterator
from typing import Any, Self

from django.db.models import F, Func, TextField
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from audit.actions import Action
from audit.models import AuditEvent
from core.models import Membership
from core.paging import Stretch
from core.roles import Permission
from core.spreadsheets import csv_text, workbook
from core.tenancy import tenant_context
from overlaps.accounts import SORTS
from overlaps.bulk import Chosen
from overlaps.cells import written
from overlaps.columns import LABELS
from overlaps.models import Account

BATCH = 1_000
MOST_COLUMNS = 200  # of custom fields; as many as an import reads
KEPT_AS_CUSTOM = {"industry": LABELS["industry"], "employees": LABELS["employees"]}
CHUNK = 64 * 1024


class TooMany(Exception):
    """More rows than such a file is made of."""


class Export:
    """Begins with the event of the export itself. How many accounts there are to be stands in the file's name."""

    suffix = content_type = ""
    most: int | None = None

    def __init__(self, chosen: Chosen, *, count: int, custom: list[str], by: Membership) -> None:
        self.chosen, self.count, self.custom, self.by = chosen, count, custom, by

    @classmethod
    def begin(cls, chosen: Chosen, *, format: str, by: Membership) -> Self:
        """Raises TooMany."""
        count = chosen.accounts.count()
        if count > (FORMATS[format].most or count):
            raise TooMany(FORMATS[format].most)
        key = Func(F("extra"), function="jsonb_object_keys", output_field=TextField())
        keys = chosen.accounts.order_by().annotate(key=key).values_list("key", flat=True).distinct()
        custom = sorted({*keys} - {*KEPT_AS_CUSTOM.values()})
        changes = {"accounts": count, "which": chosen.in_words, "format": format}
        AuditEvent.record(Action.ACCOUNTS_EXPORTED, by=by, target=by.tenant, changes=changes)
        return FORMATS[format](chosen, count=count, custom=custom[:MOST_COLUMNS], by=by)

    def response(self) -> StreamingHttpResponse:
        name = f"cosell-accounts-{self.by.tenant.slug}-{timezone.localdate()}-{self.count}.{self.suffix}"
        headers = {"Content-Disposition": content_disposition_header(True, name)}
        return StreamingHttpResponse(self.parts(), content_type=self.content_type, headers=headers)

    def parts(self) -> Iterable[Any]:
        raise NotImplementedError

    @property
    def header(self) -> list[str]:
        return [*LABELS.values(), *self.custom]

    def batches(self) -> Iterator[list[list[Any]]]:
        """Each in a transaction of its own, so that a slow reader keeps none open. Whoever may not go on gets an
        answer that breaks off, and no file."""
        mark = ""
        while True:
            with tenant_context(self.by.tenant_id, by=self.by):
                if not self._may_go_on():
                    raise PermissionError("The member may no longer see this workspace.")
                found = Stretch.of(self.chosen.accounts, SORTS["name"], mark, BATCH)
            yield [self._row(account) for account in found.rows]
            mark = found.next
            if not mark:
                return

    def _may_go_on(self) -> bool:
        there = {"pk": self.by.pk, "user__is_active": True, "tenant__is_active": True}
        membership = Membership.objects.active().filter(**there).first()
        return membership is not None and Permission.SEE_WORKSPACE in membership.permissions

    def _row(self, account: Account) -> list[Any]:
        values = {name: getattr(account, name, None) for name in LABELS} | {
            name: account.extra.get(label) for name, label in KEPT_AS_CUSTOM.items()
        }
        return written(values | {"record_id": account.pk, "custom": account.extra}, custom=self.custom)


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
        amount = [*LABELS].index("amount")
        for rows in self.batches():
            for row in rows:
                row[amount] = float(row[amount]) if row[amount] else ""
                yield row


FORMATS: dict[str, type[Export]] = {"csv": Csv, "xlsx": Xlsx}
