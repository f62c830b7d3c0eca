"""Row-level security on against off, on ten main queries over 100 workspaces of 1,000 accounts (ratio of medians)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from benchmarks import world
from benchmarks.clock import measure
from core.models import Membership
from core.tenancy import tenant_context
from intros.models import Intro
from overlaps.models import Account, Overlap
from partners.models import Connection, Partner

TABLES = [
    "overlaps_account",
    "overlaps_overlap",
    "partners_partner",
    "partners_connection",
    "core_membership",
    "core_tenant",
    "audit_auditevent",
    "intros_intro",
]


def run() -> None:
    founders = [world.founder(f"Row{n}") for n in range(100)]
    for founder in founders:
        world.add_accounts(founder.tenant, 1_000)
    world.connect(founders[0], founders[1])
    world.analyse()
    me = founders[0]
    with tenant_context(me.tenant):
        account, overlap = Account.objects.first(), Overlap.objects.first()
    queries = {
        "account by key": lambda: Account.objects.get(pk=account.pk),
        "page of accounts": lambda: list(Account.objects.order_by("name", "id")[:50]),
        "count of accounts": lambda: Account.objects.count(),
        "accounts by domain": lambda: list(Account.objects.filter(domain_key="company77.example")),
        "page of overlaps": lambda: list(
            Overlap.objects.order_by("name", "id").select_related("account")[:25]
        ),
        "overlap by key": lambda: Overlap.objects.get(pk=overlap.pk),
        "partners": lambda: list(Partner.objects.order_by("name")),
        "connections": lambda: list(Connection.objects.all()),
        "my membership": lambda: Membership.across_tenants.at(me.user, me.tenant.slug).first(),
        "intros to answer": lambda: list(Intro.objects.filter(receiver=me.tenant, state="requested")[:25]),
    }
    on = _times(me, queries)
    with _row_security_off():
        off = _times(me, queries)
    again = _times(me, queries)
    print(f"{'':22}{'on':>8}{'off':>8}{'ratio':>8}")
    for name in queries:
        with_locks = min(on[name][0], again[name][0])
        print(f"{name:22}{with_locks:>8.3f}{off[name][0]:>8.3f}{with_locks / off[name][0]:>8.2f}")


def _times(me: Membership, queries: dict) -> dict[str, tuple[float, float]]:
    with tenant_context(me.tenant, by=me):
        return measure(queries, rounds=300)


@contextmanager
def _row_security_off() -> Iterator[None]:
    _each_table("DISABLE")
    try:
        yield
    finally:
        _each_table("ENABLE")


def _each_table(way: str) -> None:
    with connection.as_owner(), connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} {way} ROW LEVEL SECURITY")
