"""Partners without a workspace here, whose account list we keep ourselves.

The list lies in a workspace of its own that nobody is a member of, connected with ours: so it is imported, matched and
shown as every partner's is. `inside` is the only way in, and opens for the workspace that keeps the list alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from audit.actions import Action
from audit.models import AuditEvent
from core.models import Membership, Tenant
from core.tenancy import tenant_context
from partners.models import Connection, Level, Partner, Population, SharingRule, published, shares_from

EVERYTHING = shares_from(dict.fromkeys(Population, Level.ALL))


@transaction.atomic
def add(*, name: str, domain: str, by: Membership) -> Partner:
    """A new partner, whose list may be imported from now on."""
    partner = Partner.objects.create(name=name, domain=domain, owner=by.user, state=Partner.State.OFFLINE)
    keeper = Tenant(name=name, slug=f"offline-{uuid4().hex}", origin=Tenant.Origin.OFFLINE)
    with tenant_context(keeper):
        keeper.save(force_insert=True)
    link = Connection.objects.create(inviter=by.tenant, invitee=keeper, is_offline=True)
    Partner.objects.filter(pk=partner.pk).update(connection_id=link.pk)
    with tenant_context(keeper):
        us = Partner.objects.create(name=by.tenant.name, state=Partner.State.CONNECTED, connection_id=link.pk)
        SharingRule.write(us, EVERYTHING)
    link.publish({keeper.pk: published(EVERYTHING)})
    partner.refresh_from_db()
    AuditEvent.record(Action.PARTNER_ADDED, by=by, target=partner)
    return partner


@contextmanager
def inside(partner: Partner, *, by: Membership) -> Iterator[Tenant]:
    """The context in which the list of this partner lies. Raises ObjectDoesNotExist for a partner that has none.

    What it asks, it asks as our workspace: a connection that is not ours, or that leads to somebody, opens nothing.
    """
    link = Connection.objects.get(pk=partner.connection_id, inviter=by.tenant_id, is_offline=True)
    with tenant_context(link.invitee_id, by=by):
        keeper = Tenant.objects.get(pk=link.invitee_id)
        if keeper.origin != Tenant.Origin.OFFLINE:
            raise ObjectDoesNotExist
        yield keeper
