"""What is no table, told by its first bytes: so that the sentence can say what to do."""

import re

from overlaps.tables.arrival import Arrived
from overlaps.tables.table import Unreadable

SAVE_AS = "In a spreadsheet, choose “Save as” and CSV or Excel workbook (.xlsx)."
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # what Office wrote before 2007, and what holds an encrypted file today
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
BEGINNINGS = [
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"II*\0", "an image"),
    (b"MM\0*", "an image"),
    (b"RIFF", "an image or a film"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "a text document"),
    (b"\x1f\x8b", "a compressed file"),
    (b"7z\xbc\xaf", "a compressed file"),
    (b"Rar!", "a compressed file"),
    (b"BZh", "a compressed file"),
    (b"\xfd7zXZ", "a compressed file"),
    (b"\x28\xb5\x2f\xfd", "a compressed file"),
    (b"SQLite format", "a database"),
    (b"PAR1", "a Parquet file"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
]
# Only at the start of text, behind white space or a mark.
WRITTEN = [
    (re.compile(rb"<\?xml", re.I), "an XML file"),
    (re.compile(rb"<"), "a web page"),
    (re.compile(rb"[{]|\[\s*[{\[\"]"), "JSON"),
]


def refuse_what_is_no_table(start: bytes, file: Arrived) -> None:
    """Raises Unreadable."""
    if start.startswith(COMPOUND[:4]):
        raise Unreadable(_old_or_locked(file))
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    kind = next((kind for beginning, kind in BEGINNINGS if start.startswith(beginning)), "") or next(
        (kind for beginning, kind in WRITTEN if beginning.match(text)), ""
    )
    if kind:
        raise Unreadable(f"This is {kind}, not a list. {SAVE_AS}")


def _old_or_locked(file: Arrived) -> str:
    tail = b""
    for piece in file.pieces():
        if ENCRYPTED in tail + piece:
            return "This Excel file is protected by a password. Please save it without one."
        tail = piece[-len(ENCRYPTED) :]
    return "This is an old Excel file (.xls). Please open it, choose “Save as”, and Excel workbook (.xlsx) or CSV."
