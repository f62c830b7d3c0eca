"""What a file of separated text may be: its letters, its separator, its rows, its limits."""

import codecs
import csv
import io
import os
import random
import subprocess
import sys
import tracemalloc
from itertools import count, repeat

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from overlaps.imports import look
from overlaps.tables import ENCODINGS, MAX_COLUMNS, SEPARATORS, Unreadable, read
from tests.workbooks import book, cell, shared, sheet, strings

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def rows(given, **chosen) -> list[list[str]]:
    with read(given, **chosen) as table:
        return [cells for _, cells in table.rows()]


# -- letters ----------------------------------------------------------------------------------------------------


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
    ("encoding", "text"),
    [
        ("cp1252", "Société Générale\nCrédit Agricole\nL’Oréal\nPeña e Hijos"),
        ("cp1250", "PKO Bank Polski Spółka Akcyjna\nŻabka Łódź\nŚląskie Zakłady\nMłyn Żywiec"),
        ("cp1251", "Газпром\nЯндекс\nСбербанк России"),
        ("cp1251", "ООО Ромашка, Moscow"),
        ("mac_roman", "Société Générale\nCrédit Agricole\nL’Oréal"),
        ("cp850", "Größte Bäckerei\nMüller Söhne GmbH, Köln"),
        ("cp1252", "Köln Ärzte GmbH, Köln\nÖÄÜ AG"),
        ("cp1253", "Εθνική Τράπεζα\nΤράπεζα Πειραιώς"),
        ("cp932", "トヨタ自動車株式会社\nソニーグループ株式会社"),
        ("gb18030", "中国石油天然气集团有限公司\n华为技术有限公司"),
        ("big5", "台灣積體電路製造股份有限公司\n鴻海精密工業股份有限公司"),
        ("cp949", "삼성전자 주식회사\n현대자동차 주식회사"),
    ],
)
def test_older_encodings_are_found_by_their_letters(encoding, text):
    data = f"Name\n{text}".encode(encoding)
    with read(data) as table:
        assert table.encoding == encoding
        assert "\n".join(cells[0] for _, cells in table.rows()) == text


def test_the_first_letter_beyond_ascii_decides_wherever_it_stands():
    data = b"Name\n" + b"Plain and long enough %d\n" % 10**60 * 20_000 + "Müller\n".encode("cp1252")
    assert rows(data)[-1] == ["Müller"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_another_encoding_can_be_chosen(encoding):
    word = {"cp1251": "Москва", "cp1253": "Αθήνα", "cp1255": "תל אביב", "cp1256": "القاهرة"}.get(
        encoding, "Name"
    )
    with read(f"Name\n{word}\n".encode(encoding), encoding=encoding) as table:
        assert (table.encoding, [cells for _, cells in table.rows()]) == (encoding, [[word]])
        assert table.read_as.startswith(ENCODINGS[encoding])


@pytest.mark.parametrize(
    ("data", "row"),
    [
        (b"Name\n" + "Bœuf é è\n".encode() * 5_000 + b"M\xfcller\nx\n", "5,002"),
        (b"Name\n" + ("Bœuf é è" * 20 + "\n").encode() * 12_000 + b"M\xfcller\nx\n", "12,002"),
        ("Name\nx\ny\n".encode("utf-16") + b"\x00\xd8z\0", "4"),
    ],
)
def test_a_letter_that_is_none_is_told_with_its_row(data, row):
    with pytest.raises(Unreadable, match=f"^Row {row} holds letters that can’t be read as UTF-"):
        rows(data)


def test_rows_before_one_that_can_not_be_read_are_there():
    seen = []
    data = "Name\nAé\nB\nèC\n".encode() + b"\xff\n"
    with read(data, encoding="utf-8") as table, pytest.raises(Unreadable, match="Row 5"):
        for _, cells in table.rows():
            seen.append(cells[0])
    assert seen == ["Aé", "B", "èC"]


# -- the separator and the header -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("separator", "word"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "bars")]
)
def test_the_separator_is_found_and_said(separator, word):
    table = read(f'Name{separator}Web site{separator}"Owner"\n"A, B; C"{separator}a.com{separator}x'.encode())

    assert (table.separator, table.kind) == (separator, "tsv" if separator == "\t" else "csv")
    assert table.fields == ["name", "domain", "owner_name"]
    assert [cells for _, cells in table.rows()] == [["A, B; C", "a.com", "x"]]
    assert table.read_as.endswith(f"separated by {word}")


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("Farbe;Größe, in cm;Ort\nrot;4,5;Köln\nblau;5,1;Bonn", ";"),
        ("Name\nAcme, Inc.\nBirch; Sons", "|"),
        ("a|b|c\n1,2|3|4\n5,6|7|8", "|"),
        ("a;b,c,d\n1;2,3,4", ","),
    ],
)
def test_where_no_field_is_known_the_rows_decide(text, separator):
    with read(text.encode()) as table:
        assert {*map(len, (cells for _, cells in table.rows()))} == {len(table.header)}
        assert table.separator == separator or len(table.header) == 1


