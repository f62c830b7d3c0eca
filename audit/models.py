"""The trail of acts. The database numbers and chains the events; nobody may change one."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db import models

from audit.actions import Action
from audit.origin import current_origin
from audit.verifier.verify_audit_export import FIELDS
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, PublicModel, Tenant, TenantModel, User
from core.tenancy import current_tenant_id, tenant_context

Actor = Membership | User | None
SECURITY_TRAIL = UUID(int=0)
LONGEST_TEXT = 1000


class Change(NamedTuple):
    """A row of the before/after table; a plain fact has no `before`."""

    field: str
    before: str
    after: str
    is_fact: bool


class Event(models.Model):
    """What both trails hold. `seq`, `at`, `prev_hash` and `hash` are written by the trigger `audit_chain`."""

    seq = models.BigIntegerField(default=0, editable=False)
    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=40)
    actor_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=254, blank=True)
    on_behalf_of = models.CharField(max_length=254, blank=True)
    # The names of the other workspaces in whose trails the same act stands.
    also_in = models.CharField(max_length=254, blank=True)
    target_type = models.CharField(max_length=40, blank=True)
    target_id = models.CharField(max_length=40, blank=True)
    target = models.CharField(max_length=254, blank=True)
    # JSON text, not jsonb: the bytes that were hashed are the bytes that are kept.
    changes = models.TextField(default="{}")
    ip = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    prev_hash = models.CharField(max_length=64, default="", editable=False)
    hash = models.CharField(max_length=64, default="", editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return " ".join(filter(None, [self.who, self.sentence, self.object])) + self.from_to

    @property
    def trail(self) -> UUID:
        return getattr(self, "tenant_id", SECURITY_TRAIL)

    @property
    def who(self) -> str:
        return self.actor or "Cosell"

    @property
    def sentence(self) -> str:
        try:
            return Action(self.action).sentence
        except ValueError:  # written by an older version; the trail outlives the list
            return self.action

    @property
    def object(self) -> str:
        """The end of the sentence; not where it speaks of the workspace already, or of who did it."""
        said = ("workspace.", "audit.", Action.MEMBER_JOINED.value, Action.MEMBER_LEFT.value)
        return "" if self.action.startswith(said) else self.target

    @property
    def details(self) -> list[Change]:
        return [_change(field, value) for field, value in json.loads(self.changes).items()]

    @property
    def from_to(self) -> str:
        """The end of the sentence, where one field changed; the field is named unless the sentence did."""
        match self.details:
            case [Change(field, before, after, False)] if max(len(before), len(after)) <= 60:
                named = "" if field.lower() in self.sentence else f": {field.lower()}"
                return f"{named} from {before} to {after}"
        return ""

    def exported(self) -> dict[str, Any]:
        """The fields as they are hashed, in the order of `FIELDS`."""
        special = {
            "seq": self.seq,
            "at": self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "actor_id": str(self.actor_id or ""),
        }
        return {field: special.get(field, str(getattr(self, field))) for field in FIELDS}


def _change(field: str, value: Any) -> Change:
    label = field.replace("_", " ").replace(".", ", ").capitalize()
    if isinstance(value, list) and len(value) == 2:
        return Change(label, _shown(value[0]), _shown(value[1]), False)
    return Change(label, "", _shown(value), True)


def _shown(value: Any) -> str:
    match value:
        case None | "" | [] | {}:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case list() if not any(isinstance(item, list | dict) for item in value):
            return ", ".join(map(_shown, value))
        case list() | dict():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def one_line(value: Any, length: int = 254) -> str:
    """One line of text, whatever a name held: no control, escape or bidirectional characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())[:length]


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int():
            return value
        case dict():
            return {one_line(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return one_line(value, LONGEST_TEXT)


def _facts(action: Action, target: Any, changes: dict[str, Any] | None, on_behalf_of: str) -> dict[str, Any]:
    return {
        "action": action.value,
        "on_behalf_of": one_line(on_behalf_of),
        "target_type": target._meta.label_lower if target is not None else "",
        "target_id": str(target.pk) if target is not None else "",
        "target": one_line(target) if target is not None else "",
        "changes": json.dumps(_plain(changes or {}), ensure_ascii=False, sort_keys=True),
    }


def _origin() -> dict[str, str]:
    origin = current_origin.get()
    return {"ip": origin.ip or "", "agent": one_line(origin.agent, 200)}


class AuditEventQuerySet(TenantQuerySet):
    def newest_first(self) -> Self:
        return self.order_by("-seq")

    def about(self, thing: models.Model) -> Self:
        return self.filter(target_id=str(thing.pk))

    def matching(
        self,
        *,
        actor: str = "",
        action: str = "",
        target: str = "",
        ip: str = "",
        since: date | None = None,
        until: date | None = None,
    ) -> Self:
        """Days are days in UTC; `until` is still in it."""
        found = self
        if actor:
            found = found.filter(actor__icontains=actor)
        if action:
            found = found.filter(action=action)
        if target:
            found = found.filter(target__icontains=target)
        if ip:
            found = found.filter(ip__startswith=ip)
        if since:
            found = found.filter(at__gte=datetime.combine(since, time.min, UTC))
        if until:
            found = found.filter(at__lte=datetime.combine(until, time.max, UTC))
        return found

    def up_to(self, seq: int) -> Self:
        return self.filter(seq__lte=seq)

    def page(self, *, before: int | None = None, after: int | None = None, size: int) -> "Stretch":
        """The newest, or those just before or just after a number; newest first in any case."""
        if after is not None:
            rows = list(self.filter(seq__gt=after).order_by("seq")[: size + 1])
            return Stretch(rows[:size][::-1], has_newer=len(rows) > size, has_older=True)
        older = self.filter(seq__lt=before) if before is not None else self
        rows = list(older.newest_first()[: size + 1])
        return Stretch(rows[:size], has_newer=before is not None, has_older=len(rows) > size)


class Stretch(NamedTuple):
    """A page of a trail. Its numbers, not page numbers, lead on, so that new events don't shift what one reads."""

    events: list["AuditEvent"]
    has_newer: bool
    has_older: bool

    @property
    def newest(self) -> int:
        return self.events[0].seq

    @property
    def oldest(self) -> int:
        return self.events[-1].seq


class AuditEvent(Event, TenantModel):
    """One act in one workspace's trail."""

    objects = TenantManager.from_queryset(AuditEventQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "seq"], name="audit_event_once")]
        indexes = [
            models.Index(fields=["tenant", "action", "seq"], name="audit_event_by_action"),
            models.Index(fields=["tenant", "target_id", "seq"], name="audit_event_of_target"),
        ]

    @classmethod
    def record(
        cls,
        action: Action,
        *,
        by: Actor,
        target: Any = None,
        changes: dict[str, Any] | None = None,
        seen_by: Iterable[Tenant | UUID] = (),
        also_in: str = "",
        on_behalf_of: str = "",
    ) -> None:
        """Write it into the current workspace's trail, or into those of `seen_by` (an act that touches a partner).

        Belongs at the end of the act, in its transaction: from here to the commit, other acts of these workspaces
        wait. `changes`: {field: [before, after]} or plain facts; never a secret, never a contact's details; with
        `seen_by` nothing that the other side may not know. Address and browser stay with the workspace whose
        member acted; in the other trail the person is named with the company. `also_in` names the other trail where
        the two need different targets, and so a call each.
        """
        trails = {t if isinstance(t, UUID) else t.pk: t for t in seen_by} or {current_tenant_id(): None}
        facts = _facts(action, target, changes, on_behalf_of)
        authors = _Authors(by)
        for tenant_id in sorted(trails):  # in one order, so that two acts can't wait for each other
            others = [_partner_name(tenant) for other, tenant in trails.items() if other != tenant_id]
            event = cls(
                tenant_id=tenant_id,
                also_in=one_line(", ".join(others) or also_in),
                **facts,
                **authors.seen_from(tenant_id),
            )
            with tenant_context(tenant_id):
                event.save(force_insert=True)


