"""A file that should hold a table, read without trust: what it is, or in one sentence why it is not one."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from overlaps.columns import fields_of

MAX_COLUMNS = 200
LONGEST_HEADER = 100_000  # characters; it is read once for each separator
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MARKS = [(codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")]
SPOKEN = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "cp1252": "Windows-1252 (Western European)"}
BEGINNINGS = [
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"RIFF", "an image or a film"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "an Excel file or an archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"\x1f\x8b", "a compressed file"),
    (b"<", "a web page"),
    (b"{", "JSON"),
]


class Unreadable(Exception):
    """Says to a person why this is no table."""


@dataclass(frozen=True)
class Table:
    header: list[str]
    fields: list[str]  # for each of the header the field that it fills, or ""
    read_as: str
    notes: list[str]
    text: str
    separator: str

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(number, cells), counted as a spreadsheet does; empty rows are passed over. Raises Unreadable."""
        records = _records(self.text, self.separator)
        next((cells for _, cells in records if any(cells)), None)
        return ((number, cells) for number, cells in records if any(cell.strip() for cell in cells))


def read(data: bytes) -> Table:
    """Raises Unreadable."""
    text, encoding = _decode(data)
    separator, header = _split_header(text)
    if len(header) > MAX_COLUMNS:
        raise Unreadable(f"This file has {len(header):,} columns; {MAX_COLUMNS} are the most.")
    fields, notes = fields_of(header)
    if not {"name", "domain"} & set(fields):
        raise Unreadable(
            "The first row names no column for the company’s name or its domain. One of both is needed: "
            "call it “Name” or “Domain”."
        )
    return Table(header, fields, f"{encoding}, separated by {SEPARATORS[separator]}", notes, text, separator)


def _decode(data: bytes) -> tuple[str, str]:
    start = data[:64].lstrip()
    for beginning, kind in BEGINNINGS:
        if start.startswith(beginning):
            raise Unreadable(f"This is {kind}, not a CSV file. In a spreadsheet, choose “Save as CSV”.")
    encodings = next(([e] for mark, e in MARKS if data.startswith(mark)), _without_mark(data))
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise Unreadable(
                "This file holds NUL characters: it is damaged, or no text. Please export it again."
            )
        if not text.strip():
            raise Unreadable("This file is empty.")
        return text, SPOKEN.get(encoding, "UTF-16")
    raise Unreadable("The letters of this file can’t be read. Please save it as “CSV UTF-8”.")


def _without_mark(data: bytes) -> list[str]:
    """UTF-16 shows in its zeros: every second byte, of letters that everybody uses."""
    start = data[:2000]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = start[first::2].count(0)
        if zeros > len(start) / 4 and not start[1 - first :: 2].count(0):
            return [encoding]
    return ["utf-8", "cp1252"]


def _split_header(text: str) -> tuple[str, list[str]]:
    """The separator under which the first row makes most sense, and that row. Raises Unreadable."""
    found, problem = [], Unreadable("This file is empty.")
    start = text.lstrip("\r\n")[:LONGEST_HEADER]
    if len(start) == LONGEST_HEADER and not re.search(r"[\r\n]", start):
        raise Unreadable(f"The first row is longer than {LONGEST_HEADER:,} characters.")
    for separator in SEPARATORS:
        try:
            header = next((cells for _, cells in _records(start, separator) if any(cells)), [])
        except Unreadable as error:
            problem = error
            continue
        header = [" ".join(cell.split())[:200] for cell in header]
        known = sum(map(bool, fields_of(header)[0])) if len(header) <= MAX_COLUMNS else 0
        if header:
            found.append((known, len(header), separator, header))
    if not found:
        raise problem
    *_, separator, header = max(found, key=lambda one: one[:2])
    return separator, header


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    number = 0
    lines = io.StringIO(text, newline=None)
    if re.match(r"sep=.\r?\n", text[:10]):  # a line of Excel's own
        lines.readline()
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        number += 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(f"Row {number:,} can’t be read: {_in_words(error)}") from error


def _in_words(error: csv.Error) -> str:
    if "field limit" in str(error):
        return "a cell is larger than 131,072 characters, or a quotation mark is never closed."
    if "unexpected end" in str(error):
        return "a quotation mark is never closed."
    return "its quotation marks don’t fit together."
