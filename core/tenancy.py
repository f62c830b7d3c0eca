"""The tenant context: who is looking, and into which workspace.

Two locks hang on it: `TenantManager` filters by it, and PostgreSQL's row-level-security policies read it. It lives
in a ContextVar for Python and in two transaction-local settings for the database, which are set together or not
at all.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, transaction

if TYPE_CHECKING:
    from core.models import Membership, Tenant, User


class NoTenantContext(Exception):
    """Tenant rows were asked for outside `tenant_context`."""


class WrongTenant(Exception):
    """A row of one workspace was about to be written in the context of another."""


@dataclass(frozen=True)
class Context:
    tenant_id: UUID | None = None
    user_id: UUID | None = None


_current: ContextVar[Context] = ContextVar("tenant_context", default=Context())


def current_context() -> Context:
    return _current.get()


def current_tenant_id() -> UUID:
    """Raises NoTenantContext."""
    if tenant_id := _current.get().tenant_id:
        return tenant_id
    raise NoTenantContext("Open tenant_context(tenant) first.")


@contextmanager
def tenant_context(tenant: "Tenant | UUID", *, by: "Membership | User | None" = None) -> Iterator[None]:
    """One transaction in which only this workspace's rows exist.

    Nests, and restores what was before. `by` names the person on whose behalf it is; without it, the person of the
    surrounding context stays.
    """
    tenant_id = tenant if isinstance(tenant, UUID) else tenant.pk
    user_id = getattr(by, "user_id", None) or getattr(by, "pk", None) or _current.get().user_id
    with _transaction(lambda: _enter(Context(tenant_id, user_id))):
        yield


@contextmanager
def person_context(user: "User | None", *, at: str = "") -> Iterator[None]:
    """One transaction with no workspace: only the person's own memberships and workspaces are to be seen.

    With `at`, the address of a workspace: in that one, if the person has an active membership there.
    """
    person_id = user.pk if user else None
    with _transaction(lambda: _enter_at(at, person_id) if at else _enter(Context(None, person_id))):
        yield


@contextmanager
def _transaction(enter: Callable[[], Context]) -> Iterator[None]:
    before = _current.get()
    nested = connection.in_atomic_block
    with transaction.atomic():
        token = _current.set(enter())
        try:
            yield
        finally:
            _current.reset(token)
        # A rollback, or the end of the outermost transaction, resets the settings by itself.
        if nested and not connection.needs_rollback:
            _enter(before)


def _enter(context: Context) -> Context:
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_enter(%s, %s)", [context.tenant_id, context.user_id])
    return context


def _enter_at(slug: str, person_id: UUID | None) -> Context:
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_enter_at(%s, %s)", [slug, person_id])
        return Context(cursor.fetchone()[0], person_id)
