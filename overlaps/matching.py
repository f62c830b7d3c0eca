"""Which accounts of two connected workspaces are one company: asked of the database's match role, never computed here.

The functions in `overlaps/sql` are the only code that reads two workspaces' accounts. They find the pairs anew that a
change can have touched, and rewrite the rows that each side sees, within the caller's transaction. The result is the
same as from the ground up.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from core.models import Membership
from partners.models import Partner, Shares, published

EVERYTHING = UUID(int=0)  # in Touched: not one account, all of them
NOT_THE_SAME, SAME, BY_HAND = -1, 1, 2


class NotThere(Exception):
    """What a person speaks of is not to be seen in this workspace, or not any more."""


class Foreseen(NamedTuple):
    """What would become of one population of ours, in accounts: at least and at most."""

    population: str
    newly: tuple[int, int]
    gone: tuple[int, int]
    more: tuple[int, int]  # seen already, and then with more fields
    fields: tuple[str, ...]
    is_exact: bool
    counted_at: datetime | None


def refresh() -> int:
    """Match what changed since the last time, for every partner of the workspace of the context.

    Belongs to each act that changes accounts. From here to the commit, what the partners share waits: call it late.
    How many accounts were matched anew.
    """
    from overlaps import populations

    populations.reassign_touched()
    return _ask("SELECT overlaps_refresh_mine()")


def refresh_connection(connection_id: UUID) -> None:
    """From the ground up: after a change of settings."""
    _ask("SELECT overlaps_refresh(%s)", connection_id)


def refresh_stale(batch: int = 20) -> int:
    """What the clock has to do: how many connections were treated, 0 when none is left."""
    return _ask("SELECT overlaps_refresh_stale(%s)", batch)


def take_day_figures() -> int:
    """How every workspace's overlaps stand today, for the trends: how many figures changed."""
    return _ask("SELECT overlaps_take_day_figures()")


def judge(overlap_id: UUID, says: int, *, by: Membership) -> UUID:
    """What this workspace says of an overlap that it sees; gives back the pair. Raises NotThere."""
    return _there(_ask("SELECT overlaps_judge(%s, %s::smallint, %s)", overlap_id, says, str(by)))


def match_by_hand(overlap_id: UUID, account_id: UUID, *, by: Membership) -> UUID:
    """An account of theirs that we had not found, and one of ours; gives back the pair. Raises NotThere."""
    return _there(_ask("SELECT overlaps_match_by_hand(%s, %s, %s)", overlap_id, account_id, str(by)))


def answer_suggestion(suggestion_id: UUID, says: int, *, by: Membership) -> None:
    """Raises NotThere."""
    _there(_ask("SELECT overlaps_answer(%s, %s::smallint, %s)", suggestion_id, says, str(by)))


def take_back(account_id: UUID, pair: UUID) -> bool:
    return _ask("SELECT overlaps_take_back(%s, %s)", account_id, pair)


def merge_rulings(keep: UUID, gone: list[UUID]) -> None:
    """What both sides said of accounts that are one from now on. Before the others go, after the one was written."""
    _ask("SELECT overlaps_merge_rulings(%s, %s)", keep, gone)


def preview(
    partner: Partner, shares: Shares, *, moving: Iterable[UUID] | None = None, mover: str = ""
) -> list[Foreseen]:
    """What would happen if these were the rules, or if these accounts entered or left the population `mover`."""
    rules = [{"population": code, **said} for code, said in published(shares).items()]
    asked = [partner.pk, Jsonb(rules), None if moving is None else list(moving), mover]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM overlaps_dry_run(%s, %s, %s::uuid[], %s)", asked)
        return [
            Foreseen(row[0], row[1:3], row[3:5], row[5:7], tuple(row[7]), *row[8:])
            for row in cursor.fetchall()
        ]


def _ask(statement: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0]


def _there(answer: Any) -> Any:
    if answer is None:
        raise NotThere
    return answer
