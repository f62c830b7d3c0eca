"""Three companies with something of everything, for tests that walk through the whole product.

Acme and Globex are connected; Initech knows nobody. What a company may never show to another holds its canary, e.g.
"canary-acme". What it discloses to its partner holds "shown-acme".
"""

import copy
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.utils import timezone

from conftest import member, person
from core.models import Membership, Tenant, User
from core.roles import Role
from core.tenancy import tenant_context
from intros.models import Intro
from overlaps import imports, matching, populations, savedviews
from overlaps.filters import AccountFilter
from overlaps.models import Account, Import, Overlap
from partners.models import (
    Connection,
    DataRequest,
    FieldPreset,
    Level,
    Partner,
    PartnerInvitation,
    Population,
    Share,
    SharingRule,
    published,
    shares_from,
    stamp,
)
from workspaces.founding import found
from workspaces.models import Invitation

LEVELS = {
    Population.CUSTOMERS: Level.OVERLAPS,
    Population.OPEN_OPPORTUNITIES: Level.COUNTS,
    Population.PROSPECTS: Level.HIDDEN,
}
STAMP = stamp(shares_from(LEVELS) | {"c1": Share()})  # with the population of its own, which nobody sees
ROLES = ("viewer", "member", "admin", "owner")


@dataclass
class Company:
    """A workspace with one person of each role, and one row of each kind by name."""

    owner: Membership
    people: dict[str, Membership] = field(default_factory=dict)
    rows: dict[str, Any] = field(default_factory=dict)

    @property
    def tenant(self) -> Tenant:
        return self.owner.tenant

    @property
    def canary(self) -> str:
        return f"canary-{self.tenant.slug}"

    @property
    def shown(self) -> str:
        return f"shown-{self.tenant.slug}"


@dataclass
class World:
    acme: Company
    globex: Company
    initech: Company
    former: User
    deactivated: User
    operator: User

    def actors(self) -> dict[str, User | None]:
        """Everybody who may knock at Acme's door."""
        return {
            "anonymous": None,
            "stranger": self.initech.owner.user,
            "partner": self.globex.owner.user,
            "former": self.former,
            "deactivated": self.deactivated,
            "operator": self.operator,
        } | {role: self.acme.people[role].user for role in ROLES}


def build() -> World:
    acme, globex, initech = (company(name) for name in ("Acme", "Globex", "Initech"))
    connect(acme, globex)
    for one in (acme, globex, initech):
        furnish(one)
    add_intros(acme, globex)
    former, deactivated = member("Former", acme.tenant, Role.ADMIN), member("Dead", acme.tenant, Role.ADMIN)
    with tenant_context(acme.tenant):
        former.delete()
        Membership.objects.filter(pk=deactivated.pk).update(is_active=False)
    operator = person("Operator", "hosting")
    User.objects.filter(pk=operator.pk).update(is_superuser=True)
    return World(acme, globex, initech, former.user, deactivated.user, User.objects.get(pk=operator.pk))


def company(name: str) -> Company:
    owner = found(owner=person(f"{name}Owner", name), name=name)
    made = Company(owner, {"owner": owner})
    for role in (Role.VIEWER, Role.MEMBER, Role.ADMIN):
        made.people[role.value] = member(f"{name}{role.value}", owner.tenant, role)
    with tenant_context(made.tenant, by=owner):
        for title, domain, population, extra in [
            (f"{made.shown} shared", "both.example", Population.CUSTOMERS, {}),
            (f"{made.canary} counted", "counted.example", Population.OPEN_OPPORTUNITIES, {}),
            (f"{made.canary} hidden", "hidden.example", Population.PROSPECTS, {}),
            (f"{made.canary} private", "private.example", Population.CUSTOMERS, {"is_private": True}),
            (f"{made.canary} own", f"{made.canary}.example", Population.CUSTOMERS, {}),
        ]:
            Account.objects.create(
                name=title,
                domain=domain,
                population=population,
                stage=f"{made.canary} stage",
                contact_name=f"{made.canary} contact",
                contact_email=f"{made.canary}@contact.example",
                owner_name=f"{made.shown} seller",
                **extra,
            )
        matching.refresh()
        made.rows["account"] = Account.objects.get(domain="both.example")
    return made


def connect(one: Company, other: Company) -> None:
    with tenant_context(one.tenant):
        link = Connection.objects.create(inviter=one.tenant, invitee=other.tenant)
    for mine, theirs in ((one, other), (other, one)):
        with tenant_context(mine.tenant, by=mine.owner):
            mine.rows["partner"] = partner = Partner.objects.create(
                name=theirs.tenant.name,
                notes=f"{mine.canary} notes",
                state=Partner.State.CONNECTED,
                connection_id=link.pk,
            )
            SharingRule.write(partner, shares_from(LEVELS))
    with tenant_context(one.tenant):
        told = published(shares_from(LEVELS))
        link.publish({one.tenant.pk: told, other.tenant.pk: told})
    for mine in (one, other):
        with tenant_context(mine.tenant):
            mine.rows["overlap"] = Overlap.objects.get(account=mine.rows["account"])
    ask_each_other(one, other)