@pytest.mark.parametrize("separator", SEPARATORS)
def test_another_separator_can_be_chosen(separator):
    with read(b"Name,a;b\tc|d\nAcme,1;2\t3|4", separator=separator) as table:
        assert table.separator == separator
        assert table.header == [" ".join(name.split()) for name in "Name,a;b\tc|d".split(separator)]


def test_excels_own_line_is_passed_over_and_believed():
    assert rows(b"sep=;\r\nName;Domain\r\nAcme;acme.com\r\n") == [["Acme", "acme.com"]]
    assert rows(b"sep=|\nName,a|b,c,d\nAcme,x|1") == [["Acme,x", "1"]]


def test_of_two_columns_for_one_field_the_better_one_counts():
    assert read(b"Website URL,Company Domain Name,Name\nx,y,z").fields == ["", "domain", "name"]


def test_a_header_that_is_there_twice_is_said():
    table = read(b"Name,Domain,name\na,b,c")
    assert table.fields == ["name", "domain", ""]
    assert table.notes == ["The column “Name” is there 2 times: one of them can fill a field."]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("Name,Name,Name", ["Name", "Name (2)", "Name (3)"]),
        ("Name,Name (2),Name", ["Name", "Name (2)", "Name (3)"]),
        ("Name,,x,", ["Name", "Column 2", "x"]),
        ("Column 2,,x", ["Column 2", "Column 2 (2)", "x"]),
        ("\ufeffName, two  words ,'=x", ["Name", "two words", "=x"]),
        ("Name,,,,,,", ["Name"]),
        ('"two\nlines",x', ["two lines", "x"]),
        ("N" * 300, ["N" * 200]),
    ],
)
def test_every_column_has_a_name_of_its_own(header, names):
    with read(f"{header}\na,b,c".encode(), separator=",") as table:
        assert table.header == names


def test_titles_above_the_header_are_passed_over_and_said():
    with read(b"Report: all accounts\nAs of today\n\nAccount Name,Website\nAcme,acme.com\n") as table:
        assert table.header == ["Account Name", "Website"]
        assert [*table.rows()] == [(5, ["Acme", "acme.com"])]
        assert table.notes == ["Row 4 names the columns; what stands above it is left out."]


def test_a_header_that_is_known_stays_though_a_row_looks_like_one():
    assert rows(b"Name,x\nCompany,Website\n") == [["Company", "Website"]]


# -- rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name,x\na,1", [["a", "1"]]),
        ("Name,x\n\n , \na,1\n\n", [["a", "1"]]),
        ("\n\nName,x\na,1", [["a", "1"]]),
        ('Name,x\n"a\nb",1', [["a\nb", "1"]]),
        ('Name,x\n"a\r\nb",1', [["a\nb", "1"]]),
        ('Name,x\n"a ""b"" c",1', [['a "b" c', "1"]]),
        ('Name,x\na "b" c,1', [['a "b" c', "1"]]),
        ("Name,x\na", [["a"]]),
        ("Name,x\na,1,2,,", [["a", "1", "2", "", ""]]),
        ("Name,x\na\x0bb\x0cc\x1cd\x85e\u2028f,1", [["a\x0bb\x0cc\x1cd\x85e\u2028f", "1"]]),
        ("Name,x\n<b>a</b>,{}", [["<b>a</b>", "{}"]]),
        ("Name,x\n🙂 𝒜,\u202e", [["🙂 𝒜", "\u202e"]]),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_rows_are_what_stands_there_in_parts_of_any_size(text, expected, size):
    data = text.encode()
    assert rows(data[n : n + size] for n in range(0, len(data), size)) == expected


def test_rows_that_cross_the_border_of_two_pieces_are_whole(monkeypatch):
    monkeypatch.setattr("overlaps.tables.arrival.PIECE", 11)
    text = "Name,x\r\n" + "".join(f'"Müller, {n}\r\nund Söhne",{n}\r\n' for n in range(200))
    for encoding in ("utf-8", "utf-16", "cp1252"):
        found = rows(text.encode(encoding), encoding=encoding)
        assert found == [[f"Müller, {n}\nund Söhne", str(n)] for n in range(200)]


