"""Rows of a file on their way into a list: as they were read, which account each of them is, and what would change.

All of it in statements over a whole table. The table is a copy of what the file holds under the mapping and the
corrections: it may be thrown away at any time, and is made anew.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from overlaps.keys import Keys
from overlaps.models.account import Account

TEXTS = (
    *("name", "domain", "country", "company_number", "population", "owner_name", "owner_email", "stage"),
    *("currency", "contact_name", "contact_email"),
)
KEYS = tuple(Account.KEYS)
READ = ("number", "record_id", *TEXTS, "amount", "tags", "extra", *KEYS)
NEVER_EMPTIED = ("country", "company_number", "population", "owner_name", "owner_email", "stage", "currency")
CONTACTS = ("contact_name", "contact_email")
TYPES = {
    "number": "integer",
    "amount": "numeric(14, 2)",
    "tags": "jsonb",
    "extra": "jsonb",
    "name_bits": "smallint",
    "name_is_core": "boolean",
    "names_domain": "boolean",
}
ARRIVING = ", ".join(f"{column} {TYPES.get(column, 'text')}" for column in READ)
# Fields of a file that an account keeps among its custom ones.
KEPT_AS_TEXT = {"industry": "Industry", "employees": "Employees"}
MANY = 5_000  # rows that are joined at once, never one by one
NONE = "0"  # of `twice_as`: no row is there twice


def row(number: int, values: dict[str, Any], keys: Keys) -> list[Any]:
    """For COPY, in the order of READ."""
    extra = {label: str(values[name]) for name, label in KEPT_AS_TEXT.items() if values[name]}
    extra |= values["custom"] or {}
    return [
        *(number, values["record_id"], *(values[name] for name in TEXTS), values["amount"]),
        *(json.dumps(values["tags"]) if values["tags"] else None, json.dumps(extra) if extra else None),
        *(getattr(keys, key) for key in Account.KEYS.values()),
    ]


def stage(batch_id: UUID, rows: Iterable[list[Any]]) -> None:
    """In the context of the list. COPY is refused on a table under row-level security: by way of a temporary one."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE overlaps_arriving ({ARRIVING}) ON COMMIT DROP")
        with cursor.copy(f"COPY overlaps_arriving ({', '.join(READ)}) FROM STDIN") as copy:
            for cells in rows:
                copy.write_row(cells)
        cursor.execute(
            f"INSERT INTO overlaps_stagedrow (tenant_id, batch_id, {', '.join(READ)}) "
            f"SELECT {HERE}, %s, {', '.join(READ)} FROM overlaps_arriving ON CONFLICT DO NOTHING",
            [batch_id],
        )
        cursor.execute("DROP TABLE overlaps_arriving")


def analyse() -> None:
    """So that the planner knows how many rows there are. The owner of the table does it."""
    _ask("SELECT overlaps_analyse_staged()")


HERE = "NULLIF(current_setting('app.tenant_id', true), '')::uuid"
MINE = f"s.tenant_id = {HERE} AND s.batch_id = %(batch)s"


def unstage(batch_id: UUID) -> None:
    _do(f"DELETE FROM overlaps_stagedrow s WHERE {MINE}", batch=batch_id)


def count(batch_id: UUID) -> int:
    ((number,),) = _ask(f"SELECT count(*) FROM overlaps_stagedrow s WHERE {MINE}", batch=batch_id)
    return number


@contextmanager
def _joined_at_once(batch_id: UUID) -> Iterator[None]:
    """What the planner knows may be of rows that were there before: it takes many for one, and goes through all of
    them for each."""
    many = count(batch_id) >= MANY
    if many:
        _do("SET LOCAL enable_nestloop = off")
    yield
    if many:
        _do("SET LOCAL enable_nestloop = on")


# -- which account it is --------------------------------------------------------------------------------------------

