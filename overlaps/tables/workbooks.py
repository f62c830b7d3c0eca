"""Excel workbooks (.xlsx, .xlsm), read as a stream.

By hand, on `zipfile` and expat: openpyxl keeps all shared strings in memory, calamine the whole sheet, and neither
knows a limit. Here a sheet goes by piece by piece, shared strings lie in a temporary file, and what a file claims is
bounded before it is believed. Formulas are not looked at: what counts is the value that was saved.
"""

import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any
from xml.parsers import expat

from django.conf import settings

from overlaps.tables.arrival import Arrived
from overlaps.tables.numbers import Formats, number
from overlaps.tables.strings import Strings, unescaped
from overlaps.tables.table import LONGEST_CELL, Rows, Table, Unreadable, header_among, named

PIECE = 64 * 1024
LARGEST_READ = 2 * 1024 * 1024  # at once, of the archive: its list of contents is read so
LARGEST_PART = 20 * 1024 * 1024  # of those that are kept in memory: styles, names of sheets
LARGEST_TOKEN = 1024 * 1024  # one tag, one comment
MOST_ENTRIES = 10_000
MOST_SHEETS = 1_000
LONGEST_TITLE = 60  # characters; Excel allows 31
MOST_NAMES = 10_000  # of different tags and attributes
MOST_COLUMNS, MOST_ROWS = 16_384, 1_048_576  # Excel's own
WIDEST = 1_000  # cells of a row; one that is further right is put there: the row is too wide anyway
HIGHEST_RATIO = 100  # of what is unpacked; Excel's own files stay far below
UNPACKED = 10  # times the limit of a file
DEEPEST = 100  # tags within tags

DAMAGED = "This Excel file is damaged. Please open it, choose “Save as”, and Excel workbook (.xlsx) or CSV."
BOMB = "This Excel file unpacks to far more than a list of accounts has. Please save the list alone, as CSV."
LOCKED = "This Excel file is protected by a password. Please save it without one."


class _NotThere(OSError):
    """Before the start of the file."""


BROKEN = (_NotThere, zipfile.BadZipFile, zlib.error, expat.ExpatError, struct.error)
BROKEN += (EOFError, NotImplementedError, RuntimeError, LookupError, ValueError, OverflowError)


def is_archive(start: bytes) -> bool:
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def read(file: Arrived, *, sheet: str | None) -> Table:
    """Raises Unreadable."""
    book = Workbook(file)
    try:
        title, path, (number, cells, above) = _sheet(book, sheet)
        header, notes = named(cells)
    except BaseException:
        book.close()
        raise
    if above:
        notes.append(f"Row {number:,} names the columns; what stands above it is left out.")
    others = [f"“{name}”" for name in book.sheets if name != title]
    if others:
        notes.append(
            f"This is the sheet “{title}”; not read: {', '.join(others[:5])}{' …' * (len(others) > 5)}."
        )
    return Table(
        kind="xlsx",
        header=header,
        read_as=f"Excel, sheet “{title}”",
        notes=notes,
        header_row=number,
        records=partial(book.all_rows, path, width=len(header), notes=notes),
        close=book.close,
        sheet=title,
        sheets=[*book.sheets],
    )


def _sheet(book: "Workbook", chosen: str | None) -> tuple[str, str, tuple[int, list[str], bool]]:
    """The sheet that was chosen, else the first one that has rows. Raises Unreadable."""
    if chosen is not None and chosen not in book.sheets:
        raise Unreadable(f"This file has no sheet “{chosen[:60]}”.")
    for title, path in book.sheets.items():
        if chosen in (None, title) and (found := header_among(book.rows(path))):
            return title, path, found
    raise Unreadable("This file is empty." if chosen is None else f"The sheet “{chosen}” is empty.")


# -- the archive ------------------------------------------------------------------------------------------------


