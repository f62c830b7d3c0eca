"""Two connected workspaces and what they share, without the acts that lead there."""

import re

from django.http import HttpResponse
from django.test import Client

from core.models import Tenant
from core.tenancy import tenant_context
from overlaps import matching
from overlaps.models import Account, Overlap, OverlapCount
from partners.models import (
    Connection,
    Level,
    Partner,
    Population,
    SharingRule,
    all_hidden,
    published,
    shares_from,
)

NAMED = dict.fromkeys(Population, Level.OVERLAPS)
COUNTED = dict.fromkeys(Population, Level.COUNTS)
EVERYTHING = dict.fromkeys(Population, Level.ALL)


def connect(one: Tenant, other: Tenant) -> tuple[Partner, Partner]:
    """Each side's record of the other; nothing is shared yet."""
    with tenant_context(one):
        link = Connection.objects.create(inviter=one, invitee=other)
    return partner_record(one, other, link), partner_record(other, one, link)


def partner_record(tenant: Tenant, company: Tenant, link: Connection) -> Partner:
    with tenant_context(tenant):
        return Partner.objects.create(name=company.name, state=Partner.State.CONNECTED, connection_id=link.pk)


def share(partner: Partner, levels: dict | None = None, **by_name: str) -> None:
    """What the owner of this record shows that partner from now on."""
    levels = (
        all_hidden() | (levels or {}) | {Population(name): Level(level) for name, level in by_name.items()}
    )
    with tenant_context(partner.tenant_id):
        SharingRule.write(partner, shares_from(levels))
        link = Connection.objects.get(pk=partner.connection_id)
        link.publish({partner.tenant_id: published(shares_from(levels))})


def looked_at(client: Client, path: str, fields: dict) -> dict:
    """What the page of confirmation would send: these fields, with the stamps of what it shows."""
    page = client.get(path, fields)
    stamps = re.findall(r'name="(seen|shown)" value="([0-9a-f]{16})"', page.text)
    assert page.status_code in {200, 409} and len(stamps) == 2, page.text
    return fields | dict(stamps)


def confirm(client: Client, path: str, fields: dict) -> HttpResponse:
    return client.post(path, looked_at(client, path, fields))


def add(tenant: Tenant, name: str, population: str = "prospects", **fields) -> Account:
    """An account; `domain` is made from the name where none is given."""
    fields.setdefault("domain", f"{name.lower().replace(' ', '')}.com")
    with tenant_context(tenant):
        account = Account.objects.create(name=name, population=population, **fields)
        matching.refresh()
    return account


def seen_by(tenant: Tenant) -> set[tuple[str, str, str]]:
    """(name, my population, their population) of all that this workspace may see."""
    with tenant_context(tenant):
        return set(Overlap.objects.visible().values_list("name", "my_population", "their_population"))


def counted_by(tenant: Tenant) -> dict[tuple[str, str], int]:
    with tenant_context(tenant):
        cells = OverlapCount.objects.visible().values_list("my_population", "their_population", "mine")
        return {(mine, theirs): accounts for mine, theirs, accounts in cells}