FORGET = f"""
UPDATE overlaps_stagedrow s SET account_id = NULL, found_by = NULL, verdict = NULL, same_as = NULL
 WHERE {MINE} AND (s.account_id IS NOT NULL OR s.verdict IS NOT NULL)
"""
# Rows with one record id, or (where the file has none) one domain, or one name and country, are one account.
# MATERIALIZED, here and below: a planner that takes the rows for few would go through all of them for each of them.
TWICE = f"""
WITH ranked AS MATERIALIZED (
    SELECT s.number, first_value(s.number) OVER same AS first
      FROM overlaps_stagedrow s WHERE {MINE}
    WINDOW same AS (
        PARTITION BY CASE WHEN s.record_id <> '' THEN 'r' || s.record_id
                          WHEN s.domain_key <> '' THEN 'd' || s.domain_key
                          ELSE 'n' || lower(s.name) || '|' || s.country END ORDER BY s.number)
)
UPDATE overlaps_stagedrow s SET verdict = 'twice', same_as = r.first FROM ranked r
 WHERE {MINE} AND s.number = r.number AND r.first <> s.number
"""
BY_RECORD = f"""
UPDATE overlaps_stagedrow s SET account_id = k.account_id, found_by = '1 record'
  FROM overlaps_accountsource k
 WHERE {MINE} AND s.record_id <> '' AND s.verdict IS NULL
   AND k.tenant_id = {HERE} AND k.source_id = %(source)s AND k.record_id = s.record_id
"""
# An account that this source knows under another record is not meant.
FREE = f"""
   (n.record_id = '' OR NOT EXISTS (
        SELECT FROM overlaps_accountsource k
         WHERE k.tenant_id = {HERE} AND k.account_id = a.id AND k.source_id = %(source)s
           AND k.record_id NOT IN ('', n.record_id)))
"""
BY_KEY = """
WITH found AS MATERIALIZED (
    SELECT DISTINCT ON (n.number) n.number, a.id
      FROM overlaps_stagedrow n
      JOIN overlaps_account a ON a.tenant_id = {here} AND {joined}
     WHERE n.tenant_id = {here} AND n.batch_id = %(batch)s AND n.account_id IS NULL AND n.verdict IS NULL AND {free}
     ORDER BY n.number, {order}, a.created_at, a.id
)
UPDATE overlaps_stagedrow s SET account_id = found.id, found_by = '{place}'
  FROM found WHERE {mine} AND found.number = s.number
"""
WAYS = [
    (
        "2 number",
        "n.number_key <> '' AND a.number_key <> '' AND a.number_key = n.number_key",
        "a.gone_at IS NULL DESC",
    ),
    (
        "3 domain",
        "n.domain_key <> '' AND a.domain_key <> '' AND a.domain_key = n.domain_key",
        "lower(a.name) = lower(n.name) DESC",
    ),
    # An account without a domain gets the one in the file; a row without one finds the account that has it.
    (
        "4 name",
        'n.name_key <> \'\' AND a.name_key COLLATE "C" = n.name_key COLLATE "C" AND lower(a.name) = lower(n.name)'
        " AND (a.country = n.country OR n.country = '') AND (n.domain_key = '' OR a.domain_key = '')",
        "a.country = n.country DESC, a.domain_key = '' DESC",
    ),
]
# Two rows for one account: the one that knows it best has it. Of the others those with a record or a domain of their
# own are new accounts, unless their record was this account before (a merge made two records one); the rest are told.
TOLD = "(s.found_by = '1 record' OR s.domain_key = '' AND s.record_id = '')"
UNTANGLE = f"""
WITH ranked AS MATERIALIZED (
    SELECT s.number, row_number() OVER best AS place, first_value(s.number) OVER best AS first
      FROM overlaps_stagedrow s WHERE {MINE} AND s.account_id IS NOT NULL
    WINDOW best AS (PARTITION BY s.account_id ORDER BY s.found_by, s.number)
)
UPDATE overlaps_stagedrow s
   SET account_id = NULL, found_by = NULL, verdict = CASE WHEN {TOLD} THEN 'twice' END,
       same_as = CASE WHEN {TOLD} THEN r.first END
  FROM ranked r
 WHERE {MINE} AND s.number = r.number AND r.place > 1
"""


