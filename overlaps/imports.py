"""From a file to the account list: read outside of any long transaction, then all of it or nothing in one."""

import logging
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from core.models import Membership
from core.tenancy import tenant_context
from overlaps import matching
from overlaps.cells import Check, Problem
from overlaps.columns import NEEDED, Mapping
from overlaps.keys import keys_of
from overlaps.models import Account, Import, ImportReject
from overlaps.tables import Table, Unreadable, read

logger = logging.getLogger(__name__)

KEYS = tuple(Account.KEYS)
STAGED = (
    *("number", "name", "domain", "country", "population", "owner_name", "stage", "amount"),
    *("contact_name", "contact_email", *KEYS),
)
SHOW_PROGRESS_EVERY = 2_000
# Rows are kept in memory between reading and writing: as many as an import may have.


@dataclass
class Reading:
    """What the rows of a file came to."""

    staged: list[tuple] = field(default_factory=list)
    rejects: list[ImportReject] = field(default_factory=list)
    without_domain: dict[int, list[str]] = field(
        default_factory=dict
    )  # these may turn out to be another row's account
    notes: list[str] = field(default_factory=list)


class Stopped(Exception):
    """Says to a person why nothing was imported."""


def check(data: bytes) -> tuple[Table, int]:
    """The table and its number of rows. Raises Unreadable."""
    table = read(data)
    if not NEEDED & {*table.fields}:
        raise Unreadable(
            "The first row names no column for the company’s name or its domain. One of both is needed: "
            "call it “Name” or “Domain”."
        )
    count = sum(1 for _ in table.rows())
    if not count:
        raise Unreadable("Below the first row, with the names of the columns, this file has no rows.")
    return table, count


def run(tenant_id: UUID, import_id: UUID) -> None:
    """May be killed at any point and run again: until the one transaction is through, nothing has happened."""
    with tenant_context(tenant_id):
        batch = Import.objects.filter(pk=import_id).first()
        if batch is None or not batch.begin():
            return
        by, data = batch.initiator(), batch.bytes()
    try:
        if by is None:
            raise Stopped("Whoever started this import may no longer import accounts.")
        reading = _read_rows(batch, data)
        with tenant_context(tenant_id, by=by):
            _write(batch, reading, by=by)
    except (Stopped, Unreadable) as reason:
        _fail(batch, str(reason), by=by)
    except Exception:
        _fail(batch, "Something went wrong on our side. Nothing was imported; please try again.", by=by)
        raise


def _fail(batch: Import, reason: str, *, by: Membership | None) -> None:
    with tenant_context(batch.tenant_id, by=by):
        batch.fail(reason, by=by)


def _read_rows(batch: Import, data: bytes) -> Reading:
    table = read(data)
    reading, first_with, strange = Reading(), {}, {"country": [], "domain": []}
    check = Check(table.header, Mapping.proposed(table.recognised, default=batch.population))
    for done, (number, cells) in enumerate(table.rows(), start=1):
        values, problems = check.values_of(number, cells)
        reason = _reason(problems) if values is None else _only_once(values, number, first_with)
        if reason:
            reading.rejects.append(
                ImportReject(batch=batch, number=number, reason=reason, cells=_kept(cells))
            )
        else:
            keys = keys_of(name=values["name"], website=values["domain"], country=values["country"])
            values |= {column: getattr(keys, key) for column, key in Account.KEYS.items()}
            reading.staged.append((number, *(values.get(name, "") for name in STAGED[1:])))
            if not values["domain_key"]:
                reading.without_domain[number] = _kept(cells)
            for problem in problems:
                strange.get(problem.field, []).append(problem.raw[:60])
        if done % SHOW_PROGRESS_EVERY == 0:
            _show_progress(batch, done)
    reading.notes = [*table.notes, *_in_words(strange)]
    return reading


def _reason(problems: list[Problem]) -> str:
    return next(problem.sentence for problem in problems if problem.is_error)


