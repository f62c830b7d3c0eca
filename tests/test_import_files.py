"""What a file may be, and what its columns and cells mean."""

import codecs
import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spreadsheets import harmless
from overlaps.columns import BadRow, plain, values_of
from overlaps.countries import country_code
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
    assert rows(table.text.encode()) == [["A, B; C", "a.com", "x"]]
    assert table.read_as.endswith(f"separated by {word}")


def test_excels_own_line_is_passed_over():
    assert rows(b"sep=;\r\nName;Domain\r\nAcme;acme.com\r\n") == [["Acme", "acme.com"]]


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        (
            "Record ID,Company name,Company Domain Name,Lifecycle Stage,Company owner,Country/Region",
            "hubspot",
        ),
        ("Account Name,Website,Type,Account Owner,Billing Country", "salesforce"),
        (
            "Organization - Name,Organization - Website,Organization - Owner,Organization - Labels",
            "pipedrive",
        ),
        ("Record,Domains,Categories", "attio"),
        ("Company,Website,Account Owner,Company Country", "apollo"),
    ],
)
def test_the_exports_of_known_systems_are_understood(header, fields):
    found = dict(
        zip(read(f"{header}\nx\n".encode()).header, read(f"{header}\nx\n".encode()).fields, strict=True)
    )
    expected = {
        "hubspot": ["", "name", "domain", "stage", "owner_name", "country"],
        "salesforce": ["name", "domain", "stage", "owner_name", "country"],
        "pipedrive": ["name", "domain", "owner_name", "stage"],
        "attio": ["name", "domain", ""],
        "apollo": ["name", "domain", "owner_name", "country"],
    }[fields]
    assert list(found.values()) == expected


def test_of_two_columns_for_one_field_the_better_one_counts():
    assert read(b"Website URL,Company Domain Name,Name\nx,y,z").fields == ["", "domain", "name"]


def test_a_header_that_is_there_twice_is_said():
    table = read(b"Name,Domain,name\na,b,c")
    assert table.fields == ["name", "domain", ""]
    assert table.notes == ["The column “Name” is there 2 times: the first one counts."]


HOSTILE = {
    "an image": (PNG, "This is an image, not a CSV file"),
    "a JPEG": (b"\xff\xd8\xff\xe0" + bytes(100), "This is an image"),
    "a PDF": (b"%PDF-1.7 ...", "This is a PDF"),
    "a workbook": (b"PK\x03\x04...", "This is an Excel file"),
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
    "half a UTF-16": (codecs.BOM_UTF16_LE + b"N\0a", "letters of this file"),
    "lone surrogates": (codecs.BOM_UTF16_LE + b"\x00\xd8" * 50, "letters of this file"),
    "no known letters": (b"Name\n\x81\x8d\x8f\x90\x9d", "letters of this file"),
    "1,000 columns": (
        ",".join(f"c{n}" for n in range(1000)).encode() + b",Name\nx",
        "has 1,001 columns; 200",
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
    with pytest.raises(Unreadable, match="has 4 rows; 3 are the most"):
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


# -- cells ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("", None), ("0", 0), ("84000", 84000), ("84,000", 84000), ("84.000", 84000), ("1,234.50", "1234.5"),
        ("1.234,50", "1234.5"), ("1,234,567.89", "1234567.89"), ("1.234.567,89", "1234567.89"), ("1 234,5", "1234.5"),
        ("1\u00a0234,50", "1234.5"), ("1'234.50", "1234.5"), ("$84,000.00", 84000), ("€ 84 000", 84000),
        ("84 000 €", 84000), ("USD 84,000", 84000), ("84000 EUR", 84000), ("US$ 12", 12), ("-5", -5), ("12.5", "12.5"),
        ("0.5", "0.5"), ("999999999999.99", "999999999999.99"), ("1,234.567", "1234.57"),
    ],
)  # fmt: skip
def test_amounts_are_read_as_people_write_them(text, amount):
    expected = None if amount is None else Decimal(amount)
    assert values_of({"name": "Acme", "amount": text}, default="prospects")["amount"] == expected


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"name": ""}, "neither a name nor"),
        ({"name": " ", "domain": "gmail.com"}, "neither a name nor"),
        ({"domain": "N/A"}, "neither a name nor"),
        ({"name": "x" * 201}, "Name is longer than 200"),
        ({"name": "Acme", "domain": "x" * 3000}, "Domain is longer"),
        ({"name": "Acme", "stage": "x" * 101}, "Stage is longer than 100"),
        ({"name": "Acme", "amount": "12 apples"}, "is not a number"),
        ({"name": "Acme", "amount": "1e400"}, "is not a number"),
        ({"name": "Acme", "amount": "NaN"}, "is not a number"),
        ({"name": "Acme", "amount": "٣"}, "is not a number"),
        ({"name": "Acme", "amount": "9" * 41}, "is not a number"),
        ({"name": "Acme", "amount": "1000000000000"}, "is too large"),
        ({"name": "Acme", "amount": "99999999999999999999"}, "is too large"),
        ({"name": "Acme", "contact_email": "jane at acme"}, "is not an address"),
        ({"name": "Acme", "contact_email": "a@b.c\nBcc: x@y.z"}, "is not an address"),
        ({"name": "Acme", "population": "Friends"}, "is not known: Customers"),
    ],
)
def test_a_row_that_can_not_be_taken_says_why(cells, words):
    with pytest.raises(BadRow, match=words):
        values_of(cells, default="prospects")


@pytest.mark.parametrize(
    ("cells", "population"),
    [
        ({}, "customers"),
        ({"stage": "customer"}, "customers"),
        ({"stage": "Evangelist"}, "customers"),
        ({"stage": "Opportunity"}, "open_opportunities"),
        ({"stage": "marketingqualifiedlead"}, "prospects"),
        ({"stage": "Sales Qualified Lead"}, "prospects"),
        ({"stage": "Churned"}, ""),
        ({"population": "Open opportunities"}, "open_opportunities"),
        ({"population": "open_opportunities"}, "open_opportunities"),
        ({"population": "Customers", "stage": "Opportunity"}, "customers"),
        ({"population": "", "stage": "Opportunity"}, "open_opportunities"),
    ],
)
def test_the_population_comes_from_the_stage(cells, population):
    values = values_of({"name": "Acme", **cells}, default="customers")
    assert values["population"] == population


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DE"), ("de", "DE"), ("Germany", "DE"), (" deutschland ", "DE"),
        ("United States", "US"), ("U.S.A.", "US"),
        ("UK", "GB"), ("Côte d'Ivoire", "CI"), ("Atlantis", ""), ("", ""), ("Berlin, Germany", ""), ("EU", ""),
    ],
)  # fmt: skip
def test_countries_have_codes_and_names(text, code):
    assert country_code(text) == code


def test_a_name_is_taken_from_the_domain_where_there_is_none():
    values = values_of({"domain": "https://www.acme.com/about"}, default="prospects")
    assert (values["name"], values["domain"], values["domain_key"]) == ("acme.com", "acme.com", "acme.com")


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0"]
)
def test_a_formula_is_text_here_and_harmless_when_it_leaves(cell):
    assert values_of({"name": cell}, default="prospects")["name"] == cell
    assert harmless(cell) == f"'{cell}"
    assert plain(harmless(cell)) == cell


@given(st.text(max_size=60))
def test_what_is_exported_comes_in_as_it_was(text):
    once = plain(text)
    assert plain(harmless(once)) == once
    assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r", "\0"))