def test_rows_are_counted_as_a_spreadsheet_does():
    with read(b'Name,x\n\n"a\nb",1\nc,2\n') as table:
        assert [number for number, _ in table.rows()] == [3, 4]


def test_a_table_can_be_gone_through_again_and_by_two_at_once():
    with read(iter([b"Name\na\n", b"b\nc\n"])) as table:
        one, other = table.rows(), table.rows()
        assert [next(one), next(other), next(one), *other, *one] == [
            (2, ["a"]), (2, ["a"]), (3, ["b"]), (3, ["b"]), (4, ["c"]), (4, ["c"]),
        ]  # fmt: skip


def test_an_opened_file_is_read_where_it_lies_and_left_open():
    for file in (io.BytesIO(b"Name\nAcme\n"), SimpleUploadedFile("a.csv", b"Name\nAcme\n")):
        file.read()
        assert rows(file) == [["Acme"]]
        assert not file.closed


# -- refusals ---------------------------------------------------------------------------------------------------

HOSTILE = {
    "a GIF": (b"GIF89a" + bytes(50), "This is an image"),
    "a TIFF": (b"II*\0" + bytes(50), "This is an image"),
    "a film": (b"RIFF\0\0\0\0AVI ", "This is an image or a film"),
    "rich text": (b"{\\rtf1 Name, Domain}", "This is a text document"),
    "JSON": (b'{"name": "Acme"}', "This is JSON"),
    "a list in JSON": (b'\n [ {"name": "Acme"} ]', "This is JSON"),
    "XML": (b'<?xml version="1.0"?><Workbook/>', "This is an XML file"),
    "XML behind a mark": (codecs.BOM_UTF8 + b"<?xml version='1.0'?>", "This is an XML file"),
    "a web page called .xls": (b"<html><table><tr><td>Name</td></tr></table>", "This is a web page"),
    "a database": (b"SQLite format 3\0" + bytes(90), "This is a database"),
    "7-Zip": (b"7z\xbc\xaf\x27\x1c", "This is a compressed file"),
    "a program": (b"\x7fELF\x02\x01\x01", "This is a program"),
    "an encrypted workbook": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(900) + "EncryptedPackage".encode("utf-16-le"),
        "protected by a password",
    ),
    "only separators": (b",,,\n,,,\n", "This file is empty"),
    "only NUL": (bytes(500), "NUL characters"),
    "control characters": (b"Name\n" + b"\x01\x02\x03" * 50, "control characters"),
    "only half a letter": (b"\xef\xbb", ""),
    "a mark and half a letter": (codecs.BOM_UTF8 + b"Name\n\xe2\x82", ""),
    "an odd number of bytes in UTF-16": ("Name\nAcme\n".encode("utf-16") + b"A", "Row 3 holds letters"),
    "a row without end": (b"Name\n" + b"a," * 600_000, "Row 2 is longer than 1,000,000 characters"),
    "a row of lines without end": (b"Name\n" + b'"\n",' * 900_000, "Row 2 is longer than 1,000,000"),
    "a quote that swallows the rest": (b'Name\n"' + b"a\n" * 100_000, "a quotation mark is never closed"),
    "a quote that swallows a short rest": (
        b'Name,x\nA,1\n"B,2\nC,3\n',
        "Row 3 can’t be read: a quotation mark",
    ),
    "a blank stretch": (b" " * 3_000_000 + b"\nName\nAcme", "This file is empty"),
    "one word": (b"hello", "has no rows"),
    "a long word": (b"x" * 50_000, "has no rows"),
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


# Tables in which nobody but a person knows the name: prose, rows without a header.
NAMELESS = [
    b"Dear Sir,\nplease find our accounts below.\n",
    b"Acme\nGlobex\nInitech\n",
    b"Colour,Size\nred,4\n",
    b"Acme,acme.com\nGlobex,globex.com\n",
]


def check(data: bytes) -> int:
    """All rows are read. How many there are. Raises Unreadable."""
    look(data)
    with read(data) as table:
        return len(list(table.rows()))


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_list_of_accounts_is_refused_in_a_sentence(name):
    data, words = HOSTILE[name]
    with pytest.raises(Unreadable) as refused:
        check(data)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 200


def test_too_many_rows_are_refused(settings):
    settings.IMPORT_MAX_ROWS = 3
    assert check(b"Name\na\nb\nc\n") == 3
    with pytest.raises(Unreadable, match="has more than 3 rows"):
        check(b"Name\na\nb\nc\nd\n")


