"""Text whose cells are separated by a sign: which letters, which sign, and its records as they stream."""

import codecs
import csv
import io
import re
import string
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import chain

from charset_normalizer import from_bytes

from overlaps import columns
from overlaps.tables.arrival import Arrived
from overlaps.tables.table import HEADER_WITHIN, Rows, Table, Unreadable, header_among, named

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252 (Western European)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "cp932": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese, traditional)",
    "cp949": "EUC-KR (Korean)",
    "mac_roman": "Mac OS Roman",
    "cp850": "MS-DOS (Western European)",
}
# Told apart by likelihood alone; the most frequent first.
WESTERN = ("cp1252", "cp1250", "cp1254", "cp1257", "mac_roman", "cp850")
SCRIPTS = ("cp1251", "cp1253", "cp1255", "cp1256")
STRANGE = "þðÞÐªºƒˇˆ"  # letters that hardly anybody writes
SIGNS = "–—‘’“”„•…€™®©\xa0"
MARKS = {
    codecs.BOM_UTF8: ("utf-8", "utf-8"),
    codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le"),
    codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be"),
}
CONTROLS = bytes(sorted({*range(32)} - {*b"\t\n\v\f\r\x1a\x1b"}))
LONGEST_HEADER = 100_000  # characters; it is read once for each separator
LONGEST_ROW = 1_000_000  # characters
SAMPLE = 16_384  # bytes, by which letters are told
SEP = re.compile(r"\Asep=(.)\n")  # a line of Excel's own


class _Broken(Exception):
    """What a row has that ends the reading; which row it is, is known further up."""


def read(file: Arrived, *, encoding: str | None, separator: str | None) -> Table:
    """Raises Unreadable."""
    encoding, codec, start = _encoding(file, encoding)
    texts = partial(_texts, file, codec, start, ENCODINGS[encoding])
    head = _head(texts())
    separator = separator or _separator(head)
    number, cells, above = header_among(Records(texts(), separator)) or (0, [], False)
    header, notes = named(cells)
    if above:
        notes.append(f"Row {number:,} names the columns; what stands above it is left out.")
    return Table(
        kind="tsv" if separator == "\t" else "csv",
        header=header,
        read_as=f"{ENCODINGS[encoding]}, separated by {SEPARATORS[separator]}",
        notes=notes,
        header_row=number,
        records=lambda: iter(Records(texts(), separator)),
        close=file.close,
        encoding=encoding,
        separator=separator,
    )


# -- letters ----------------------------------------------------------------------------------------------------


def _encoding(file: Arrived, chosen: str | None) -> tuple[str, str, int]:
    """A key of ENCODINGS, the codec that has no mark, and where the text begins. Raises Unreadable."""
    start = file.read_at(0, 4096)
    mark = next((mark for mark in MARKS if start.startswith(mark)), b"")
    found, codec = MARKS.get(mark) or _in_zeros(start) or ("", "")
    if chosen and chosen != found:
        found, codec, mark = chosen, "utf-16-le" if chosen == "utf-16" else chosen, b""
    if found != "utf-16":
        _refuse_noise(start)
    found = found or _in_letters(file)
    return found, codec or found, len(mark)


def _refuse_noise(start: bytes) -> None:
    if len(start) - len(start.translate(None, CONTROLS)) > len(start) / 20:
        what = "NUL characters" if b"\0" in start else "control characters"
        raise Unreadable(f"This file holds {what}: it is damaged, or no text. Please export it again.")


def _in_zeros(start: bytes) -> tuple[str, str] | None:
    """UTF-16 shows in its zeros: every second byte, of letters that everybody uses."""
    for first, codec in ((1, "utf-16-le"), (0, "utf-16-be")):
        if start[first::2].count(0) > len(start) / 4 and not start[1 - first :: 2].count(0):
            return "utf-16", codec
    return None


def _in_letters(file: Arrived) -> str:
    """Told by the first piece that has more than ASCII in it."""
    piece = next((piece for piece in file.pieces() if not piece.isascii()), b"")
    text = piece.decode("utf-8", "replace")
    lost = text.count("\ufffd")
    strange = sum(letter > "\x7f" for letter in text) - lost if lost else 1
    # Few letters that are none among many that are: this is UTF-8 with a fault, whose row is told.
    return "utf-8" if strange > 20 * lost else _likely(piece)


def _likely(piece: bytes) -> str:
    lines = b"\n".join(line for line in piece[: 20 * SAMPLE].split(b"\n") if not line.isascii())[:SAMPLE]
    best = from_bytes(lines, cp_isolation=[*ENCODINGS]).best()
    found = best.encoding if best else ""
    if found in ENCODINGS and found not in WESTERN + SCRIPTS:
        return found
    # Letters of other scripts stand in words of their own, those of Latin ones among plain letters.
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", lines)]
    group = SCRIPTS if 2 * sum(length for length in runs if length > 2) > sum(runs) else WESTERN
    sense = {encoding: _letters(lines.decode(encoding, "replace")) for encoding in group}
    likely = [encoding for encoding in group if sense[encoding] == max(sense.values())]
    return found if group is SCRIPTS and found in likely else likely[0]


