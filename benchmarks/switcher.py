"""The switcher of a person with 1, 10, 100 and 1,000 workspaces (queries, ms, ratio to 1)."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks import world
from benchmarks.clock import measure
from benchmarks.pages import CONTROL
from core.models import Tenant


def run() -> None:
    clients, counts = {}, {}
    for size in (1, 10, 100, 1_000):
        me = world.founder(f"Many{size}")
        for n in range(size - 1):
            Tenant.found(owner=me.user, name=f"Many{size} {n}")
        clients[str(size)] = (world.signed_in(me), f"/workspaces/switcher/?at={me.tenant.slug}")
    world.analyse()
    for size, (client, url) in clients.items():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url, headers={"HX-Request": "true"}).status_code == 200
        counts[size] = sum(not query["sql"].startswith(CONTROL) for query in queries)
    times = measure(
        {s: lambda c=c, u=u: c.get(u, headers={"HX-Request": "true"}) for s, (c, u) in clients.items()},
        rounds=100,
    )
    print(f"{'workspaces':>10}{'queries':>9}{'p50':>8}{'p95':>8}{'ratio':>8}")
    for size, (p50, p95) in times.items():
        print(f"{size:>10}{counts[size]:>9}{p50:>8.1f}{p95:>8.1f}{p50 / times['1'][0]:>8.2f}")
