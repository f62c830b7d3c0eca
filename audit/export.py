"""A trail, or a selection of it, as a file that is read from the database while it is sent."""

import csv
from collections.abc import Iterator
from datetime import date
from io import StringIO
from typing import Any, Self

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from audit.actions import Action
from audit.models import AuditEvent
from audit.verifier.verify_audit_export import FORMAT, as_line
from core.models import Membership
from core.roles import Permission
from core.spreadsheets import harmless
from core.tenancy import tenant_context

BATCH = 1000


class Export:
    """Ends with the event of the export itself, which is recorded before the first byte leaves."""

    def __init__(self, *, by: Membership, last: int, chosen: dict[str, Any]) -> None:
        self.by, self.last, self.chosen = by, last, chosen
        self.finished = False

    @classmethod
    def begin(cls, *, by: Membership, format: str, chosen: dict[str, Any]) -> Self:
        facts = {
            name: value.isoformat() if isinstance(value, date) else value for name, value in chosen.items()
        }
        AuditEvent.record(Action.AUDIT_EXPORTED, by=by, target=by.tenant, changes={"format": format, **facts})
        newest = AuditEvent.objects.newest_first().values_list("seq", flat=True)[0]
        return FORMATS[format](by=by, last=newest, chosen=chosen)

    def response(self) -> StreamingHttpResponse:
        name = f"cosell-audit-{self.by.tenant.slug}-{timezone.now():%Y-%m-%d}.{self.suffix}"
        headers = {"Content-Disposition": content_disposition_header(True, name)}
        return StreamingHttpResponse(self.lines(), content_type=self.content_type, headers=headers)

    def batches(self) -> Iterator[list[AuditEvent]]:
        """Each in a transaction of its own, so that a slow reader keeps none open.

        Who loses the right meanwhile gets no further batch, and a file without its end line.
        """
        after = 0
        while True:
            with tenant_context(self.by.tenant_id, by=self.by):
                if not self._may_go_on():
                    return
                found = AuditEvent.objects.matching(**self.chosen).up_to(self.last).filter(seq__gt=after)
                events = list(found.order_by("seq")[:BATCH])
            yield events
            if len(events) < BATCH:
                self.finished = True
                return
            after = events[-1].seq

    def _may_go_on(self) -> bool:
        membership = (
            Membership.objects.active()
            .filter(pk=self.by.pk, user__is_active=True, tenant__is_active=True)
            .first()
        )
        return membership is not None and Permission.SEE_AUDIT in membership.permissions


class JsonLines(Export):
    """Holds all that the script for customers needs to check the chain."""

    suffix, content_type = "jsonl", "application/jsonl; charset=utf-8"

    def lines(self) -> Iterator[str]:
        count, head = 0, ""
        for events in self.batches():
            for event in events:
                count, head = count + 1, event.hash
            yield "".join(f"{as_line(event.exported())}\n" for event in events)
        if self.finished:
            end = {
                "end": True,
                "format": FORMAT,
                "count": count,
                "head": head,
                "filtered": bool(self.chosen),
            }
            yield f"{as_line(end)}\n"


class Csv(Export):
    suffix, content_type = "csv", "text/csv; charset=utf-8"
    COLUMNS = {
        "Number": "seq",
        "Time (UTC)": "at",
        "Who": "who",
        "On behalf of": "on_behalf_of",
        "Action": "action",
        "What": "sentence",
        "On": "target",
        "Kind": "target_type",
        "Changes": "changes",
        "Also in the trail of": "also_in",
        "IP address": "ip",
        "Browser": "agent",
        "Hash": "hash",
    }

    def lines(self) -> Iterator[str]:
        # The mark tells spreadsheets that this is UTF-8.
        yield "\ufeff" + self._rows([list(self.COLUMNS)])
        count = 0
        for events in self.batches():
            count += len(events)
            yield self._rows([self._row(event) for event in events])
        if self.finished:
            yield self._rows([["# end", count]])

    def _row(self, event: AuditEvent) -> list[Any]:
        exported = event.exported()
        values = (
            exported[name] if name in exported else getattr(event, name) for name in self.COLUMNS.values()
        )
        return [harmless(value) for value in values]

    def _rows(self, rows: list[list[Any]]) -> str:
        text = StringIO()
        csv.writer(text).writerows(rows)
        return text.getvalue()


FORMATS: dict[str, type[Export]] = {"csv": Csv, "jsonl": JsonLines}
