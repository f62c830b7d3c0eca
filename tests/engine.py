"""Two lists in temporary tables, with the triggers that the real table has: what the match role sees, without it."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from overlaps.keys import keys_of
from overlaps.models import MatchKey

MINE, THEIRS = UUID(int=1), UUID(int=2)
TABLES = """
CREATE TEMPORARY TABLE overlaps_matchkey (LIKE public.overlaps_matchkey INCLUDING ALL) ON COMMIT DROP;
CREATE TEMPORARY TABLE overlaps_touched (LIKE public.overlaps_touched INCLUDING ALL) ON COMMIT DROP;
CREATE TRIGGER added AFTER INSERT ON overlaps_matchkey
REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION overlaps_matchkey_changed();
CREATE TRIGGER changed AFTER UPDATE ON overlaps_matchkey
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION overlaps_matchkey_changed();
CREATE TRIGGER removed AFTER DELETE ON overlaps_matchkey
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION overlaps_matchkey_changed();
DISCARD PLANS; -- what this session planned for the real table would go on with that one
"""
TYPES = "uuid text text smallint text boolean text text boolean text".split()
STAGED = f"unnest({', '.join(f'%s::{kind}[]' for kind in TYPES)})"
ADD = f"""
INSERT INTO overlaps_matchkey (tenant_id, id, {MatchKey.COLUMNS})
SELECT %s, id, {MatchKey.VALUES}
  FROM {STAGED} AS staged(id, name, form, bits, core, is_core, country, domain, names_domain, number)
"""
CHANGE = f"""
UPDATE overlaps_matchkey k SET ({MatchKey.COLUMNS}) = (SELECT {MatchKey.VALUES} FROM (SELECT staged.*) s)
  FROM {STAGED} AS staged(id, name, form, bits, core, is_core, country, domain, names_domain, number)
 WHERE k.tenant_id = %s AND k.id = staged.id
"""


@dataclass
class Lists:
    """Rows are (name, website, country, number), the last ones may be missing; they are known by their place."""

    places: dict[UUID, dict[UUID, Any]] = field(default_factory=lambda: {MINE: {}, THEIRS: {}})

    def __post_init__(self) -> None:
        self.ask(TABLES)

    def ask(self, sql: str, params: list | None = None) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []

    def add(self, list_id: UUID, rows: dict[int, tuple]) -> None:
        self.ask(ADD, [list_id, *_staged(rows)])

    def change(self, list_id: UUID, rows: dict[int, tuple]) -> None:
        self.ask(CHANGE, [*_staged(rows), list_id])

    def remove(self, list_id: UUID, rows: list[int]) -> None:
        self.ask(
            "DELETE FROM overlaps_matchkey WHERE tenant_id = %s AND id = ANY (%s)",
            [list_id, [UUID(int=row) for row in rows]],
        )

    def taken(self, list_id: UUID) -> set[int] | None:
        ((ids,),) = self.ask("SELECT overlaps_take_touched(%s)", [list_id])
        return None if ids is None else {id.int for id in ids}

    def pairs(self, mine: UUID = MINE, theirs: UUID = THEIRS, touched: set[int] | None = None) -> dict:
        """{(row of mine, row of theirs): (rule, confidence)}"""
        ids = None if touched is None else [UUID(int=row) for row in touched]
        found = self.ask("SELECT * FROM overlaps_pairs(%s, %s, %s::uuid[])", [mine, theirs, ids])
        pairs = {(mine.int, theirs.int): (rule, confidence) for mine, theirs, rule, confidence in found}
        assert len(pairs) == len(found), "a pair was found twice"
        return pairs


def _staged(rows: dict[int, tuple]) -> list[list]:
    keys = [
        keys_of(**dict(zip(("name", "website", "country", "number"), row, strict=False)))
        for row in rows.values()
    ]
    return [[UUID(int=row) for row in rows], *map(list, zip(*keys, strict=True))]
