"""A file that should hold a table, read without trust: what it is, or in one sentence why it is not one.

    with read(parts) as table:
        for number, cells in table.rows():
            ...

The bytes lie in a temporary file while a table is in use, and rows come one by one: memory stays flat, whatever the
file. Every limit acts while the file is being read, and is told as `Unreadable`.
"""

from overlaps.tables import separated, workbooks
from overlaps.tables.arrival import Given, arrived
from overlaps.tables.kinds import refuse_what_is_no_table
from overlaps.tables.separated import ENCODINGS, SEPARATORS
from overlaps.tables.table import MAX_COLUMNS, Table, Unreadable

__all__ = ["ENCODINGS", "MAX_COLUMNS", "SEPARATORS", "Table", "Unreadable", "read"]


def read(
    given: Given, *, encoding: str | None = None, separator: str | None = None, sheet: str | None = None
) -> Table:
    """`given`: bytes, an opened file, or an iterable of bytes, which is gone through once.

    `encoding`, `separator` (keys of ENCODINGS and SEPARATORS) and `sheet` (one of `Table.sheets`) are what the person
    chose; left out, they are found. Raises Unreadable, and so does going through the rows.
    """
    file = arrived(given)
    try:
        start = file.read_at(0, 8192)
        if workbooks.is_archive(start):
            return workbooks.read(file, sheet=sheet)
        refuse_what_is_no_table(start, file)
        return separated.read(file, encoding=encoding, separator=separator)
    except BaseException:
        file.close()
        raise