def find(batch_id: UUID, source_id: UUID | None, *, lock: bool = False) -> None:
    """Which account each row is, which rows are one and the same, and which would change something.

    `lock`: these accounts, and those that are gone, are nobody else's to change until the transaction ends.
    """
    ids = {"batch": batch_id, "source": source_id}
    with _joined_at_once(batch_id):
        _do(FORGET, **ids)
        _do(TWICE, **ids)
        if source_id:
            _do(BY_RECORD, **ids)
        for place, joined, order in WAYS:
            _do(
                BY_KEY.format(place=place, joined=joined, order=order, here=HERE, mine=MINE, free=FREE), **ids
            )
        _do(UNTANGLE, **ids)
        if lock:
            _ask(LOCK, **ids)
        _do(JUDGE, **ids)


# -- what would change ----------------------------------------------------------------------------------------------

# An empty cell leaves what is there.
WANTED = {
    "name": "s.name",
    **dict.fromkeys(("domain", "domain_key")),
    **{name: f"coalesce(nullif(s.{name}, ''), a.{name})" for name in (*NEVER_EMPTIED, *CONTACTS)},
    "amount": "coalesce(s.amount, a.amount)",
    "tags": "CASE WHEN s.tags IS NULL THEN a.tags ELSE ARRAY(SELECT jsonb_array_elements_text(s.tags))::varchar[] END",
    "extra": "a.extra || coalesce(s.extra, '{}')",
    "number_key": "CASE WHEN s.company_number <> '' THEN s.number_key ELSE a.number_key END",
    **{key: f"s.{key}" for key in ("name_key", "name_form", "name_bits", "name_core", "name_is_core")},
    "names_domain": "CASE WHEN s.domain_key <> '' OR a.domain = '' THEN s.names_domain ELSE a.names_domain END",
}
for _name in ("domain", "domain_key"):
    WANTED[_name] = f"CASE WHEN s.domain_key <> '' OR a.domain = '' THEN s.{_name} ELSE a.{_name} END"
SEEN = (
    "name",
    "domain",
    *NEVER_EMPTIED,
    *CONTACTS,
    "amount",
    "tags",
    "extra",
)  # what a person would call a change
DIFFERENT = " OR ".join(f"a.{name} IS DISTINCT FROM {WANTED[name]}" for name in SEEN)
JUDGE = f"""
UPDATE overlaps_stagedrow s
   SET verdict = CASE WHEN {DIFFERENT} OR a.gone_at IS NOT NULL THEN 'changed' ELSE 'same' END
  FROM overlaps_account a
 WHERE {MINE} AND a.tenant_id = {HERE} AND a.id = s.account_id
"""
NEW = "s.account_id IS NULL AND s.verdict IS NULL"
# Accounts that this source had, that no other one has, and that its file has no more.
GONE = f"""
SELECT a.id FROM overlaps_account a
 WHERE a.tenant_id = {HERE} AND a.gone_at IS NULL AND a.id IN (
       SELECT k.account_id FROM overlaps_accountsource k WHERE k.tenant_id = {HERE} AND k.source_id = %(source)s
       EXCEPT
       SELECT o.account_id FROM overlaps_accountsource o WHERE o.tenant_id = {HERE} AND o.source_id <> %(source)s
       EXCEPT
       SELECT s.account_id FROM overlaps_stagedrow s WHERE {MINE})
"""


# Which rows are twice, in one number: what is told of them stays right while it is the same.
TWICE_AS = f"""
SELECT coalesce(bit_xor(hashtextextended(s.number || ' ' || s.same_as, 0)), 0)::text
  FROM overlaps_stagedrow s WHERE {MINE} AND s.verdict = 'twice'
"""


