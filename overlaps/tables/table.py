"""What every kind of file comes to: a header, and rows one after another."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, Self

from django.conf import settings

from overlaps import columns

MAX_COLUMNS = 200
LONGEST_CELL = 131_072  # characters; the limit of Python's csv, too
HEADER_WITHIN = 20  # rows that are not empty: so far down a header is looked for
EMPTY_WITHIN = 1_000  # rows
MOST_EMPTY = 5  # times as many rows as may be filled

Rows = Iterator[tuple[int, list[str]]]


class Unreadable(Exception):
    """Says to a person why this is no table."""


@dataclass(frozen=True)
class Table:
    kind: str  # "csv", "tsv" or "xlsx"
    header: list[str]  # each name once, none empty
    read_as: str  # in words
    notes: list[str]  # sentences on what was found
    header_row: int
    records: Callable[[], Rows] = field(repr=False)  # all of them, the header and empty ones, too
    close: Callable[[], None] = field(repr=False)
    encoding: str = ""  # a key of ENCODINGS; "" of a workbook
    separator: str = ""
    sheet: str = ""
    sheets: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: Any) -> None:
        self.close()

    def rows(self) -> Rows:
        """(number, cells), counted as a spreadsheet does; empty rows are passed over. From the start at each call.

        The cells are as they stand there: neither trimmed, nor always as many as the header has.
        """
        count, most, header = 0, settings.IMPORT_MAX_ROWS, self.header_row
        for number, cells in self.records():
            if number <= header or not any(cells) or not any(map(str.strip, cells)):
                if number > MOST_EMPTY * most + EMPTY_WITHIN:
                    raise Unreadable("This file has far too many empty rows. Please delete them.")
                continue
            count += 1
            if count > most:
                raise Unreadable(
                    f"This file has more than {most:,} rows, which are the most. Please split it."
                )
            yield number, cells

    def sample(self, size: int = 50) -> list[list[str]]:
        """The first rows, as wide as the header. Empty where one of them can't be read: `rows` says why."""
        width = len(self.header)
        try:
            return [(cells + [""] * width)[:width] for _, cells in islice(self.rows(), size)]
        except Unreadable:
            return []

    @cached_property
    def recognised(self) -> columns.Recognised:
        return columns.recognise(self.header, self.sample())

    @property
    def fields(self) -> list[str]:
        """For each of the header the field that it fills, or ""."""
        return [self.recognised.fields.get(name, "") for name in self.header]


def named(cells: list[str]) -> tuple[list[str], list[str]]:
    """The header that a row makes, and what there is to say about it. Raises Unreadable."""
    width = max((place for place, cell in enumerate(cells, start=1) if cell.strip()), default=0)
    if width > MAX_COLUMNS:
        raise Unreadable(f"This file has more than {MAX_COLUMNS} columns, which are the most.")
    if not width:
        raise Unreadable("This file is empty.")
    cells = [columns.plain(cell)[: columns.LONGEST_NAME] for cell in cells[:width]]
    header: list[str] = []
    taken = set(cells)
    for place, cell in enumerate(cells, start=1):
        name, again = cell or f"Column {place}", 2
        while name in header or (name in taken and name != cell):
            name, again = f"{cell or f'Column {place}'} ({again})", again + 1
        header.append(name)
    return header, _said_of(cells)


def _said_of(cells: list[str]) -> list[str]:
    called = [columns.simple(cell) for cell in cells]
    twice = sorted({name for name in called if name and called.count(name) > 1})
    notes = [
        f"The column “{cells[called.index(name)]}” is there {called.count(name)} times: one of them can fill a field."
        for name in twice
    ]
    if nameless := called.count(""):
        notes.append(f"{nameless} column{'s have' if nameless > 1 else ' has'} no name.")
    return notes


def header_among(records: Iterable[tuple[int, list[str]]]) -> tuple[int, list[str], bool] | None:
    """Number and cells of the first row, or of the first one that names fields where titles stand above it."""
    first = None
    filled = (record for record in islice(records, EMPTY_WITHIN) if any(map(str.strip, record[1])))
    for number, cells in islice(filled, HEADER_WITHIN):
        known = {*columns.fields_of(cells[:MAX_COLUMNS])} - {""}
        if first is None:
            first = (number, cells, False)
            if known:
                break
        elif len(known) > 1 and known & {"name", "domain"}:
            return number, cells, True
    return first