def _partner_name(tenant: Tenant | UUID | None) -> str:
    return str(tenant) if isinstance(tenant, Tenant) else "the partner"


class _Authors:
    """Who acted, as each of the workspaces may see it."""

    def __init__(self, by: Actor) -> None:
        user = by.user if isinstance(by, Membership) else by
        self.actor_id = getattr(user, "pk", None)
        self.home = by.tenant_id if isinstance(by, Membership) else None
        self.name = one_line(user) if self.actor_id else ""
        self.full_name = one_line(f"{user} ({by.tenant})") if self.home else self.name

    def seen_from(self, tenant_id: UUID) -> dict[str, Any]:
        at_home = self.home in (None, tenant_id)
        return {
            "actor_id": self.actor_id,
            "actor": self.name if at_home else self.full_name,
            **(_origin() if self.home == tenant_id else {}),
        }


class SecurityEventQuerySet(models.QuerySet["SecurityEvent"]):
    def of(self, user: User) -> Self:
        return self.filter(actor_id=user.pk)

    def newest_first(self) -> Self:
        return self.order_by("-seq")


class SecurityEvent(Event, PublicModel):
    """What happened to a person's account, or at a door: no workspace is known, or none is concerned."""

    objects = SecurityEventQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seq"], name="security_event_once")]
        indexes = [models.Index(fields=["actor_id", "seq"], name="security_event_of_person")]

    @classmethod
    def record(cls, action: Action, *, by: User | None, changes: dict[str, Any] | None = None) -> None:
        actor_id = getattr(by, "pk", None)
        actor = one_line(by) if actor_id else ""
        cls(actor_id=actor_id, actor=actor, **_facts(action, None, changes, ""), **_origin()).save(
            force_insert=True
        )


class TrailHead(models.Model):
    """Number and hash of each trail's last event. The application's role may not even read it."""

    trail = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.trail}: {self.seq}"