LOCK = f"""
SELECT count(*) FROM (
    SELECT FROM overlaps_account a
     WHERE a.tenant_id = {HERE} AND a.id IN (
           SELECT s.account_id FROM overlaps_stagedrow s WHERE {MINE} AND s.account_id IS NOT NULL
           UNION ALL SELECT id FROM ({GONE}) AS gone)
     ORDER BY a.id FOR NO KEY UPDATE) AS held
"""


def totals(batch_id: UUID, source_id: UUID | None) -> dict[str, Any]:
    """Rows that are new, changed, same and twice, accounts that are gone, and `twice_as`."""
    verdicts = (
        f"SELECT coalesce(s.verdict, 'new'), count(*) FROM overlaps_stagedrow s WHERE {MINE} GROUP BY 1"
    )
    counted = dict.fromkeys(("new", "changed", "same", "twice"), 0) | dict(_ask(verdicts, batch=batch_id))
    with _joined_at_once(batch_id):
        ((gone,),) = _ask(f"SELECT count(*) FROM ({GONE}) AS g", batch=batch_id, source=source_id)
    ((twice_as,),) = _ask(TWICE_AS, batch=batch_id)
    return counted | {"gone": gone, "twice_as": twice_as}


def moved(batch_id: UUID, *, default: str) -> dict[str, int]:
    """{population: how many accounts come into it that were not there before}"""
    return dict(
        _ask(
            f"""
            SELECT coalesce(nullif(s.population, ''), a.population, %(default)s), count(*)
              FROM overlaps_stagedrow s
              LEFT JOIN overlaps_account a ON a.tenant_id = {HERE} AND a.id = s.account_id
             WHERE {MINE} AND (s.verdict IS NULL OR s.verdict = 'changed') AND NOT coalesce(a.is_private, false)
               AND (a.id IS NULL OR a.gone_at IS NOT NULL OR a.population <> s.population AND s.population <> '')
             GROUP BY 1
            """,
            batch=batch_id,
            default=default,
        )
    )


BEFORE_AND_AFTER = ", ".join(
    f"'{name}', CASE WHEN a.{name} IS DISTINCT FROM {wanted} THEN jsonb_build_array(a.{name}, {wanted}) END"
    for name, wanted in WANTED.items()
    if name in SEEN
)
EXAMPLES = f"""
SELECT s.number, a.id, s.name, jsonb_strip_nulls(jsonb_build_object({BEFORE_AND_AFTER}))
  FROM overlaps_stagedrow s JOIN overlaps_account a ON a.tenant_id = {HERE} AND a.id = s.account_id
 WHERE {MINE} AND s.verdict = 'changed' AND s.number > %(after)s ORDER BY s.number LIMIT %(most)s
"""


def examples(batch_id: UUID, *, after: int, most: int) -> list[tuple[int, UUID, str, dict[str, list]]]:
    """Rows that change an account: number, account, name, {field: [before, after]}; those behind a number."""
    found = _ask(EXAMPLES, batch=batch_id, after=after, most=most)
    return [(*row, json.loads(fields)) for *row, fields in found]


def twice(batch_id: UUID, *, first: int = 0, last: int = 2**31 - 1) -> dict[int, int]:
    """{number: number of the first row of the same account}, of a stretch of the file."""
    asked = f"SELECT s.number, s.same_as FROM overlaps_stagedrow s WHERE {MINE} AND s.verdict = 'twice'"
    within = " AND s.number BETWEEN %(first)s AND %(last)s ORDER BY 1"
    return dict(_ask(asked + within, batch=batch_id, first=first, last=last))


# -- into the list --------------------------------------------------------------------------------------------------