def ask_each_other(one: Company, other: Company) -> None:
    for mine, theirs in ((one, other), (other, one)):
        with tenant_context(mine.tenant, by=mine.owner):
            asked = {"population": Population.OPEN_OPPORTUNITIES, "level": Level.OVERLAPS, "note": ""}
            partner = Partner.objects.get(pk=mine.rows["partner"].pk)
            mine.rows["our_request"] = DataRequest.ask(partner, **asked, by=mine.owner)
            theirs.rows["request"] = mine.rows["our_request"]


def furnish(one: Company) -> None:
    with tenant_context(one.tenant, by=one.owner):
        one.rows["invitation"] = Invitation.send(
            by=one.owner, email=f"{one.canary}@invited.example", note=f"{one.canary} note"
        )
        one.rows["partner_invitation"] = invitation = PartnerInvitation.send(
            name=f"{one.canary} partner",
            domain="",
            email=f"{one.canary}@partner.example",
            note=f"{one.canary} note",
            levels=LEVELS,
            by=one.owner,
        )
        one.rows["invited_partner"] = invitation.partner
        one.rows["member"] = one.people["member"]
        one.rows["import"] = add_import(one)
        one.rows["waiting_import"] = add_waiting_import(one)
        conditions = AccountFilter.of({"tag": [f"{one.canary} tag"]})
        one.rows["population"] = populations.make(
            name=f"{one.canary} population", conditions=conditions, by=one.owner
        )
        one.rows["preset"] = FieldPreset.make(name=f"{one.canary} fields", fields=["stage"], by=one.owner)
        one.rows["view"] = savedviews.save(
            "accounts", name=f"{one.canary} view", query="population=customers", for_all=True, by=one.owner
        )


def add_import(one: Company) -> Import:
    """With a row that came in and one that was left out."""
    data = f"Name,Domain,Amount\n{one.canary} came,{one.canary}-came.example,1\n{one.canary} left,,many\n".encode()
    batch = imports.bring_in(ContentFile(data, f"{one.canary}.csv"), by=one.owner)
    assert (batch.state, batch.created, batch.rejected) == (Import.State.IMPORTED, 1, 1)
    return batch


def add_waiting_import(one: Company) -> Import:
    """Checked; with a row that would come in, and one that can be repaired."""
    name = one.canary
    data = f"Name,Domain,Amount,Stage\n{name} comes,{name}-comes.example,1,lead\n{name} waits,,lots,lead\n"
    batch = imports.receive(ContentFile(data.encode(), f"{one.canary}-later.csv"), partner=None, by=one.owner)
    imports.decide(batch, by=one.owner)
    assert (batch.state, batch.report["new"], batch.rejected) == (Import.State.CHECKED, 1, 1)
    return batch


def add_intros(one: Company, other: Company) -> None:
    due = timezone.localdate() + timedelta(days=7)
    for mine in (one, other):
        with tenant_context(mine.tenant, by=mine.owner):
            words = {"ask": f"{mine.shown} ask", "forwardable": "Please meet them.", "due_on": due}
            secret = words | {"ask": f"{mine.canary} draft"}
            mine.rows["draft"] = Intro.draft(by=mine.owner, overlap=mine.rows["overlap"], **secret)
            mine.rows["intro"] = intro = Intro.draft(by=mine.owner, overlap=mine.rows["overlap"], **words)
            intro.request(by=mine.owner)
    one.rows["received_intro"], other.rows["received_intro"] = other.rows["intro"], one.rows["intro"]


def absent() -> str:
    return str(uuid4())


class Stage:
    """Where the world stands, built once for all tests in a row that ask for it.

    It stands in a transaction around theirs: each is rolled back to what was built, and gets objects of its own.
    Tests that don't ask, or that commit, find the database empty; the last ones build their own.
    """

    def __init__(self, blocker: Any) -> None:
        self.blocker = blocker
        self._transaction, self._world, self._database = ExitStack(), None, None

    def set(self) -> None:
        if connection.closed_in_transaction:  # the test before this one lost its connection, and all with it
            self.clear()
        if self._world is None:
            with ExitStack() as opened:
                opened.enter_context(transaction.atomic())
                self._world = build()
                connection.check_constraints()
                self._transaction, self._database = opened.pop_all(), connection.connection

    def clear(self) -> None:
        if self._world is None:
            return
        self._world = None
        if connection.connection is self._database:
            transaction.set_rollback(True)
            self._transaction.close()
        else:  # it was set while a browser ran, and Django has another connection without one
            self._database.close()

    def world(self) -> World:
        return copy.deepcopy(self._world) if self._world else build()
