"""Which accounts of two connected workspaces are one company: asked of the database's match role, never computed here.

`overlaps_refresh` and its siblings (migration 0001) are the only code that reads two workspaces' accounts. They
rewrite the rows that each side sees, within the caller's transaction.
"""

from django.db import connection


def refresh() -> None:
    """Both sides' rows, for every partner of the workspace of the context. Belongs to each act that changes accounts.

    From here to the commit, what the partners share waits: call it late.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT overlaps_refresh_mine()")


def refresh_stale_counts(batch: int = 20) -> int:
    """Take anew what was frozen more than a day ago; how many connections were treated, 0 when none is left."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT overlaps_refresh_stale(%s)", [batch])
        return cursor.fetchone()[0]