class _Bounded:
    """A file for `zipfile`, that gives no more at once than an honest archive needs."""

    def __init__(self, file: Arrived) -> None:
        self.file, self.place, self.size = file, 0, file.size

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = 0) -> int:
        self.place = offset + (0, self.place, self.size)[whence]
        if self.place < 0:
            raise _NotThere
        return self.place

    def read(self, size: int = -1) -> bytes:
        left = max(self.size - self.place, 0)
        size = left if size < 0 else min(size, left)
        if size > LARGEST_READ:
            raise Unreadable(BOMB)
        data = self.file.read_at(self.place, size)
        self.place += len(data)
        return data


class Workbook:
    """Raises Unreadable, whatever is wrong."""

    def __init__(self, file: Arrived) -> None:
        self.file, self.unpacked = file, 0
        try:
            self.archive = zipfile.ZipFile(_Bounded(file))  # noqa: SIM115  it holds nothing that must be closed
        except BROKEN:
            raise Unreadable(DAMAGED) from None
        parts = self.archive.infolist()
        if len(parts) > MOST_ENTRIES:
            raise Unreadable(BOMB)
        self.parts = {part.filename.lower(): part for part in parts}
        self._refuse_other_kinds()

    def _refuse_other_kinds(self) -> None:
        kinds = {
            "xl/workbook.bin": "a binary Excel workbook (.xlsb)",
            "index/document.iwa": "an Apple Numbers file",
            "content.xml": "an OpenDocument file (.ods)",
            "word/document.xml": "a Word document",
            "ppt/presentation.xml": "a presentation",
        }
        if kind := next((kind for name, kind in kinds.items() if name in self.parts), ""):
            raise Unreadable(
                f"This is {kind}. Please open it, choose “Save as”, and Excel workbook (.xlsx) or CSV."
            )
        if "[content_types].xml" not in self.parts:
            raise Unreadable("This is an archive, not a list. Please unpack it, and choose the file in it.")

    def close(self) -> None:
        if "strings" in self.__dict__:
            self.strings.close()
        self.file.close()

    # -- what it is made of

    @cached_property
    def main(self) -> str:
        return next(iter(self._related("", "officeDocument").values()), "xl/workbook.xml")

    def _related(self, path: str, kind: str) -> dict[str, str]:
        """Paths, by id, of the parts of a kind that belong to a part."""
        folder, name = posixpath.split(path)
        found = {}
        for tag, values in self._tags(posixpath.join(folder, "_rels", f"{name}.rels")):
            if tag == "Relationship" and values.get("Type", "").endswith(f"/{kind}"):
                target = posixpath.normpath(posixpath.join("/", folder, values.get("Target", "")))
                found[values.get("Id", "")] = target.lstrip("/").lower()
        return found

    @cached_property
    def sheets(self) -> dict[str, str]:
        """Path by title; hidden ones last. Raises Unreadable."""
        paths, shown, hidden = self._related(self.main, "worksheet"), {}, {}
        for tag, values in self._tags(self.main):
            path = next((paths.get(v) for name, v in values.items() if name.rpartition(":")[2] == "id"), None)
            if tag == "sheet" and path in self.parts:
                (shown if values.get("state", "visible") == "visible" else hidden)[
                    values.get("name", "")[:LONGEST_TITLE]
                ] = path
        if not 0 < len(shown) + len(hidden) <= MOST_SHEETS:
            raise Unreadable(DAMAGED)
        return shown | hidden

    @cached_property
    def formats(self) -> Formats:
        path = next(iter(self._related(self.main, "styles").values()), "")
        since_1904 = any(
            tag == "workbookPr" and values.get("date1904") in {"1", "true"}
            for tag, values in self._tags(self.main)
        )
        try:
            return Formats(self._tags(path), since_1904=since_1904)
        except (LookupError, ValueError):
            raise Unreadable(DAMAGED) from None

    @cached_property
    def strings(self) -> Strings:
        path = next(iter(self._related(self.main, "sharedStrings").values()), "")
        return Strings(self._shared(path) if path in self.parts else iter(()))

    # -- XML

    def _opened(self, path: str, *, most: int) -> Any:
        part = self.parts[path]
        if part.flag_bits & 1:
            raise Unreadable(LOCKED)
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable(DAMAGED)  # the others unpack without a bound
        if part.file_size > most or part.file_size > HIGHEST_RATIO * max(part.compress_size, 10 * 1024):
            raise Unreadable(BOMB)
        return self.archive.open(part)  # which gives no more than the size that was said

    def _parse(self, path: str, handlers: dict[str, Any], *, most: int) -> Iterator[None]:
        """Again and again after some of the part was handled. Raises Unreadable."""
        names: dict[str, str] = {}
        parser = expat.ParserCreate(None, None, names)
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_definitions
        for name, handler in handlers.items():
            setattr(parser, name, handler)
        fed = handled = 0
        try:
            with self._opened(path, most=most) as part:
                while piece := part.read(PIECE):
                    fed += len(piece)
                    self.unpacked += len(piece)
                    parser.Parse(piece, False)
                    handled = max(handled, parser.CurrentByteIndex)
                    if fed - handled > LARGEST_TOKEN or len(names) > MOST_NAMES:
                        raise Unreadable(DAMAGED)
                    if self.unpacked > self._most:
                        raise Unreadable(BOMB)
                    yield
            parser.Parse(b"", True)
            yield
        except BROKEN:
            raise Unreadable(DAMAGED) from None

    def _tags(self, path: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Of a small part: each tag without its prefix, and its attributes. None where there is no such part."""
        found: list[tuple[str, dict[str, str]]] = []
        if path.lower() not in self.parts:
            return
        start = lambda tag, values: found.append((tag.rpartition(":")[2], values))  # noqa: E731
        for _ in self._parse(path.lower(), {"StartElementHandler": start}, most=LARGEST_PART):
            yield from found
            found.clear()

    @property
    def _most(self) -> int:
        return UNPACKED * settings.IMPORT_MAX_BYTES

    def _shared(self, path: str) -> Iterator[list[str]]:
        """The shared strings, some at a time."""
        texts = _Texts()
        for _ in self._parse(path, texts.handlers, most=self._most):
            yield texts.taken()

    def rows(self, path: str) -> Rows:
        return self._rows(_Sheet(self.strings, self.formats), path)

    def all_rows(self, path: str, *, width: int, notes: list[str]) -> Rows:
        """At least as wide as said. At the end it is noted where values were missing. Raises Unreadable."""
        self.unpacked, sheet = 0, _Sheet(self.strings, self.formats)
        for at, cells in self._rows(sheet, path):
            yield at, cells if len(cells) >= width else cells + [""] * (width - len(cells))
        if sheet.formulas:
            cells = "1 cell holds" if sheet.formulas == 1 else f"{sheet.formulas:,} cells hold"
            note = f"{cells} a formula without a saved value, read as empty: open the file in Excel, and save it."
            notes += [note] if note not in notes else []

    def _rows(self, sheet: "_Sheet", path: str) -> Rows:
        for _ in self._parse(path, sheet.handlers, most=self._most):
            yield from sheet.taken()
            if sheet.ended:
                return


def _refuse_definitions(*args: Any) -> None:
    """Entities would be defined there; no spreadsheet writes any."""
    raise Unreadable(DAMAGED)


# -- what its tags mean -----------------------------------------------------------------------------------------


class _Known(dict):
    """What is done on a tag, whatever its prefix."""

    def __init__(self, named: dict[str, Any]) -> None:
        super().__init__()
        self.named = named

    def __missing__(self, tag: str) -> Any:
        self[tag] = self.named.get(tag.rpartition(":")[2])
        return self[tag]


class _Texts:
    """The texts of <si>: of its <t>, but not of the reading (<rPh>) beside it."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.depth = self.reading = 0
        self.wanted, self.value = False, ""
        self.starts = _Known({"t": self.begin_text, "rPh": self.begin_reading, "si": self.begin})
        self.ends = _Known({"t": self.end_text, "rPh": self.end_reading, "si": self.finish})

    @property
    def handlers(self) -> dict[str, Any]:
        handlers = (self.start, self.end, self.text)
        return dict(
            zip(("StartElementHandler", "EndElementHandler", "CharacterDataHandler"), handlers, strict=True)
        )

    def taken(self) -> list[Any]:
        if self.depth > DEEPEST:
            raise Unreadable(DAMAGED)
        done, self.done = self.done, []
        return done

    def start(self, tag: str, values: dict[str, str]) -> None:
        self.depth += 1
        if act := self.starts[tag]:
            act(values)

    def end(self, tag: str) -> None:
        self.depth -= 1
        if act := self.ends[tag]:
            act()

    def text(self, data: str) -> None:
        if self.wanted:
            self.value += data
            if len(self.value) > LONGEST_CELL:
                raise Unreadable(f"A cell of this Excel file is larger than {LONGEST_CELL:,} characters.")

    def begin(self, values: dict[str, str]) -> None:
        self.value = ""

    def finish(self) -> None:
        self.done.append(unescaped(self.value))

    def begin_text(self, values: dict[str, str]) -> None:
        self.wanted = not self.reading

    def end_text(self) -> None:
        self.wanted = False

    def begin_reading(self, values: dict[str, str]) -> None:
        self.reading += 1

    def end_reading(self) -> None:
        self.reading -= 1


class _Sheet(_Texts):
    """The rows of <sheetData>."""

    def __init__(self, strings: Strings, formats: Formats) -> None:
        super().__init__()
        self.strings, self.formats = strings, formats
        self.at, self.cells, self.place = 0, [], 0
        self.formulas, self.ended = 0, False
        self.cell: dict[str, str] = {}
        self.has_formula = False
        self.columns = _Columns()
        self.starts.named |= {
            "v": self.begin_text,
            "c": self.begin,
            "row": self.begin_row,
            "f": self.begin_formula,
        }
        self.ends.named |= {
            "v": self.end_text,
            "c": self.finish,
            "row": self.end_row,
            "sheetData": self.end_data,
        }

    def begin_row(self, values: dict[str, str]) -> None:
        self.at, self.cells, self.place = max(int(values.get("r", 0)), self.at + 1), [], 0
        if self.at > MOST_ROWS:
            raise Unreadable(DAMAGED)

    def end_row(self) -> None:
        self.done.append((self.at, self.cells))

    def end_data(self) -> None:
        self.ended = True

    def begin(self, values: dict[str, str]) -> None:
        self.cell, self.value, self.has_formula = values, "", False

    def begin_formula(self, values: dict[str, str]) -> None:
        self.has_formula = True

    def finish(self) -> None:
        value = self._value()
        if "r" in self.cell:
            self.place = self.columns[self.cell["r"].rstrip("0123456789")]
        if self.place == len(self.cells) < WIDEST:
            self.cells.append(value)
        elif self.place >= MOST_COLUMNS:
            raise Unreadable(DAMAGED)
        elif value:
            place = min(self.place, WIDEST)
            self.cells += [""] * (place + 1 - len(self.cells))
            self.cells[place] = value
        self.place += 1

    def _value(self) -> str:
        kind, value = self.cell.get("t"), self.value
        if not value:
            self.formulas += self.has_formula
            return ""
        if kind == "s":
            return self.strings[value]
        if kind is None or kind == "n":
            style = self.cell.get("s")
            return self.formats.shown(value, style) if style in self.formats else number(value)
        return {"0": "FALSE", "1": "TRUE"}.get(value, value) if kind == "b" else unescaped(value)


class _Columns(dict):
    """The place of a column by its letters."""

    def __missing__(self, letters: str) -> int:
        place = 0
        for letter in letters:
            if not "A" <= letter <= "Z" or place > MOST_COLUMNS:
                raise Unreadable(DAMAGED)
            place = place * 26 + ord(letter) - 64
        if not 0 < place <= MOST_COLUMNS:
            raise Unreadable(DAMAGED)
        self[letters] = place - 1
        return place - 1
