"""Acts on the people of one workspace wait for one another: what one of them checks stays true until it commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied

from core.models import Membership, Tenant, User
from core.tenancy import tenant_context


@contextmanager
def turn(by: Membership) -> Iterator[None]:
    """Inside, `by` is as it is now, not as it was when the request began. Raises PermissionDenied if it is gone."""
    with _turn_at(by.tenant_id, by):
        try:
            by.refresh_from_db(fields=["role", "is_active"])
        except ObjectDoesNotExist as gone:
            raise PermissionDenied from gone
        yield


@contextmanager
def turn_of(user: User | None, tenant_id: UUID) -> Iterator[None]:
    """For somebody who isn't a member yet, or for a job."""
    with _turn_at(tenant_id, user):
        yield


@contextmanager
def _turn_at(tenant_id: UUID, by: Membership | User | None) -> Iterator[None]:
    with tenant_context(tenant_id, by=by):
        # no_key: rows that only refer to the workspace go on being written meanwhile.
        Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
        yield
