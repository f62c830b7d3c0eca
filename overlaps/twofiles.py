"""Two lists from files, matched by the database's own functions in temporary tables: nothing of them stays.

A temporary table `overlaps_matchkey` stands in front of the real one, so what runs here is what runs for workspaces.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

from django.db import connection, transaction

from overlaps.keys import Keys, keys_of
from overlaps.models import MatchKey

MINE, THEIRS = UUID(int=1), UUID(int=2)
ALIASES = {
    "id": "id|record id|account id|company id|external id|key",
    "name": "name|company|company name|account|account name|organization|organisation|organization name",
    "website": "website|domain|url|web|web site|homepage|company domain name|website url|domain name",
    "country": "country|country code|country region|billing country|hq country",
    "company_number": "company number|registration number|company registration number|lei|duns|duns number|vat|"
    "vat number|vat id|tax id",
}
SCHEMES = {"lei": "LEI ", "duns": "DUNS ", "duns number": "DUNS "}
SURE = 85  # in percent: from here on a pair confirms itself
LONGEST_HEADER = 100_000  # characters

Progress = Callable[[str, float], None]


class Unusable(Exception):
    """Says in one line what is wrong with a file."""


def match(mine: Path, theirs: Path, out: TextIO, *, suggestions: bool, progress: Progress) -> dict[str, int]:
    """Writes the pairs, best first within a row of mine; gives back what was counted. Raises Unusable."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TABLES)
        counts = {
            "mine": _load(cursor, MINE, mine, progress),
            "theirs": _load(cursor, THEIRS, theirs, progress),
        }
        progress("Matching", 0.0)
        cursor.execute(INDEXES)
        for list_id in (MINE, THEIRS):
            cursor.execute("SELECT count(*) FROM overlaps_settle(%s, NULL, NULL, NULL, NULL)", [list_id])
        least = 70 if suggestions else SURE
        cursor.execute(PAIRS, {"mine": MINE, "theirs": THEIRS, "least": least})
        cursor.execute(
            "SELECT count(*) FILTER (WHERE confidence >= %s), count(*) FROM overlaps_found", [SURE]
        )
        counts["sure"], counts["pairs"] = cursor.fetchone()
        _write(cursor, out)
        transaction.set_rollback(True)
    return counts


TABLES = """
CREATE TEMPORARY TABLE overlaps_matchkey (LIKE public.overlaps_matchkey INCLUDING DEFAULTS) ON COMMIT DROP;
CREATE TEMPORARY TABLE overlaps_file (
    tenant_id uuid, id uuid, row_id text, name text, form text, bits smallint, core text, is_core boolean, country text,
    domain text, names_domain boolean, number text
) ON COMMIT DROP;
-- What this session may have planned for the real table would go on with that one.
DISCARD PLANS
"""
KEYS = f"""
INSERT INTO overlaps_matchkey (tenant_id, id, {MatchKey.COLUMNS})
SELECT tenant_id, id, {MatchKey.VALUES} FROM overlaps_file WHERE tenant_id = %s
"""  # noqa: S608 - names of our own
INDEXES = """
CREATE UNIQUE INDEX ON overlaps_matchkey (tenant_id, id);
CREATE INDEX ON overlaps_matchkey (tenant_id, name_hash, country);
CREATE INDEX ON overlaps_matchkey (tenant_id, core_hash);
CREATE INDEX ON overlaps_matchkey (tenant_id, domain_hash) WHERE domain_hash IS NOT NULL;
CREATE INDEX ON overlaps_matchkey (tenant_id, number_hash) WHERE number_hash IS NOT NULL;
ALTER TABLE overlaps_matchkey ALTER tenant_id SET STATISTICS 0;
ANALYZE overlaps_matchkey
"""
PAIRS = """
CREATE TEMPORARY TABLE overlaps_found ON COMMIT DROP AS
SELECT * FROM overlaps_pairs(%(mine)s, %(theirs)s, NULL, %(least)s)
"""
WRITTEN = """
COPY (
    SELECT m.row_id AS mine_id, t.row_id AS theirs_id, f.rule,
           to_char(f.confidence / 100.0, 'FM0.00') AS confidence
      FROM overlaps_found f
      JOIN overlaps_file m ON m.id = f.mine_id
      JOIN overlaps_file t ON t.id = f.theirs_id
     ORDER BY f.mine_id, f.confidence DESC, f.theirs_id
) TO STDOUT WITH (FORMAT csv, HEADER)
"""


