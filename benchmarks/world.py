"""What is measured: a workspace with partners, members, accounts and overlaps; `size` accounts a side."""

from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client

from core.models import Membership, Tenant, User
from core.roles import Role
from core.tenancy import tenant_context
from overlaps.models import Account
from partners.models import Connection, Level, Partner, Population, SharingRule

LEVELS = {
    Population.CUSTOMERS: Level.OVERLAPS,
    Population.OPEN_OPPORTUNITIES: Level.OVERLAPS,
    Population.PROSPECTS: Level.COUNTS,
}


def founder(name: str) -> Membership:
    user = User.objects.create(
        email=f"{name.lower()}@{name.lower()}.example", name=name, password=make_password(None)
    )
    return Tenant.found(owner=user, name=name)


def signed_in(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, "allauth.account.auth_backends.AuthenticationBackend")
    return client


def add_members(tenant: Tenant, count: int) -> None:
    with tenant_context(tenant):
        for n in range(count):
            user = User.objects.create(email=f"{tenant.slug}{n}@members.example", name=f"Person {n}")
            Membership.objects.create(tenant=tenant, user=user, role=Role.MEMBER)


def add_accounts(tenant: Tenant, size: int, first: int = 0) -> None:
    populations = list(Population)
    with tenant_context(tenant):
        Account.objects.bulk_create(
            Account(
                name=f"Company {n}",
                domain=f"company{n}.example",
                domain_key=f"company{n}.example",
                country="DE",
                population=populations[n % 3],
                amount=n,
            )
            for n in range(first, first + size)
        )


def connect(one: Membership, other: Membership) -> None:
    """Both show the other the same; the database's trigger finds the overlaps."""
    with tenant_context(one.tenant):
        link = Connection.objects.create(inviter=one.tenant, invitee=other.tenant)
    for side, partner in [(one, other), (other, one)]:
        with tenant_context(side.tenant):
            record = Partner.objects.create(
                name=partner.tenant.name, state=Partner.State.CONNECTED, connection_id=link.pk
            )
            SharingRule.objects.bulk_create(
                SharingRule(partner=record, population=population, level=level)
                for population, level in LEVELS.items()
            )
    with tenant_context(one.tenant):
        Connection.objects.filter(pk=link.pk).update(inviter_version=2, invitee_version=2)


def analyse() -> None:
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE")
