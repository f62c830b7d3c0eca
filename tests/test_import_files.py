"""What a file may be, and what its columns and cells mean."""

import codecs
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overlaps.imports import check
from overlaps.tables import MAX_COLUMNS, Unreadable, read

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def rows(data: bytes) -> list[list[str]]:
    return [cells for _, cells in read(data).rows()]


@pytest.mark.parametrize(
    ("encode", "read_as"),
    [
        (lambda text: text.encode(), "UTF-8"),
        (lambda text: codecs.BOM_UTF8 + text.encode(), "UTF-8"),
        (lambda text: text.encode("utf-16"), "UTF-16"),
        (lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"), "UTF-16"),
        (lambda text: text.encode("utf-16-le"), "UTF-16"),
        (lambda text: text.encode("utf-16-be"), "UTF-16"),
        (lambda text: text.encode("cp1252"), "Windows-1252 (Western European)"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_encoding_is_found_and_said(encode, read_as, line_end):
    table = read(encode(line_end.join(["Name,Domain", "Müller – Söhne,mueller.de", ""])))

    assert table.header == ["Name", "Domain"]
    assert [cells for _, cells in table.rows()] == [["Müller – Söhne", "mueller.de"]]
    assert table.read_as == f"{read_as}, separated by commas"


@pytest.mark.parametrize(
    ("separator", "word"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "bars")]
)
def test_the_separator_is_found_and_said(separator, word):
    table = read(f'Name{separator}Web site{separator}"Owner"\n"A, B; C"{separator}a.com{separator}x'.encode())

    assert table.fields == ["name", "domain", "owner_name"]
    assert [cells for _, cells in table.rows()] == [["A, B; C", "a.com", "x"]]
    assert table.read_as.endswith(f"separated by {word}")


def test_excels_own_line_is_passed_over():
    assert rows(b"sep=;\r\nName;Domain\r\nAcme;acme.com\r\n") == [["Acme", "acme.com"]]


def test_of_two_columns_for_one_field_the_better_one_counts():
    assert read(b"Website URL,Company Domain Name,Name\nx,y,z").fields == ["", "domain", "name"]


def test_a_header_that_is_there_twice_is_said():
    table = read(b"Name,Domain,name\na,b,c")
    assert table.fields == ["name", "domain", ""]
    assert table.notes == ["The column “Name” is there 2 times: the first one counts."]


HOSTILE = {
    "an image": (PNG, "This is an image, not a list"),
    "a JPEG": (b"\xff\xd8\xff\xe0" + bytes(100), "This is an image"),
    "a PDF": (b"%PDF-1.7 ...", "This is a PDF"),
    "a workbook": (b"PK\x03\x04...", "This Excel file is damaged"),
    "an old workbook": (b"\xd0\xcf\x11\xe0...", "This is an old Excel file"),
    "a web page": (b"  <!doctype html><html>", "This is a web page"),
    "compressed": (b"\x1f\x8b\x08...", "This is a compressed file"),
    "empty": (b"", "This file is empty"),
    "white": (b" \n \r\n\t\n", "This file is empty"),
    "only a mark": (codecs.BOM_UTF8, "This file is empty"),
    "only a header": (b"Name,Domain\n", "has no rows"),
    "only a header and empty rows": (b"Name,Domain\n,\n ,\n\n", "has no rows"),
    "no header that is needed": (b"Colour,Size\nred,4\n", "names no column for the company"),
    "no header at all": (b"Acme,acme.com\nGlobex,globex.com\n", "names no column for the company"),
    "NUL bytes": (b"Name,Domain\nAc\0me,acme.com\n", "holds NUL characters"),
    "NUL at the end": (b"Name,Domain\nAcme,acme.com\n" + bytes(5000), "holds NUL characters"),
    "noise": (random.Random(7).randbytes(5000), ""),
    "half a UTF-16": (codecs.BOM_UTF16_LE + b"N\0a", "Row 1 holds letters that can’t be read as UTF-16"),
    "lone surrogates": (
        codecs.BOM_UTF16_LE + b"\x00\xd8" * 50,
        "Row 1 holds letters that can’t be read as UTF-16",
    ),
    "1,000 columns": (
        ",".join(f"c{n}" for n in range(1000)).encode() + b",Name\nx",
        "more than 200 columns",
    ),
    "a million columns": (b"Name" + b"," * 1_000_000 + b"\nx", "The first row is longer than"),
    "a million columns in each separator": (
        b"Name" + b",;\t|" * 1_000_000 + b"\nx",
        "The first row is longer",
    ),
    "an unclosed quote": (
        b'Name,Domain\n"Acme,acme.com\nGlobex,globex.com\n',
        "a quotation mark is never closed",
    ),
    "an unclosed quote in the header": (b'"Name,Domain\nAcme,acme.com\n', "a quotation mark is never closed"),
    "quotes that don't fit": (b'Name,Domain\n"Ac"me,acme.com\n', "Row 2 can’t be read: its quotation marks"),
    "a huge cell": (b"Name\n" + b"x" * 200_000, "a cell is larger than 131,072"),
    "a huge cell in the header": (b"x" * 200_000 + b",Name\nx", "The first row is longer than"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_list_of_accounts_is_refused_in_a_sentence(name):
    data, words = HOSTILE[name]
    with pytest.raises(Unreadable) as refused:
        check(data)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 200


def test_too_many_rows_are_refused(settings):
    settings.IMPORT_MAX_ROWS = 3
    assert check(b"Name\na\nb\nc\n")[1] == 3
    with pytest.raises(Unreadable, match="has more than 3 rows"):
        check(b"Name\na\nb\nc\nd\n")


def test_as_many_columns_as_are_allowed():
    header = ",".join(f"c{n}" for n in range(MAX_COLUMNS - 1))
    assert len(read(f"Name,{header}\nx".encode()).header) == MAX_COLUMNS


@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_refused(data):
    try:
        table, count = check(data)
    except Unreadable as refused:
        assert str(refused)
    else:
        assert count == len(list(table.rows()))


@given(st.text(max_size=200))
def test_any_text_is_a_table_or_refused(text):
    try:
        check(b"Name,Domain\n" + text.encode("utf-8", "surrogatepass"))
    except Unreadable as refused:
        assert str(refused)