def test_as_many_columns_as_are_allowed():
    header = ",".join(f"c{n}" for n in range(MAX_COLUMNS - 1))
    assert len(read(f"Name,{header}\nx".encode()).header) == MAX_COLUMNS


def test_far_too_many_empty_rows_are_refused(settings):
    settings.IMPORT_MAX_ROWS = 10
    with pytest.raises(Unreadable, match="far too many empty rows"):
        check(b"Name\na\n" + b"\n" * 3_000)


@pytest.mark.parametrize("part", [b"Name\n", b"a" * 5_000, b'"', b"PK\x03\x04" * 400, bytes(5_000)])
def test_what_never_ends_is_cut_off(settings, part):
    settings.IMPORT_MAX_BYTES = 200_000
    taken = count()
    tracemalloc.start()
    with pytest.raises(Unreadable, match="larger than 195.3\xa0KB, which is the most"):
        read(part for _ in zip(repeat(None), taken))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert next(taken) <= 200_000 // len(part) + 3
    assert peak < 5_000_000


def test_a_file_that_is_opened_has_the_same_limit(settings):
    settings.IMPORT_MAX_BYTES = 10
    for given_ in (b"Name\nAcme Inc\n", io.BytesIO(b"Name\nAcme Inc\n"), [b"Name\n", b"Acme Inc\n"]):
        with pytest.raises(Unreadable, match="larger than"):
            read(given_)


MEASURED = """
import resource, sys
import django
django.setup()
from django.conf import settings
from overlaps.cells import Check
from overlaps.columns import Mapping, survey
from overlaps.tables import read

def text(count):
    yield b"Company name,Company Domain Name,Lifecycle Stage,Notes,Owner\\n"
    for n in range(count):
        yield b'"Company %d, Inc",company%d.com,lead,"%s\\n%d",Owner %d\\n' % (n, n, b"%d " % n * 300, n, n)

def use(given):
    with read(given) as table:
        survey(table.header, table.rows())
        check = Check(table.header, Mapping.proposed(table.recognised))
        for number, cells in table.rows():
            check.values_of(number, cells)
        return number

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

settings.IMPORT_MAX_BYTES = 10**9
use(text(3_000))
few = peak()
assert use(text(15_000)) == use(open(sys.argv[1], "rb")) == 15_001
print(peak() - few)
"""


def test_memory_does_not_grow_with_the_rows(tmp_path):
    many = tmp_path / "many.xlsx"
    texts = [random.Random(n).randbytes(700).hex() for n in range(15_000)]
    lines = [[cell("Name", inline=True), cell("Domain")], *([shared(n), cell(n)] for n in range(15_000))]
    many.write_bytes(book(sheet(lines), sst=strings(*texts)))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(many)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
    )
    assert int(done.stdout or -1) in range(15), done.stderr  # MB; each of the files holds 30


# -- whatever comes ---------------------------------------------------------------------------------------------


@hypothesis_settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_refused(data):
    try:
        assert check(data) == look(data)["rows_total"]
    except Unreadable as refused:
        assert str(refused)


@hypothesis_settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_table_or_refused(text):
    try:
        check(b"Name,Domain\n" + text.encode("utf-8", "surrogatepass"))
    except Unreadable as refused:
        assert str(refused)


LETTERS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\r\n\t"), max_size=8
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.lists(LETTERS, min_size=2, max_size=4),
        max_size=5,
    ),
    st.sampled_from([*SEPARATORS]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_is_what_is_read(lines, separator, encoding):
    out = io.StringIO()
    csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([["Name", "Domain"], *lines])
    chosen = {"encoding": encoding.removesuffix("-sig"), "separator": separator}
    expected = [[cell.replace("\r\n", "\n").replace("\r", "\n") for cell in line] for line in lines]
    assert rows(out.getvalue().encode(encoding), **chosen) == [
        line for line in expected if any(map(str.strip, line))
    ]


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    st.lists(st.binary(max_size=60), max_size=6),
    st.sampled_from([None, *ENCODINGS]),
    st.sampled_from([None, *SEPARATORS]),
)
def test_any_parts_under_any_choice_are_a_table_or_refused(parts, encoding, separator):
    try:
        with read(parts, encoding=encoding, separator=separator) as table:
            assert table.header and len({*table.header}) == len(table.header)
            assert all(
                isinstance(cell, str) and "\0" not in cell for _, cells in table.rows() for cell in cells
            )
    except Unreadable as refused:
        assert 0 < len(str(refused)) < 200
