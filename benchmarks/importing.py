"""A long file through the import wizard (IMPORT_ROWS: how long; a million), and back.

Against COPY of the same rows into a copy of their table, with its indexes, in the same run. Each act is a process of
its own, as a worker's is: memory is the most that this process had at once.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import UUID

import django
from django.core.files import File
from django.db import connection

SIZE = int(os.environ.get("IMPORT_ROWS", "1000000"))


def run() -> None:
    from benchmarks import lists, world

    ada = world.founder("Importing")
    print(f"{'':50}{'seconds':>9}{'x COPY':>9}{'MB':>7}", flush=True)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "accounts.csv"
        lists.write(path, SIZE, side=0)
        first = _apart("bring_in", path, ada.tenant_id)
        peer = _copied(Path(folder) / "rows", ada.tenant_id)
        _line(f"COPY of {SIZE:,} rows", peer)
        _told("brought in, with its keys", first, peer)
        world.analyse()  # as autovacuum does within a minute
        _told("the same file again", _apart("bring_in", path, ada.tenant_id), peer)
    _told("taken back", _apart("take_back", path, ada.tenant_id), peer)


def _told(what: str, act: dict, peer: float) -> None:
    steps = act["seconds"]
    _line(what, sum(steps.values()), peer, act["megabytes"])
    for step, seconds in steps.items() if len(steps) > 1 else ():
        _line(f"  {step}", seconds, peer)


def _line(what: str, seconds: float, peer: float = 0, megabytes: float = 0) -> None:
    ratio = f"{seconds / peer:.1f}" if peer else ""
    print(f"{what:50}{seconds:>9.1f}{ratio:>9}{f'{megabytes:.0f}' if megabytes else '':>7}", flush=True)


# -- the peer -----------------------------------------------------------------------------------------------------

COLUMNS = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
 WHERE attrelid = 'overlaps_account'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""


def _copied(path: Path, tenant: UUID) -> float:
    """Into an empty table. Rows of the list go out to a file first, so that reading them costs the peer nothing."""
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        (columns,) = cursor.fetchone()
        rows = f"SELECT {columns} FROM overlaps_account WHERE tenant_id = '{tenant}'"
        with path.open("wb") as file, cursor.copy(f"COPY ({rows}) TO STDOUT") as copy:
            for data in copy:
                file.write(data)
        cursor.execute("CREATE TABLE benchmark_copied (LIKE overlaps_account INCLUDING ALL)")
        start = perf_counter()
        with path.open("rb") as file, cursor.copy(f"COPY benchmark_copied ({columns}) FROM STDIN") as copy:
            while data := file.read(1024 * 1024):
                copy.write(data)
        seconds = perf_counter() - start
        cursor.execute("SELECT count(*) FROM benchmark_copied")
        assert cursor.fetchone() == (SIZE,), "the list has other rows than the file"
        cursor.execute("DROP TABLE benchmark_copied")
    return seconds


# -- the acts -----------------------------------------------------------------------------------------------------


def _apart(act: str, path: Path, tenant: UUID) -> dict:
    """{"seconds": {step: how long}, "megabytes": the most}"""
    name = connection.settings_dict["NAME"]
    command = [sys.executable, "-m", "benchmarks.importing", act, str(path), str(tenant), name]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def _here(act: str, path: str, tenant: str, database: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    django.setup()
    connection.settings_dict["NAME"] = database
    seconds = globals()[f"_{act}"](Path(path), UUID(tenant))
    print(json.dumps({"seconds": seconds, "megabytes": _most()}))


def _bring_in(path: Path, tenant: UUID) -> dict[str, float]:
    """The steps of the wizard, as they are proposed; what its jobs do is done at once."""
    from core.models import Membership
    from core.tenancy import tenant_context
    from overlaps import imports
    from overlaps.models import Import

    with tenant_context(tenant):
        by = Membership.objects.get()
    with path.open("rb") as file, tenant_context(tenant, by=by):
        batch, received = _timed(lambda: imports.receive(File(file, path.name), partner=None, by=by))
        batch.decide(by=by, state=Import.State.MAPPED)
    _, checked = _timed(lambda: imports.check(tenant, batch.pk, batch.revision))
    with tenant_context(tenant, by=by):
        batch.refresh_from_db()
        batch.start(mark_gone=False, by=by)
    _, written = _timed(lambda: imports.run(tenant, batch.pk))
    with tenant_context(tenant):
        batch.refresh_from_db()
    assert batch.created + batch.unchanged == batch.rows_total == SIZE, "not every row came in"
    return {"received": received, "checked, and compared with the list": checked, "written": written}


def _take_back(_: Path, tenant: UUID) -> dict[str, float]:
    """The import that made the accounts."""
    from core.models import Membership
    from core.tenancy import tenant_context
    from overlaps import imports
    from overlaps.models import Import

    with tenant_context(tenant):
        by, batch = Membership.objects.get(), Import.objects.get(created__gt=0)
        batch.undo(by=by)
    _, undone = _timed(lambda: imports.undo(tenant, batch.pk))
    with tenant_context(tenant):
        batch.refresh_from_db()
    assert batch.restored == SIZE, "not every account was taken back"
    return {"taken back": undone}


def _timed(act: Callable[[], object]) -> tuple:
    start = perf_counter()
    result = act()
    return result, perf_counter() - start


def _most() -> float:
    """In megabytes. Not by `resource.getrusage`: that counts what the process was before it became this program."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    _here(*sys.argv[1:])