def _letters(text: str) -> int:
    """How much of what is not ASCII are letters of fitting case, and signs that stand among words."""
    around = zip(f" {text}", text, f"{text[1:]} ", strict=False)
    return sum(
        (c.isalpha() and c not in STRANGE and not (before.islower() and c.isupper()))
        or (c in SIGNS and (c in "’–" or not before.isalpha() or not after.isalpha()))
        for before, c, after in around
        if c > "\x7f"
    )


def _texts(file: Arrived, codec: str, start: int, spoken: str) -> Iterator[str]:
    """The text, "\\n" alone at its lines' ends. What can't be read ends it, behind all that can. Raises _Broken."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(codec)(), translate=True)
    for piece in chain(file.pieces(start), [b""]):
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(codec, "ignore")
            yield good.replace("\r\n", "\n").replace("\r", "\n")
            raise _Broken(
                f"holds letters that can’t be read as {spoken}. Choose another encoding, or save the file as “CSV "
                "UTF-8”."
            ) from None
        if "\0" in text:
            yield text.partition("\0")[0]
            raise _Broken("holds NUL characters: the file is damaged, or no text. Please export it again.")
        yield text


# -- the sign that separates ------------------------------------------------------------------------------------


def _head(texts: Iterator[str]) -> str:
    """As much as a header may take. Raises Unreadable."""
    head = ""
    try:
        for text in texts:
            head += text
            if len(head) > LONGEST_HEADER:
                break
    except _Broken as reason:  # in a later row, whoever reads that far is told
        if not head.strip():
            raise Unreadable(f"Row 1 {reason}") from None
    head = head.lstrip("\n")[:LONGEST_HEADER]
    if not head.strip(string.whitespace + "".join(SEPARATORS)):
        raise Unreadable("This file is empty.")
    if len(head) == LONGEST_HEADER and "\n" not in head:
        raise Unreadable(f"The first row is longer than {LONGEST_HEADER:,} characters.")
    return head


def _separator(head: str) -> str:
    told = SEP.match(head)
    if told and told[1] in SEPARATORS:
        return told[1]
    whole = head.rpartition("\n")[0] if len(head) == LONGEST_HEADER else head
    return max(SEPARATORS, key=partial(_sense, whole))


def _sense(text: str, separator: str) -> tuple[int, bool, float, int]:
    """How much sense the first rows make: fields that are known, more than one column, rows of one width."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        for cells in csv.reader(io.StringIO(text), delimiter=separator, strict=True):
            if any(cells):
                rows.append(cells)
            if len(rows) == HEADER_WITHIN:
                break
    number, header, _ = header_among(enumerate(rows, start=1)) or (0, [], False)
    alike = [len(cells) == len(header) for cells in rows[number - 1 :]]
    known = sum(map(bool, columns.fields_of(header[:1000])))
    return known, len(header) > 1, sum(alike) / max(len(alike), 1), len(header)


# -- records ----------------------------------------------------------------------------------------------------


class Records:
    """(number, cells) of all records, of which no more than one is ever held. Raises Unreadable."""

    def __init__(self, texts: Iterator[str], separator: str) -> None:
        self.texts, self.separator, self.number = texts, separator, 0

    def __iter__(self) -> Rows:
        try:
            for cells in csv.reader(self._lines(), delimiter=self.separator, strict=True):
                self.number += 1
                yield self.number, cells
        except _Broken as reason:
            raise Unreadable(f"Row {self.number + 1:,} {reason}") from None
        except csv.Error as error:
            raise Unreadable(f"Row {self.number + 1:,} can’t be read: {_in_words(error)}") from error

    def _lines(self) -> Iterator[str]:
        begun, unfinished = "", 0
        for text in chain([SEP.sub("", next(self.texts, ""))], self.texts):
            lines, end, begun = (begun + text).rpartition("\n")
            number = self.number
            yield from io.StringIO(lines + end)
            unfinished = 0 if self.number > number else unfinished + len(text)
            if max(len(begun), unfinished) > LONGEST_ROW:
                raise _Broken(
                    f"is longer than {LONGEST_ROW:,} characters, or a quotation mark is never closed."
                )
        if begun:
            yield begun


def _in_words(error: csv.Error) -> str:
    if "field limit" in str(error):
        return "a cell is larger than 131,072 characters, or a quotation mark is never closed."
    if "unexpected end" in str(error):
        return "a quotation mark is never closed."
    return "its quotation marks don’t fit together."
