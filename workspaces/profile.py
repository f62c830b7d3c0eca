"""Acts on a workspace's own record: what it is called, how it looks, where it stands."""

from typing import Any

from django.core.exceptions import PermissionDenied

from audit.actions import Action
from audit.models import AuditEvent
from core.models import Membership, Tenant, WorkspaceSlug
from core.roles import Permission
from workspaces.turns import turn

MAX_ADDRESSES = 10


class TooManyAddresses(Exception):
    """Addresses are never given back, so a workspace may take a few only."""


def change(tenant: Tenant, *, by: Membership, **fields: Any) -> None:
    """Raises PermissionDenied."""
    _act(Action.WORKSPACE_CHANGED, tenant, by=by, fields=fields)


def show_logo(tenant: Tenant, version: str, *, by: Membership) -> None:
    """Raises PermissionDenied."""
    _act(Action.LOGO_CHANGED, tenant, by=by, fields={"logo_version": version})


def move(tenant: Tenant, *, to: str, by: Membership) -> None:
    """The old address stays the workspace's own, and redirects.

    Raises Tenant.SlugTaken, TooManyAddresses, PermissionDenied.
    """
    with turn(by):
        _check(by)
        if WorkspaceSlug.objects.exclude(slug=to).count() >= MAX_ADDRESSES:
            raise TooManyAddresses
        if not tenant.claims(to):
            raise Tenant.SlugTaken(to)
        WorkspaceSlug.objects.filter(is_current=True).update(is_current=False)
        WorkspaceSlug.objects.filter(slug=to).update(is_current=True)
        _act(Action.WORKSPACE_MOVED, tenant, by=by, fields={"slug": to})


def _act(action: Action, tenant: Tenant, *, by: Membership, fields: dict[str, Any]) -> None:
    with turn(by):
        _check(by)
        before = Tenant.objects.get(pk=tenant.pk)
        changes = {
            name: [getattr(before, name), value]
            for name, value in fields.items()
            if getattr(before, name) != value
        }
        for name, value in fields.items():
            setattr(tenant, name, value)
        if changes:
            tenant.save(update_fields=changes.keys())
            AuditEvent.record(action, by=by, target=tenant, changes=changes)


def _check(by: Membership) -> None:
    if not by.may(Permission.CHANGE_SETTINGS):
        raise PermissionDenied
