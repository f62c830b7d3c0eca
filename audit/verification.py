"""Reads every trail as the owner of the schema and says what is wrong with it.

The chain itself is followed by the same code that customers run on their exports.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from django.db import connection

from audit.checkpoints import Checkpoint, Heads
from audit.models import SECURITY_TRAIL, AuditEvent, SecurityEvent
from audit.verifier.verify_audit_export import FIELDS, Chain, missing
from core.models import Tenant

TABLES = {AuditEvent: "tenant_id", SecurityEvent: f"'{SECURITY_TRAIL}'::uuid"}
BATCH = 2000
TRIGGERS = {"chain", "final", "whole"}
# As text, so that no value, however odd, stops the reading.
AS_TEXT = {
    "at": "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    "actor_id": "coalesce(actor_id::text, '')",
    "seq": "seq",
}


class Verification:
    """`tenant`: only this workspace's trail. `checkpoints`: what is known from outside the database."""

    def __init__(
        self,
        *,
        tenant: Tenant | None = None,
        checkpoints: Iterable[Checkpoint] = (),
        tell: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.tenant, self.checkpoints, self.tell = tenant, list(checkpoints), tell
        self.events = 0
        self.trails = 0

    def problems(self) -> Iterator[str]:
        self.names = {str(pk): slug for pk, slug in Tenant.across_tenants.values_list("pk", "slug")}
        self.names[str(SECURITY_TRAIL)] = "security"
        heads = self._ours(Checkpoint.take().heads)
        known = self._known()
        yield from _switched_off()
        for trail, events in self._trails():
            self.trails += 1
            yield from self._follow(trail, events, heads.pop(trail, None), known.pop(trail, {}))
        for trail, (seq, _) in heads.items():
            yield f"{self._name(trail)}: {missing(1, seq)}"
        for trail, events in known.items():
            yield f"{self._name(trail)}: {missing(1, max(events))}, says the checkpoint"

    def _name(self, trail: str) -> str:
        return self.names.get(trail, trail)

    def _ours(self, heads: Heads) -> Heads:
        return {
            trail: head
            for trail, head in heads.items()
            if self.tenant is None or trail == str(self.tenant.pk)
        }

    def _known(self) -> dict[str, dict[int, str]]:
        known: dict[str, dict[int, str]] = {}
        for checkpoint in self.checkpoints:
            for trail, (seq, digest) in self._ours(checkpoint.heads).items():
                known.setdefault(trail, {})[seq] = digest
        return known

    def _trails(self) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
        for model in TABLES if self.tenant is None else [AuditEvent]:
            yield from groupby(self._read(model), key=lambda event: event["trail"])

    def _read(self, model: type[AuditEvent] | type[SecurityEvent]) -> Iterator[dict[str, Any]]:
        trail = TABLES[model]
        columns = [
            f"{trail}::text" if name == "trail" else AS_TEXT.get(name, f"{name}::text") for name in FIELDS
        ]
        only, params = ("WHERE tenant_id = %s", [self.tenant.pk]) if self.tenant else ("", [])
        sql = f"SELECT {', '.join(columns)} FROM {model._meta.db_table} {only} ORDER BY {trail}, seq"  # noqa: S608
        with connection.chunked_cursor() as cursor:
            cursor.execute(sql, params)
            while rows := cursor.fetchmany(BATCH):
                for row in rows:
                    yield dict(zip(FIELDS, row, strict=True))
                self.events += len(rows)
                self.tell(self.events)

    def _follow(
        self,
        trail: str,
        events: Iterator[dict[str, Any]],
        head: tuple[int, str] | None,
        known: dict[int, str],
    ) -> Iterator[str]:
        chain, name = Chain(), self._name(trail)
        for event in events:
            for problem in chain.follow(event):
                yield f"{name}: {problem}"
            if known.pop(event["seq"], event["hash"]) != event["hash"]:
                yield f"{name}: event {event['seq']} is another one than the checkpoint knows"
        for seq in known:
            yield f"{name}: event {seq} is missing, says the checkpoint"
        if head is None:
            yield f"{name}: its head is missing"
        elif head[0] > chain.seq:
            yield f"{name}: {missing(chain.seq + 1, head[0])} at the end"
        elif head != (chain.seq, chain.head):
            yield f"{name}: its head does not belong to event {chain.seq}"


def _switched_off() -> Iterator[str]:
    with connection.cursor() as cursor:
        for model in TABLES:
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgenabled IN ('O', 'A')",
                [model._meta.db_table],
            )
            for name in sorted(TRIGGERS - {row[0] for row in cursor.fetchall()}):
                yield f"{model._meta.db_table}: the trigger {name!r} is switched off"