WRITTEN = [*WANTED]
REMEMBER = f"""
INSERT INTO overlaps_importchange (tenant_id, id, batch_id, account_id, before)
SELECT {HERE}, gen_random_uuid(), %(batch)s, a.id, to_jsonb(a)
  FROM overlaps_account a
 WHERE a.tenant_id = {HERE} AND a.id IN (
       SELECT s.account_id FROM overlaps_stagedrow s WHERE {MINE} AND s.verdict = 'changed'
       UNION ALL SELECT id FROM ({GONE}) AS gone WHERE %(mark_gone)s)
"""
CHANGED = ", ".join(f"CASE WHEN a.{name} IS DISTINCT FROM {WANTED[name]} THEN '{name}' END" for name in SEEN)
# A value of another source than the account's own is said to be; one of its own source needs no word.
UPDATE = f"""
WITH wanted AS (
    SELECT a.id, {", ".join(f"{sql} AS {name}" for name, sql in WANTED.items())},
           array_remove(ARRAY[{CHANGED}], NULL) AS changed
      FROM overlaps_stagedrow s JOIN overlaps_account a ON a.tenant_id = {HERE} AND a.id = s.account_id
     WHERE {MINE} AND s.verdict = 'changed'
)
UPDATE overlaps_account a
   SET {", ".join(f"{name} = w.{name}" for name in WRITTEN)}, gone_at = NULL, updated_at = %(stamp)s,
       source_id = coalesce(a.source_id, %(source)s),
       origins = (a.origins - w.changed) || CASE WHEN a.source_id <> %(source)s THEN (
           SELECT coalesce(jsonb_object_agg(name, %(source)s::text), '{{}}') FROM unnest(w.changed) AS name)
           ELSE '{{}}' END
  FROM wanted w WHERE a.tenant_id = {HERE} AND a.id = w.id
"""
TAKEN = ("name", "domain", *NEVER_EMPTIED, *CONTACTS, "amount", *KEYS)
TAKEN_AS = ", ".join(
    "coalesce(nullif(s.population, ''), %(default)s)" if name == "population" else f"s.{name}"
    for name in TAKEN
)
INSERT = f"""
INSERT INTO overlaps_account (
       tenant_id, id, {", ".join(TAKEN)}, tags, extra, segments, origins, source_id, created_in, is_private, created_at,
       updated_at)
SELECT {HERE}, s.new_id, {TAKEN_AS},
       CASE WHEN s.tags IS NULL THEN '{{}}' ELSE ARRAY(SELECT jsonb_array_elements_text(s.tags))::varchar[] END,
       coalesce(s.extra, '{{}}'), '{{}}', '{{}}', %(source)s, %(batch)s, false, %(stamp)s, %(stamp)s
  FROM overlaps_stagedrow s WHERE {MINE} AND {NEW}
"""
# What a source calls an account, and where it puts it. A record that had another account is this one's from now on.
LINK = f"""
INSERT INTO overlaps_accountsource AS k (
       tenant_id, id, account_id, source_id, record_id, population, created_in)
SELECT {HERE}, gen_random_uuid(), coalesce(s.account_id, s.new_id), %(source)s, s.record_id, s.population, %(batch)s
  FROM overlaps_stagedrow s
 WHERE {MINE} AND s.verdict IS DISTINCT FROM 'twice' AND NOT EXISTS (
       SELECT FROM overlaps_accountsource k
        WHERE k.tenant_id = {HERE} AND k.source_id = %(source)s AND k.record_id = s.record_id
          AND k.account_id = s.account_id AND s.population IN ('', k.population))
    ON CONFLICT (tenant_id, account_id, source_id, record_id) DO UPDATE
   SET population = excluded.population
 WHERE excluded.population <> '' AND k.population <> excluded.population
"""
MARK_GONE = f"""
UPDATE overlaps_account a SET gone_at = %(stamp)s, updated_at = %(stamp)s
 WHERE a.tenant_id = {HERE} AND a.id IN ({GONE})
"""