def _load(cursor: Any, list_id: UUID, path: Path, progress: Progress) -> int:
    count = 0
    with cursor.copy("COPY overlaps_file FROM STDIN") as copy:
        for count, (row_id, keys) in enumerate(_rows(path, progress), start=1):
            # The other fields are made of letters and digits, and of no line or tab.
            escaped = (
                row_id.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
            )
            row = (list_id, UUID(int=(list_id.int << 64) + count), escaped, *keys)
            copy.write("\t".join(map(str, row)) + "\n")
    if not count:
        raise Unusable(f"{path} has no rows below its header.")
    cursor.execute(
        "SELECT row_id FROM overlaps_file WHERE tenant_id = %s GROUP BY row_id HAVING count(*) > 1 LIMIT 1",
        [list_id],
    )
    if twice := cursor.fetchone():
        raise Unusable(f"{path} has the id {twice[0][:60]!r} more than once.")
    cursor.execute(KEYS, [list_id])
    return count


def _write(cursor: Any, out: TextIO) -> None:
    with cursor.copy(WRITTEN) as copy:
        for data in copy:
            out.write(bytes(data).decode())


def _rows(path: Path, progress: Progress) -> Iterator[tuple[str, Keys]]:
    """The id and the keys of each row."""
    try:
        with path.open("rb") as raw:
            size = path.stat().st_size or 1
            data = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == b"\x1f\x8b" else raw
            encoding = "utf-16" if data.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
            with io.TextIOWrapper(data, encoding=encoding, newline="") as text:
                for number, row in enumerate(_read(path, text), start=1):
                    yield row
                    if number % 20_000 == 0:
                        progress(f"Reading {path.name}", raw.tell() / size)
    except (OSError, EOFError, zlib.error) as error:
        raise Unusable(f"{path} can't be read: {getattr(error, 'strerror', None) or error}.") from error
    except UnicodeError as error:
        raise Unusable(f"{path} is not UTF-8: save it as “CSV UTF-8”.") from error
    except csv.Error as error:
        raise Unusable(f"{path} is no CSV file: {error}.") from error


def _read(path: Path, text: TextIO) -> Iterator[tuple[str, Keys]]:
    header = text.readline(LONGEST_HEADER)
    if not header.strip():
        raise Unusable(f"{path} is empty.")
    separator = max(",;\t|", key=header.count)
    names = [_simple(name) for name in next(csv.reader([header], delimiter=separator))]
    columns = _columns(path, names)
    scheme = SCHEMES.get(names[columns["company_number"]], "") if "company_number" in columns else ""
    places = [columns.get(field, len(names)) for field in ALIASES]
    reader = csv.reader(text, delimiter=separator)
    for cells in reader:
        if not any(cells):
            continue
        cells += [""] * (len(names) + 1 - len(cells))
        row_id, name, website, country, number = [cells[place] for place in places]
        if not row_id.strip() or "\0" in row_id:
            problem = "holds a NUL" if "\0" in row_id else "has no id"
            raise Unusable(f"{path}: line {reader.line_num + 1} {problem}.")
        yield row_id, keys_of(name=name, website=website, country=country, number=number and scheme + number)


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    columns = {}
    for field, aliases in ALIASES.items():
        if found := [header.index(alias) for alias in aliases.split("|") if alias in header]:
            columns[field] = found[0]
    for needed in ("id", "name"):
        if needed not in columns:
            raise Unusable(f"{path} has no column “{needed}”; it has: {', '.join(header)[:200]}.")
    return columns


def _simple(text: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", text.casefold()).split())
