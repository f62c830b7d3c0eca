"""The trail of acts. The database numbers and chains the events; nobody may change one."""

import json
from collections.abc import Iterable
from typing import Any, Self
from uuid import UUID

from django.db import models

from audit.actions import Action
from audit.origin import current_origin
from core.managers import TenantManager, TenantQuerySet
from core.models import Membership, PublicModel, Tenant, TenantModel, User
from core.tenancy import current_tenant_id, tenant_context

Actor = Membership | User | None


class Event(models.Model):
    """What both trails hold. `seq`, `at`, `prev_hash` and `hash` are written by the trigger `audit_chain`."""

    seq = models.BigIntegerField(default=0, editable=False)
    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=40)
    actor_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=254, blank=True)
    on_behalf_of = models.CharField(max_length=254, blank=True)
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
        return f"{self.actor or 'Cosell'} {self.sentence} {self.target}".strip()

    @property
    def sentence(self) -> str:
        return Action(self.action).sentence

    @property
    def details(self) -> dict[str, Any]:
        return json.loads(self.changes)

    @classmethod
    def _filled(
        cls, action: Action, *, by: Actor, target: Any, changes: dict[str, Any], on_behalf_of: str
    ) -> Self:
        user = by.user if isinstance(by, Membership) else by
        origin = current_origin.get()
        return cls(
            action=action.value,
            actor_id=getattr(user, "pk", None),
            actor=_line(user) if getattr(user, "pk", None) else "",
            on_behalf_of=on_behalf_of,
            target_type=target._meta.label_lower if target is not None else "",
            target_id=str(target.pk) if target is not None else "",
            target=_line(target) if target is not None else "",
            changes=json.dumps(changes, ensure_ascii=False, sort_keys=True, default=str).replace(
                "\\u0000", ""
            ),
            ip=origin.ip or "",
            agent=_line(origin.agent),
        )


def _line(value: Any) -> str:
    """One line of text, whatever a name held."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())[:254]


class AuditEventQuerySet(TenantQuerySet):
    def newest_first(self) -> Self:
        return self.order_by("-seq")


class AuditEvent(Event, TenantModel):
    """One act in one workspace's trail."""

    objects = TenantManager.from_queryset(AuditEventQuerySet)()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "seq"], name="audit_event_once")]
        indexes = [models.Index(fields=["tenant", "action", "seq"], name="audit_event_by_action")]

    @classmethod
    def record(
        cls,
        action: Action,
        *,
        by: Actor,
        target: Any = None,
        changes: dict[str, Any] | None = None,
        seen_by: Iterable[Tenant | UUID] = (),
        on_behalf_of: str = "",
    ) -> None:
        """Write it into the current workspace's trail, or into those of `seen_by` (an act that touches a partner).

        Belongs at the end of the act, in its transaction: from here to the commit, other acts of these workspaces
        wait. `changes`: {field: [before, after]} or plain facts; never a secret, never a contact's details.
        """
        trails = {t if isinstance(t, UUID) else t.pk for t in seen_by} or {current_tenant_id()}
        event = cls._filled(action, by=by, target=target, changes=changes or {}, on_behalf_of=on_behalf_of)
        for tenant_id in sorted(trails):  # in one order, so that two acts can't wait for each other
            event.pk, event.tenant_id, event._state.adding = cls._meta.pk.get_default(), tenant_id, True
            with tenant_context(tenant_id):
                event.save(force_insert=True)


class SecurityEvent(Event, PublicModel):
    """What happened to a person's account, or at a door: no workspace is known, or none is concerned."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seq"], name="security_event_once")]
        indexes = [models.Index(fields=["actor_id", "seq"], name="security_event_of_person")]

    @classmethod
    def record(cls, action: Action, *, by: User | None, changes: dict[str, Any] | None = None) -> None:
        cls._filled(action, by=by, target=None, changes=changes or {}, on_behalf_of="").save(
            force_insert=True
        )


class TrailHead(models.Model):
    """Number and hash of each trail's last event. The application's role may not even read it."""

    trail = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.trail} at {self.seq}"
