"""Account mapping of two long lists (MAPPING_ROWS: how long; a million). A fifth of the companies is in both.

Ratios against what stands beside them, measured in the same run. Memory: the largest that a server process came to.
"""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from django.db import connection

from benchmarks import lists, world
from core.models import Membership
from core.tenancy import tenant_context
from overlaps import matching
from overlaps.keys import keys_of
from overlaps.models import Account, MatchSettings
from partners.models import Connection

SIZE = int(os.environ.get("MAPPING_ROWS", "1000000"))
CHANGED = 1_000
PARTNERS = 20


def run() -> None:
    _keys()
    ada, grace = world.founder("Mapping"), world.founder("Mapped")
    for side, founder in enumerate((ada, grace)):
        lists.load(founder.tenant, SIZE, side=side)
    world.analyse()
    _against_duckdb(ada, grace)
    _row_security(ada, grace)
    _changes(ada, grace)
    _with_partners()


def line(what: str, seconds: float, ratio: str = "") -> None:
    print(f"{what:58}{seconds:>9.2f} s   {ratio}", flush=True)


def best(act: Callable[[], object], rounds: int = 3) -> float:
    times = []
    for _ in range(rounds):
        start = perf_counter()
        act()
        times.append(perf_counter() - start)
    return min(times)


def _keys() -> None:
    rows = [(row[1], row[2], row[3]) for row in lists.rows(min(SIZE, 200_000), side=0)]
    start = process_time()
    for name, site, country in rows:
        keys_of(name=name, website=site, country=country)
    line("match keys, per million rows, processor time", (process_time() - start) / len(rows) * 1_000_000)


# -- the full match ---------------------------------------------------------------------------------------------

STORED = """
DROP TABLE IF EXISTS benchmark_pairs;
CREATE TABLE benchmark_pairs (connection_id uuid, a uuid, b uuid, rule text, confidence smallint);
INSERT INTO benchmark_pairs
SELECT '{link}', mine_id, theirs_id, rule, confidence FROM overlaps_pairs('{one}', '{other}', NULL, 85);
ALTER TABLE benchmark_pairs ADD PRIMARY KEY (connection_id, a, b);
CREATE INDEX ON benchmark_pairs (connection_id, b);
"""
KEYS = """
COPY (SELECT id, domain_hash, name_hash, country FROM overlaps_matchkey WHERE tenant_id = '{list}') TO STDOUT CSV
"""
DUCK = """
CREATE OR REPLACE TABLE pairs AS
SELECT one, other, max(confidence) AS confidence FROM (
    SELECT a.id AS one, b.id AS other, 0.99 AS confidence FROM a JOIN b ON a.domain_hash = b.domain_hash
    UNION ALL
    SELECT a.id, b.id, 0.95 FROM a JOIN b ON a.name_hash = b.name_hash AND a.country = b.country
) GROUP BY one, other
"""


def _against_duckdb(ada: Membership, grace: Membership) -> None:
    statement = STORED.format(link=ada.pk, one=ada.tenant_id, other=grace.tenant_id)
    with connection.as_owner(), connection.cursor() as cursor:
        ours = best(lambda: cursor.execute(statement))
        cursor.execute("SELECT count(*) FROM benchmark_pairs")
        (pairs,) = cursor.fetchone()
        duck = _duckdb(cursor, ada, grace)
    line("DuckDB: joins the same keys in memory", duck)
    line(f"full match, exact tiers, {pairs:,} pairs, stored and indexed", ours, f"{ours / duck:.1f} x DuckDB")


def _duckdb(cursor: object, ada: Membership, grace: Membership) -> float:
    import duckdb

    duck = duckdb.connect(config={"threads": 2})
    with TemporaryDirectory() as folder:
        for name, founder in (("a", ada), ("b", grace)):
            path = Path(folder) / f"{name}.csv"
            with path.open("wb") as file, cursor.copy(KEYS.format(list=founder.tenant_id)) as copy:
                for data in copy:
                    file.write(data)
            columns = "{'id': 'UUID', 'domain_hash': 'BIGINT', 'name_hash': 'BIGINT', 'country': 'VARCHAR'}"
            duck.execute(f"CREATE TABLE {name} AS FROM read_csv('{path}', header=false, columns={columns})")
    return best(lambda: duck.execute(DUCK), rounds=5)


