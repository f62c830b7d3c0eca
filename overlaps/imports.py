"""From a file to the account list: looked at, checked against the list, written, taken back.

Nothing reaches the list before `run`, which does all of it in one transaction. What comes before leaves staged rows
that may be thrown away: a job that is killed begins again, and one that was overtaken by a decision finds that out.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import batched, islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.core.files import File
from django.db import connection, transaction
from django.utils import timezone

from core.models import Membership
from core.tenancy import current_tenant_id, tenant_context
from overlaps import columns, matching, staging
from overlaps.cells import Check, Findings, Problem
from overlaps.columns import Mapping
from overlaps.exposure import Audience
from overlaps.keys import keys_of
from overlaps.models import Import, ImportReject, Source
from overlaps.models.batch import list_of
from overlaps.tables import Table, Unreadable, read
from overlaps.tables.arrival import Given
from partners.models import Custom, CustomPopulation, Partner

logger = logging.getLogger(__name__)

LOOKED_AT = 20_000  # rows whose values are counted at once; what stands below them shows when all are checked
SMALL = 2_000  # rows that are checked while the person waits
CHUNK = 10_000  # rows that are staged in one transaction, and kept in memory for it
ANALYSED_FROM = 200  # staged rows: of fewer, the planner need know nothing
PASTED = "Pasted rows"
NO_LIST = "The partner has ended, and its list is gone."


class Stopped(Exception):
    """Says to a person why nothing is imported."""


class Overtaken(Exception):
    """Somebody decided something else meanwhile."""


# -- looked at ----------------------------------------------------------------------------------------------------


def look(given: Given, **chosen: str) -> dict[str, Any]:
    """What an Import keeps of a file: `facts`, `rows_total` (0: more than were looked at), and how it was read.

    `chosen`: encoding, separator and sheet as `tables.read` knows them; "" is left to it. Raises Unreadable.
    """
    with read(given, **{name: value or None for name, value in chosen.items()}) as table:
        found = table.recognised
        ask = [name for name, target in found.fields.items() if target in {"population", "stage"}]
        survey = columns.survey(table.header, islice(table.rows(), LOOKED_AT), ask=ask)
        if not survey.rows:
            raise Unreadable("Below the first row, with the names of the columns, this file has no rows.")
        facts = {
            **{"header": table.header, "samples": _samples(table), "source": found.source, "why": found.why},
            **{"proposed": found.fields, "read_as": table.read_as, "notes": table.notes},
            **{"kind": table.kind, "sheets": table.sheets},
            "values": {name: counted.most_common() for name, counted in survey.values.items()},
        }
        how = {"encoding": table.encoding, "separator": table.separator, "sheet": table.sheet}
        return {"facts": facts, "rows_total": survey.rows if survey.rows < LOOKED_AT else 0, **how}


def _samples(table: Table) -> list[list[str]]:
    """For each column up to two different values."""
    rows = table.sample(20)
    cells = ([columns.plain(row[place])[:60] for row in rows] for place in range(len(table.header)))
    return [[cell for cell in dict.fromkeys(column) if cell][:2] for column in cells]


def proposal(facts: dict[str, Any], filename: str, sources: Iterable[Source]) -> dict[str, Any]:
    """Source and mapping for a file: as its columns were matched before, else as they are recognised."""
    sources = list(sources)
    found = columns.Recognised(facts["source"], facts["proposed"], facts["why"])
    seen, is_known = columns.fingerprint(facts["header"]), found.source != columns.FILE
    known = [source for source in sources if seen in source.headers] or [
        source for source in sources if is_known and source.kind == found.source
    ]
    if known:
        mapping = Mapping.from_json(known[0].mapping).remembered_for(found)
        return {"source_name": known[0].name, "mapping": mapping.as_json()}
    name = found.source if is_known else PurePath(filename).stem[:80] or PASTED
    return {"source_name": name, "mapping": Mapping.proposed(found).as_json()}


def receive(given: File, *, partner: Partner | None, by: Membership) -> Import:
    """Raises Unreadable."""
    found = _look_and_propose(given, filename=given.name, partner=partner, by=by)
    return Import.receive(given.chunks(), filename=given.name, partner=partner, by=by, **found)


def _look_and_propose(
    given: Given, *, filename: str, partner: Partner | None, by: Membership, **chosen: str
) -> dict[str, Any]:
    """Raises Unreadable."""
    found = look(given, **chosen)
    with list_of(partner, by=by):
        return found | proposal(found["facts"], filename, Source.objects.newest_first())


def bring_in(given: File, *, by: Membership, partner: Partner | None = None) -> Import:
    """All steps at once, as they are proposed. Raises Unreadable."""
    with tenant_context(by.tenant_id, by=by):
        batch = receive(given, partner=partner, by=by)
        batch.decide(by=by, state=Import.State.MAPPED)
    check(batch.tenant_id, batch.pk, batch.revision)
    with tenant_context(by.tenant_id, by=by):
        batch.refresh_from_db()
        batch.start(mark_gone=False, by=by)
    run(batch.tenant_id, batch.pk)
    with tenant_context(by.tenant_id, by=by):
        batch.refresh_from_db()
    return batch


def read_again(batch: Import, *, by: Membership, **chosen: str) -> None:
    """With another encoding, separator or sheet. Raises Unreadable, and NotNow."""
    about = {"filename": batch.filename, "partner": batch.partner}
    found = _look_and_propose(batch.pieces(), **about, by=by, **chosen)
    batch.decide(by=by, state=Import.State.UPLOADED, corrections={}, **found)


# -- checked ------------------------------------------------------------------------------------------------------


@transaction.atomic
def decide(batch: Import, *, by: Membership, **decided: Any) -> None:
    """What the columns mean, or how problems are repaired; and then all rows are checked. Raises NotNow."""
    from overlaps.tasks import check_import

    batch.decide(by=by, state=Import.State.MAPPED, **decided)
    ids = {"tenant_id": batch.tenant_id, "import_id": batch.pk, "revision": batch.revision}
    if 0 < batch.rows_total <= SMALL:
        check(**ids)
        batch.refresh_from_db()
    else:
        check_import.defer(**{name: str(value) for name, value in ids.items()})


@transaction.atomic
def cancel(batch: Import, *, by: Membership) -> None:
    """Raises NotNow."""
    batch.cancel(by=by)
    if batch.has_list:
        with batch.list_at_hand(by=by):
            staging.unstage(batch.pk)


def consequences(batch: Import, *, member: Membership) -> list[str]:
    """What partners may come to see, in words: at most so many accounts, from our own list and rules alone."""
    if batch.partner_id:
        return []
    report, populations = batch.report, CustomPopulation.codes()
    touched = report["new"] + report["changed"]
    accounts = report["moved"] | {one.value: touched for one in populations if isinstance(one, Custom)}
    exposures = Audience.of(member).exposures(accounts, populations)
    return [f"Up to {one}" if isinstance(one.population, Custom) else str(one) for one in exposures]


# -- jobs ---------------------------------------------------------------------------------------------------------


def check(tenant_id: UUID, import_id: UUID, revision: int) -> None:
    """Stages all rows and finds out what they would change. May be killed at any point, and run again."""
    _work(_check, tenant_id, import_id, state=Import.State.MAPPED, revision=revision)


def run(tenant_id: UUID, import_id: UUID) -> None:
    """May be killed at any point and run again: until the one transaction is through, nothing has happened."""
    _work(_run, tenant_id, import_id, state=Import.State.IMPORTING)


def undo(tenant_id: UUID, import_id: UUID) -> None:
    """May be killed at any point and run again."""
    _work(_undo, tenant_id, import_id, state=Import.State.UNDOING)


def _work(work: Callable[..., None], tenant_id: UUID, import_id: UUID, **there: Any) -> None:
    """Nothing, where the import is not `there`: a job may be run twice, or too late."""
    with tenant_context(tenant_id):
        batch = Import.objects.select_related("partner").filter(pk=import_id, **there).first()
        by = batch and batch.initiator()
    if batch is None:
        return
    try:
        if by is None:
            raise Stopped("Whoever started this import may no longer import accounts.")
        work(batch, by=by)
    except (Overtaken, Import.NotNow):
        logger.info("Import %s was decided anew meanwhile.", import_id)
    except ObjectDoesNotExist:
        _fail(batch, NO_LIST, by=by, at=there["state"])
    except (Stopped, Unreadable) as reason:
        _fail(batch, str(reason), by=by, at=there["state"])
    except Exception:
        sorry = "Something went wrong on our side. Nothing was changed; please try again."
        _fail(batch, sorry, by=by, at=there["state"])
        raise


def _fail(batch: Import, reason: str, *, by: Membership | None, at: Import.State) -> None:
    with tenant_context(batch.tenant_id, by=by):
        batch.fail(reason, by=by, at=at)


def _check(batch: Import, *, by: Membership) -> None:
    try:
        tally = _stage(batch, by=by)
    except Unreadable as reason:
        with tenant_context(batch.tenant_id, by=by):
            batch.send_back(str(reason))
        return
    with tenant_context(batch.tenant_id, by=by):
        report = _compare(batch, by=by) | {"skipped": tally.skipped, "problems": tally.problems()}
        batch.checked(report, rows_total=tally.rows, rejected=batch.rejects.count())


@dataclass
class Tally:
    """What the rows of a file came to."""

    findings: Findings = field(default_factory=Findings)
    rows: int = 0
    staged: int = 0
    skipped: int = 0

    def problems(self) -> list[dict[str, Any]]:
        names = ("code", "field", "rows", "values", "numbers")
        return [{name: getattr(group, name) for name in names} for group in self.findings.groups()]


def _stage(batch: Import, *, by: Membership) -> Tally:
    """Raises Unreadable, and Overtaken."""
    tally = Tally()
    _keep(batch, tally, [], [], by=by, first=True)
    with read(batch.pieces(), **batch.read_as) as table:
        check = Check(table.header, batch.decided, batch.corrected)
        for rows in batched(table.rows(), CHUNK, strict=False):
            staged, rejects = [], []
            for number, cells in rows:
                _judge(batch, tally, check, number, cells, staged, rejects)
            _keep(batch, tally, staged, rejects, by=by)
    if tally.staged >= ANALYSED_FROM:
        with batch.list_at_hand(by=by):
            staging.analyse()
    return tally


def _judge(
    batch: Import,
    tally: Tally,
    check: Check,
    number: int,
    cells: list[str],
    staged: list[list],
    rejects: list[ImportReject],
) -> None:
    values, problems = check.values_of(number, cells)
    tally.rows += 1
    if problems:
        tally.findings.add(number, problems)
    if values is not None:
        keys = keys_of(
            name=values["name"],
            website=values["domain_key"],
            country=values["country"],
            number=values["company_number"],
        )
        staged.append(staging.row(number, values, keys))
    elif errors := [problem for problem in problems if problem.is_error]:
        rejects.append(_reject(batch, number, cells, errors[0]))
    else:
        tally.skipped += 1


def _reject(batch: Import, number: int, cells: Iterable[str], problem: Problem) -> ImportReject:
    """With the row for the person to correct; of a row that is none, enough to know it again."""
    kept = [cell[:2000].replace("\0", "") for cell in islice(cells, 200)]
    return ImportReject(batch=batch, number=number, code=problem.code, reason=problem.sentence, cells=kept)


def _keep(
    batch: Import,
    tally: Tally,
    staged: list[list],
    rejects: list[ImportReject],
    *,
    by: Membership,
    first: bool = False,
) -> None:
    """Raises Overtaken."""
    tally.staged += len(staged)
    with tenant_context(batch.tenant_id, by=by):
        here = Import.objects.filter(pk=batch.pk, revision=batch.revision, state=batch.state)
        if not here.update(rows_done=tally.rows):
            raise Overtaken
        if first:
            batch.rejects.all().delete()
        ImportReject.objects.bulk_create(rejects, batch_size=2_000, ignore_conflicts=True)
        with batch.list_at_hand(by=by):
            if first:
                staging.unstage(batch.pk)
            staging.stage(batch.pk, staged)


def _compare(batch: Import, *, by: Membership, lock: bool = False) -> dict[str, Any]:
    """What the staged rows would do to the list as it is now."""
    with batch.list_at_hand(by=by):
        source = Source.objects.filter(name=batch.source_name).first()
        source_id = source and source.pk
        staging.find(batch.pk, source_id, lock=lock)
        report = staging.totals(batch.pk, source_id)
        report["staged"] = sum(report[verdict] for verdict in ("new", "changed", "same", "twice"))
        report["moved"] = staging.moved(batch.pk, default=batch.decided.default)
    if report["twice_as"] != batch.report.get("twice_as", staging.NONE):
        _reject_twice(batch, by=by)
    return report


def _reject_twice(batch: Import, *, by: Membership) -> None:
    """Rows that are the account of another row, with their cells: these are read from the file once more."""
    batch.rejects.filter(code="duplicate_in_file").delete()
    with read(batch.pieces(), **batch.read_as) as table:
        for rows in batched(table.rows(), CHUNK, strict=False):
            with batch.list_at_hand(by=by):
                first_of = staging.twice(batch.pk, first=rows[0][0], last=rows[-1][0])
            rejects = [
                _reject(batch, number, cells, Problem("duplicate_in_file", "", f"{first_of[number]:,}"))
                for number, cells in rows
                if number in first_of
            ]
            ImportReject.objects.bulk_create(rejects, batch_size=2_000, ignore_conflicts=True)


# -- written, and taken back --------------------------------------------------------------------------------------


def _run(batch: Import, *, by: Membership) -> None:
    with tenant_context(batch.tenant_id, by=by), batch.list_at_hand(by=by):
        there = staging.count(batch.pk)
    if there != batch.report["staged"]:  # a crash of the database empties that table
        _stage(batch, by=by)
    with tenant_context(batch.tenant_id, by=by):
        _write(batch, by=by)


def _write(batch: Import, *, by: Membership) -> None:
    stamp, mapping = timezone.now(), batch.decided
    with batch.list_at_hand(by=by):
        _one_at_a_time()
        source = Source.take(
            batch.source_name, kind=batch.facts["source"], header=batch.header, mapping=mapping
        )
    report = _compare(batch, by=by, lock=True)
    with batch.list_at_hand(by=by):
        results = staging.write(
            batch.pk,
            source_id=source.pk,
            default=mapping.default,
            stamp=stamp,
            mark_gone=batch.mark_gone,
        )
        staging.unstage(batch.pk)
        matching.refresh()
    results |= {"unchanged": report["same"], "rejected": batch.rejects.count()}
    batch.finish(by=by, source_id=source.pk, stamp=stamp, rows_done=batch.rows_total, **results)


def _undo(batch: Import, *, by: Membership) -> None:
    with tenant_context(batch.tenant_id, by=by):
        with batch.list_at_hand(by=by):
            _one_at_a_time()
            results = staging.take_back(batch.pk, stamp=batch.stamp)
            matching.refresh()
        batch.taken_back(by=by, **results)


def _one_at_a_time() -> None:
    """Of the imports of the list at hand: each looks for the accounts that the other made."""
    with connection.cursor() as cursor:
        statement = "SELECT pg_advisory_xact_lock(hashtextextended('import:' || %s, 0))"
        cursor.execute(statement, [str(current_tenant_id())])


# -- by the clock --------------------------------------------------------------------------------------------------


def tidy() -> None:
    """Throws away what is needed no more, and gives up imports that nobody decided on for a week."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM overlaps_tidy_imports(%s, %s)", [Import.ABANDONED, Import.MAY_BE_UNDONE]
        )
        abandoned = cursor.fetchall()
    for tenant_id, import_id in abandoned:
        with tenant_context(tenant_id):
            batch = Import.objects.undecided().select_related("partner").get(pk=import_id)
            batch.fail("Nobody went on with it for a week.", by=None, at=batch.state)