def _only_once(values: dict[str, Any], number: int, first_with: dict[Any, int]) -> str:
    """Why this row is left out, if another one has been before."""
    key = values["domain_key"] or (values["name"].lower(), values["country"])
    first = first_with.setdefault(key, number)
    same = "domain" if values["domain_key"] else "name and country"
    return "" if first == number else f"It has the same {same} as row {first:,}."


def _in_words(strange: dict[str, list[str]]) -> list[str]:
    said = {
        "country": "the country is not known and was left empty",
        "domain": "the domain is not one company’s own, so it matches nothing",
    }
    return [
        f"In {len(cells):,} row{'s' * (len(cells) > 1)} {said[name]}, such as “{cells[0]}”."
        for name, cells in strange.items()
        if cells
    ]


def _kept(cells: list[str]) -> list[str]:
    """A row for the person to correct; of a row that is none, enough to know it again."""
    return [cell[:2000].replace("\0", "") for cell in cells[:200]]


def _show_progress(batch: Import, done: int) -> None:
    with tenant_context(batch.tenant_id):
        Import.objects.filter(pk=batch.pk).update(rows_done=done)


# -- the one transaction ----------------------------------------------------------------------------------------

# COPY is refused on a table under row-level security: so into a temporary one, and from there.
STAGE = """
CREATE TEMPORARY TABLE overlaps_staged (
    number integer PRIMARY KEY, name text, domain text, country text, population text, owner_name text,
    stage text, amount numeric(14, 2), contact_name text, contact_email text, name_key text, name_form text,
    name_bits smallint, name_core text, name_is_core boolean,
    domain_key text, names_domain boolean, number_key text, account_id uuid, found_by text
) ON COMMIT DROP
"""
FIND_BY_DOMAIN = """
UPDATE overlaps_staged s SET account_id = found.id, found_by = 'domain'
  FROM (SELECT DISTINCT ON (n.number) n.number, a.id
          FROM overlaps_staged n
          JOIN overlaps_account a ON a.tenant_id = %(tenant)s AND a.domain_key = n.domain_key
         WHERE n.domain_key <> ''
         ORDER BY n.number, lower(a.name) = lower(n.name) DESC, a.created_at, a.id) found
 WHERE found.number = s.number
"""
# An account without a domain gets the one in the file; a row without one finds the account that has it.
FIND_BY_NAME = """
UPDATE overlaps_staged s SET account_id = found.id, found_by = 'name'
  FROM (SELECT DISTINCT ON (n.number) n.number, a.id
          FROM overlaps_staged n
          JOIN overlaps_account a
            ON a.tenant_id = %(tenant)s AND lower(a.name) = lower(n.name) AND a.country = n.country
         WHERE n.account_id IS NULL AND (n.domain_key = '' OR a.domain_key = '')
         ORDER BY n.number, a.domain_key = '' DESC, a.created_at, a.id) found
 WHERE found.number = s.number
"""
# Two rows for one account: the one with its domain has it, else the first. Of the others those with a domain of their
# own are new accounts; the rest are told.
UNTANGLE = """
WITH ranked AS (
    SELECT number, row_number() OVER (PARTITION BY account_id ORDER BY found_by, number) AS place,
           first_value(number) OVER (PARTITION BY account_id ORDER BY found_by, number) AS first
      FROM overlaps_staged WHERE account_id IS NOT NULL
), freed AS (
    UPDATE overlaps_staged s SET account_id = NULL FROM ranked r
     WHERE r.number = s.number AND r.place > 1 AND s.domain_key <> ''
)
DELETE FROM overlaps_staged s USING ranked r
 WHERE r.number = s.number AND r.place > 1 AND s.domain_key = ''
RETURNING s.number, r.first
"""
# An empty cell leaves what is there.
UPDATE = """
WITH wanted AS (
    SELECT a.id, s.name,
           CASE WHEN s.domain_key <> '' OR a.domain = '' THEN s.domain ELSE a.domain END AS domain,
           CASE WHEN s.domain_key <> '' OR a.domain = '' THEN s.domain_key ELSE a.domain_key END AS domain_key,
           coalesce(nullif(s.country, ''), a.country) AS country,
           coalesce(nullif(s.population, ''), a.population) AS population,
           coalesce(nullif(s.owner_name, ''), a.owner_name) AS owner_name,
           coalesce(nullif(s.stage, ''), a.stage) AS stage,
           coalesce(s.amount, a.amount) AS amount,
           coalesce(nullif(s.contact_name, ''), a.contact_name) AS contact_name,
           coalesce(nullif(s.contact_email, ''), a.contact_email) AS contact_email,
           s.name_key, s.name_form, s.name_bits, s.name_core, s.name_is_core, s.names_domain
      FROM overlaps_staged s JOIN overlaps_account a ON a.tenant_id = %(tenant)s AND a.id = s.account_id
)
UPDATE overlaps_account a
   SET name = w.name, domain = w.domain, domain_key = w.domain_key, country = w.country, population = w.population,
       owner_name = w.owner_name, stage = w.stage, amount = w.amount, contact_name = w.contact_name,
       contact_email = w.contact_email, name_key = w.name_key, name_form = w.name_form, name_bits = w.name_bits,
       name_core = w.name_core, name_is_core = w.name_is_core, names_domain = w.names_domain, updated_at = now()
  FROM wanted w
 WHERE a.tenant_id = %(tenant)s AND a.id = w.id
   AND (a.name, a.domain, a.domain_key, a.country, a.population, a.owner_name, a.stage, a.amount, a.contact_name,
        a.contact_email)
       IS DISTINCT FROM
       (w.name, w.domain, w.domain_key, w.country, w.population, w.owner_name, w.stage, w.amount, w.contact_name,
        w.contact_email)
"""
INSERT = """
INSERT INTO overlaps_account (
       tenant_id, id, name, domain, country, population, owner_name, stage, amount, contact_name, contact_email,
       name_key, name_form, name_bits, name_core, name_is_core, domain_key, names_domain, number_key,
       company_number, owner_email, currency, segments, tags, extra, origins, is_private, created_at, updated_at)
SELECT %(tenant)s, gen_random_uuid(), s.name, s.domain, s.country,
       coalesce(nullif(s.population, ''), %(population)s), s.owner_name, s.stage, s.amount, s.contact_name,
       s.contact_email, s.name_key, s.name_form, s.name_bits, s.name_core, s.name_is_core, s.domain_key,
       s.names_domain, s.number_key,
       '', '', '', '{}', '{}', '{}', '{}', false, now(), now()
  FROM overlaps_staged s WHERE s.account_id IS NULL
"""