def _row_security(ada: Membership, grace: Membership) -> None:
    """The function as the match role calls it, whose policy lets everything through, and without any policy."""
    statement = f"SELECT count(*) FROM overlaps_pairs('{ada.tenant_id}', '{grace.tenant_id}', NULL, 85)"
    with connection.as_owner(), connection.cursor() as cursor:
        on = best(lambda: cursor.execute(statement))
        cursor.execute("ALTER TABLE overlaps_matchkey DISABLE ROW LEVEL SECURITY")
        off = best(lambda: cursor.execute(statement))
        cursor.execute("ALTER TABLE overlaps_matchkey ENABLE ROW LEVEL SECURITY")
        on = min(on, best(lambda: cursor.execute(statement)))
    line("the pairs alone, under row-level security", on, f"{on / off:.2f} x without")


# -- what a change costs ------------------------------------------------------------------------------------------


def _changes(ada: Membership, grace: Membership) -> None:
    start = perf_counter()
    world.connect(ada, grace)
    line("connected: matched, and shown to both sides", perf_counter() - start)
    whole = best(lambda: _whole(ada), rounds=2)
    line("from the ground up once more, with all that both sides see", whole)
    some = best(lambda: _change(ada, CHANGED))
    line(f"{CHANGED:,} changed accounts, written and matched", some, f"{some / whole:.3f} of a full run")
    line("one changed account", best(lambda: _change(ada, 1)))
    for founder in (ada, grace):
        with tenant_context(founder.tenant):
            MatchSettings.objects.create(suggestions=True, threshold=70)
    line("full match with suggestions", best(lambda: _whole(ada), rounds=1))
    line(f"{CHANGED:,} changed accounts with suggestions", best(lambda: _change(ada, CHANGED)))
    print(f"{'largest server process':58}{_largest():>9.0f} MB")


def _whole(founder: Membership) -> None:
    with tenant_context(founder.tenant):
        matching.refresh_connection(Connection.objects.values_list("pk", flat=True)[0])


def _change(founder: Membership, number: int) -> None:
    """Other countries for some: half of them are in the other list."""
    with tenant_context(founder.tenant):
        some = list(Account.objects.order_by("-amount", "pk").values_list("pk", flat=True)[:number])
        for country in ("FR", "BE"):
            Account.objects.filter(pk__in=some).exclude(country=country).update(country=country)
        matching.refresh()


def _with_partners() -> None:
    """Many partners, and lists of different length."""
    print()
    times = {}
    for size in (SIZE // 10, SIZE):
        founder = world.founder(f"Hub{size}")
        lists.load(founder.tenant, size, side=0)
        for number in range(PARTNERS):
            partner = world.founder(f"Spoke{size}n{number}")
            lists.load(partner.tenant, SIZE // 50, side=number + 1)
            world.connect(partner, founder)
            if number in (0, PARTNERS - 1):
                world.analyse()
                times[size, number + 1] = best(lambda founder=founder: _change(founder, CHANGED))
    few, many, short = times[SIZE, 1], times[SIZE, PARTNERS], times[SIZE // 10, PARTNERS]
    line(f"{CHANGED:,} changed accounts, one partner", few)
    line(f"{CHANGED:,} changed accounts, {PARTNERS} partners", many, f"{many / few:.1f} x one partner")
    line(
        f"the same in a list of {SIZE // 10:,}", short, f"{many / short:.2f} x for the ten times longer list"
    )


def _largest() -> float:
    """Of the processes of the server, in megabytes: what is their own."""
    largest = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if "Name:\tpostgres" in text:
            fields = dict(part.split(":", 1) for part in text.splitlines() if ":" in part)
            largest = max(largest, int(fields.get("RssAnon", "0 kB").split()[0]))
    return largest / 1024
