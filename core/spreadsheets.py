"""What is written for a spreadsheet: text that it shows, and never computes."""

import csv
import re
from collections.abc import Iterable
from io import StringIO
from tempfile import TemporaryFile
from typing import IO, Any

from xlsxwriter import Workbook

# What spreadsheets take for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "|", "%")
# The same inside a cell: where semicolons or tabs separate, a cell begins behind one of them too. Where apostrophes
# stand before such a sign anyway, it is one more, so that one can be taken off again.
INSIDE = re.compile(r"(?<=[;\t\r\n])(?='*[=+\-@|%])")
APART = re.compile(r"(?<=[;\t\r\n])'(?='*[=+\-@|%])")


def harmless(value: Any) -> Any:
    """Text with an apostrophe before each such sign; anything but text as it is."""
    if not isinstance(value, str):
        return value
    value = INSIDE.sub("'", value)
    return f"'{value}" if value.lstrip("'").startswith(FORMULA) else value


def restored(text: str) -> str:
    """What `harmless` was given."""
    text = text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text
    return APART.sub("", text)


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    text = StringIO()
    csv.writer(text).writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def workbook(rows: Iterable[Iterable[Any]]) -> IO[bytes]:
    """One sheet, whose rows are not kept in memory. Text is written as text, so that nothing in it is computed."""
    file = TemporaryFile()  # noqa: SIM115  whoever asked closes it
    book = Workbook(file, {"constant_memory": True, "in_memory": False})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        for place, cell in enumerate(row):
            if isinstance(cell, int | float):
                sheet.write_number(number, place, cell)
            elif cell:
                sheet.write_string(number, place, str(cell)[:32_767])
    book.close()
    file.seek(0)
    return file