def _write(batch: Import, reading: Reading, *, by: Membership) -> None:
    values = {"tenant": batch.tenant_id, "population": batch.population}
    with connection.cursor() as cursor:
        # One import of a workspace at a time: each looks for the accounts that the other made.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('import:' || %s, 0))", [str(batch.tenant_id)]
        )
        _stage(cursor, reading.staged)
        cursor.execute(FIND_BY_DOMAIN, values)
        cursor.execute(FIND_BY_NAME, values)
        cursor.execute(UNTANGLE)
        reading.rejects += [
            ImportReject(
                batch=batch,
                number=number,
                reason=f"It is the same account as row {first:,}.",
                cells=reading.without_domain[number],
            )
            for number, first in cursor.fetchall()
        ]
        cursor.execute("SELECT count(*), count(account_id) FROM overlaps_staged")
        staged, found = cursor.fetchone()
        cursor.execute(UPDATE, values)
        updated = cursor.rowcount
        cursor.execute(INSERT, values)
        created = cursor.rowcount
        cursor.execute("DROP TABLE overlaps_staged")
    ImportReject.objects.bulk_create(reading.rejects, batch_size=2_000)
    matching.refresh()
    batch.finish(
        by=by,
        created=created,
        updated=updated,
        unchanged=found - updated,
        rejected=len(reading.rejects),
        rows_done=staged + len(reading.rejects),
        notes=reading.notes,
    )


def _stage(cursor: Any, staged: list[tuple]) -> None:
    cursor.execute(STAGE)
    with cursor.copy(f"COPY overlaps_staged ({', '.join(STAGED)}) FROM STDIN") as copy:
        for row in staged:
            copy.write_row(row)
    cursor.execute("ANALYZE overlaps_staged")