def write(
    batch_id: UUID, *, source_id: UUID, default: str, stamp: datetime, mark_gone: bool
) -> dict[str, int]:
    """What came of it. In one transaction with what follows."""
    ids = {
        **{"batch": batch_id, "source": source_id, "default": default, "stamp": stamp, "mark_gone": mark_gone}
    }
    with _joined_at_once(batch_id):
        _do(REMEMBER, **ids)
        gone = _do(MARK_GONE, **ids) if mark_gone else 0
        updated = _do(UPDATE, **ids)
        created = _do(INSERT, **ids)
        _do(LINK, **ids)
    return {"created": created, "updated": updated, "gone": gone}


# -- and back -------------------------------------------------------------------------------------------------------

RESTORED = [*WRITTEN, "gone_at", "source_id", "origins", "updated_at"]
RESTORE = f"""
WITH back AS (
    SELECT c.account_id, (jsonb_populate_record(NULL::overlaps_account, c.before)).*
      FROM overlaps_importchange c WHERE c.tenant_id = {HERE} AND c.batch_id = %(batch)s
)
UPDATE overlaps_account a SET {", ".join(f"{name} = b.{name}" for name in RESTORED)}
  FROM back b WHERE a.tenant_id = {HERE} AND a.id = b.account_id AND a.updated_at = %(stamp)s
"""
FORGET_RESTORED = f"""
DELETE FROM overlaps_importchange c USING overlaps_account a
 WHERE c.tenant_id = {HERE} AND c.batch_id = %(batch)s AND a.tenant_id = {HERE} AND a.id = c.account_id
   AND a.updated_at <> %(stamp)s AND a.updated_at = (c.before->>'updated_at')::timestamptz
"""
TAKE_OUT = f"""
DELETE FROM overlaps_account a
 WHERE a.tenant_id = {HERE} AND a.created_in = %(batch)s AND a.updated_at = %(stamp)s
   AND NOT EXISTS (SELECT FROM overlaps_accountsource k
                    WHERE k.tenant_id = {HERE} AND k.account_id = a.id AND k.created_in <> %(batch)s)
   AND NOT EXISTS (SELECT FROM overlaps_verdict v WHERE v.tenant_id = {HERE} AND v.account_id = a.id)
"""
# Accounts that were edited since: made by the import, or changed by it.
KEPT = f"""
SELECT a.id FROM overlaps_account a WHERE a.tenant_id = {HERE} AND a.created_in = %(batch)s
 UNION ALL
SELECT c.account_id FROM overlaps_importchange c
  JOIN overlaps_account a ON a.tenant_id = {HERE} AND a.id = c.account_id
 WHERE c.tenant_id = {HERE} AND c.batch_id = %(batch)s AND a.created_in IS DISTINCT FROM %(batch)s
"""
UNLINK = f"""
DELETE FROM overlaps_accountsource k
 WHERE k.tenant_id = {HERE} AND k.created_in = %(batch)s AND k.account_id NOT IN ({KEPT})
"""


def take_back(batch_id: UUID, *, stamp: datetime) -> dict[str, int]:
    """Accounts as they were before; those that were edited since stay as they are, and are counted."""
    ids = {"batch": batch_id, "stamp": stamp}
    restored = _do(RESTORE, **ids)
    _do(FORGET_RESTORED, **ids)
    restored += _do(TAKE_OUT, **ids)
    _do(UNLINK, **ids)
    ((kept,),) = _ask(f"SELECT count(*) FROM ({KEPT}) AS k", **ids)
    return {"restored": restored, "kept": kept}


def kept(batch_id: UUID, *, most: int) -> list[UUID]:
    """Accounts that it left as they were, when it was taken back."""
    return [
        pk
        for (pk,) in _ask(
            f"SELECT id FROM ({KEPT}) AS k ORDER BY id LIMIT %(most)s", batch=batch_id, most=most
        )
    ]


def _do(statement: str, **values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def _ask(statement: str, **values: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()
