"""Excel workbooks: what their cells come to, and what is refused before it does harm."""

import random
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from overlaps.cells import Check
from overlaps.columns import Mapping
from overlaps.tables import Unreadable, read
from tests.workbooks import MAIN, archive, book, cell, shared, sheet, strings, values

HEADER = ["Name", "Domain", "Amount"]
ACME = ["Acme", "acme.com", 12]


def rows(data: bytes, **chosen) -> list[list[str]]:
    with read(data, **chosen) as table:
        return [cells for _, cells in table.rows()]


def test_a_workbook_is_a_table():
    with read(book(values(HEADER, ACME, [], ["Birch", None, 3]), names=["Accounts"])) as table:
        assert (table.kind, table.header, table.read_as) == ("xlsx", HEADER, "Excel, sheet “Accounts”")
        assert [*table.rows()] == [(2, ["Acme", "acme.com", "12"]), (4, ["Birch", "", "3"])]
        assert [*table.rows()] == [*table.rows()]
        assert (table.fields, table.notes) == (["name", "domain", "amount"], [])


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (cell(12), "12"),
        (cell(12.0), "12"),
        (cell(0.1 + 0.2), "0.3"),
        (cell(1e20), "100000000000000000000"),
        (cell(-1.5), "-1.5"),
        (cell(1e-7), "0.0000001"),
        (cell(84.125), "84.1250"),  # 84.125 may be 84 thousand, in text
        (cell(True), "TRUE"),
        (cell(False), "FALSE"),
        (cell(46082, style=1), "2026-03-01"),
        (cell(46082.5, style=2), "2026-03-01 12:00:00"),
        (cell(0.5, style=3), "12:00:00"),
        (cell(5, style=1), "1900-01-05"),
        (cell(1.5, style=4), "1.5"),
        (cell(1.5, style=5), "1.5"),
        (cell(-3, style=1), "-3"),
        (cell(9e9, style=1), "9000000000"),
        (cell("a date", style=1), "a date"),
        (cell("two\nlines ", inline=True), "two\nlines "),
        (cell("_x0041__x000D_"), "A\r"),
        ('<c t="inlineStr"><is><r><t>Ri</t></r><r><t>ch</t></r><rPh><t>reading</t></rPh></is></c>', "Rich"),
        ('<c t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c t="d"><v>2026-03-01</v></c>', "2026-03-01"),
        ("<c><v>NaN</v></c>", "NaN"),
        ("<c><v>1e999</v></c>", "1e999"),
        ("<c><v>many</v></c>", "many"),
        ('<c t="s"/>', ""),
        ('<c t="str"><f>1+1</f><v>2</v></c>', "2"),
        ("<c><f>1+1</f><v>2</v></c>", "2"),
        ("<c><f>HYPERLINK(1)</f></c>", ""),
        ("<c><f>1+1</f><v/></c>", ""),
        ("<c><v><![CDATA[7]]></v></c>", "7"),
    ],
)
def test_a_cell_is_what_excel_saved(shown, text):
    assert rows(book(sheet([[cell("Name"), cell("X")], [cell("Acme"), shown]]))) == [["Acme", text]]


def test_days_may_be_counted_from_1904():
    data = book(sheet([[cell("Name")], [cell(44620, style=1)]]), since_1904=True)
    assert rows(data) == [["2026-03-01"]]


def test_formulas_without_a_saved_value_are_told():
    with read(book(sheet([[cell("Name"), cell("X")], [cell("Acme"), "<c><f>1+1</f></c>"]]))) as table:
        assert ([*table.rows()], [*table.rows()][0][1]) == ([(2, ["Acme", ""])], ["Acme", ""])
        assert table.notes == [
            "1 cell holds a formula without a saved value, read as empty: open the file in Excel, and save it."
        ]


def test_strings_are_shared_in_any_order():
    texts = [f"text {n}" for n in range(1_000)] + ["long " * 10_000, "", "ünï 🙂"]
    order = random.Random(5).sample(range(len(texts)), len(texts))
    data = book(sheet([[cell("Name")], *([shared(n)] for n in order)]), sst=strings(*texts))
    assert [cells[0] for cells in rows(data)] == [texts[n] for n in order if texts[n]]


def test_rich_strings_are_read_without_their_readings():
    sst = f'<sst xmlns="{MAIN}"><si><r><t>東</t></r><r><t>京</t></r><rPh sb="0" eb="1"><t>とう</t></rPh></si></sst>'
    assert rows(book(sheet([[cell("Name")], [shared(0)]]), sst=sst)) == [["東京"]]


def test_cells_and_rows_may_say_where_they_stand():
    header = '<row r="3"><c r="B3" t="str"><v>Name</v></c></row>'
    inside = f'{header}<row r="7"><c r="AA7"><v>1</v></c><c r="B7"><v>2</v></c></row>'
    with read(book(f"<worksheet><sheetData>{inside}</sheetData></worksheet>")) as table:
        assert (table.header, table.header_row) == (["Column 1", "Name"], 3)
        assert [*table.rows()] == [(7, ["", "2", *[""] * 24, "1"])]


def test_any_prefix_will_do():
    text = values(HEADER, ACME).replace("<", "<x:").replace("<x:/", "</x:").replace("xmlns=", "xmlns:x=")
    assert rows(book(text)) == [["Acme", "acme.com", "12"]]


def test_the_first_sheet_that_has_rows_is_read_and_another_one_can_be_chosen():
    data = book(
        values(),
        values(["Name"], ["Hidden"]),
        values(HEADER, ACME),
        values(["Company"], ["Birch"]),
        names=["Cover", "Old", "Ours", "Theirs"],
        states=["visible", "hidden", "visible", "visible"],
    )
    with read(data) as table:
        assert (table.sheet, table.sheets) == ("Ours", ["Cover", "Ours", "Theirs", "Old"])
        assert table.notes == ["This is the sheet “Ours”; not read: “Cover”, “Theirs”, “Old”."]
    assert rows(data, sheet="Theirs") == [["Birch"]]
    assert rows(data, sheet="Old") == [["Hidden"]]
    with pytest.raises(Unreadable, match="no sheet “Else”"):
        read(data, sheet="Else")
    with pytest.raises(Unreadable, match="The sheet “Cover” is empty"):
        read(data, sheet="Cover")


def test_titles_above_the_header_are_passed_over():
    with read(book(values(["Report: accounts"], ["As of today"], [], HEADER, ACME))) as table:
        assert (table.header, [*table.rows()]) == (HEADER, [(5, ["Acme", "acme.com", "12"])])
        assert table.notes == ["Row 4 names the columns; what stands above it is left out."]


def test_macros_are_no_obstacle_and_are_not_looked_at():
    assert rows(book(values(HEADER, ACME), more={"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0 macro"})) == [
        ["Acme", "acme.com", "12"]
    ]


def test_a_number_with_three_decimals_is_not_a_thousand():
    with read(book(values(HEADER, ["Acme", "acme.com", 84.125]))) as table:
        check = Check(table.header, Mapping.proposed(table.recognised))
        values_, problems = check.values_of(*next(table.rows()))
    assert (float(values_["amount"]), problems) == (84.12, [])


# -- refusals ---------------------------------------------------------------------------------------------------

DAMAGED = "This Excel file is damaged"
BOMB = "unpacks to far more"
GOOD = values(HEADER, ACME)


def _locked() -> bytes:
    data = bytearray(book(GOOD))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(mark, at + 1)) >= 0:
            data[at + place] |= 1
    return bytes(data)


def _lying(size: int) -> bytes:
    """The sheet is said to unpack to another size than it does."""
    data = bytearray(book(values(HEADER, *[ACME] * 1000)))
    at = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02"))
    while b"sheet1.xml" not in data[at : at + 80]:
        at = data.find(b"PK\x01\x02", at + 4)
    data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


def _many_entries(count: int) -> bytes:
    """A directory of contents that is all there is."""
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"x"
    end = (
        b"PK\x05\x06"
        + bytes(4)
        + struct.pack("<HHIIH", count % 65536, count % 65536, len(entry) * count, 0, 0)
    )
    return entry * count + end


def _xml(text: str) -> bytes:
    return book(f"<worksheet><sheetData>{text}</sheetData></worksheet>")


ENTITY = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FORMATS = [f'<numFmt numFmtId="{n}" formatCode="0"/>' for n in range(6_000)]
HOSTILE_BOOKS = {
    "only a beginning": (b"PK\x03\x04...", DAMAGED),
    "nothing in it": (archive({}), "This is an archive"),
    "cut off": (book(GOOD)[:-40], DAMAGED),
    "cut in the middle": (book(GOOD)[:400], DAMAGED),
    "an archive of files": (archive({"a.csv": "Name\nAcme"}), "This is an archive, not a list"),
    "a binary workbook": (archive({"xl/workbook.bin": b"x"}), "a binary Excel workbook (.xlsb)"),
    "OpenDocument": (
        archive({"mimetype": "application/vnd.oasis", "content.xml": "<a/>"}),
        "(.ods). Please open it",
    ),
    "Numbers": (archive({"Index/Document.iwa": b"x"}), "an Apple Numbers file"),
    "a text document": (archive({"word/document.xml": b"x"}), "a Word document"),
    "a presentation": (archive({"ppt/presentation.xml": b"x"}), "a presentation"),
    "a password on its parts": (_locked(), "protected by a password"),
    "no sheets": (book(), DAMAGED),
    "an empty sheet": (book(values()), "This file is empty"),
    "a sheet of empty cells": (book(sheet([["<c/>"] * 5] * 50)), "This file is empty"),
    "no list of sheets": (book(GOOD, more={"xl/workbook.xml": None}), DAMAGED),
    "no relations": (book(GOOD, more={"xl/_rels/workbook.xml.rels": None}), DAMAGED),
    "a sheet that is not there": (book(GOOD, more={"xl/worksheets/sheet1.xml": None}), DAMAGED),
    "a sheet that is no XML": (book("Name,Domain"), DAMAGED),
    "a sheet that ends too soon": (book(GOOD[:-30]), DAMAGED),
    "tags that don't fit": (_xml("<row><c></row></c>"), DAMAGED),
    "an encoding that does not exist": (book(b'<?xml version="1.0" encoding="nix"?><a/>'), DAMAGED),
    "letters that are none": (book(b"<worksheet>\xff\xfe</worksheet>"), DAMAGED),
    "entities": (book(f"{ENTITY}<worksheet>&b;</worksheet>"), DAMAGED),
    "an entity from outside": (
        book('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet>&a;</worksheet>'),
        DAMAGED,
    ),
    "a definition from outside": (book('<!DOCTYPE x SYSTEM "http://x.example/x.dtd"><worksheet/>'), DAMAGED),
    "entities among the strings": (
        book(sheet([[shared(0)]]), sst=f"{ENTITY}<sst><si><t>&b;</t></si></sst>"),
        DAMAGED,
    ),
    "entities in the list of sheets": (book(GOOD, more={"xl/workbook.xml": f"{ENTITY}<workbook/>"}), DAMAGED),
    "entities in the relations": (book(GOOD, more={"_rels/.rels": f"{ENTITY}<Relationships/>"}), DAMAGED),
    "entities in the styles": (book(GOOD, more={"xl/styles.xml": f"{ENTITY}<styleSheet/>"}), DAMAGED),
    "a format without a code": (
        book(GOOD, more={"xl/styles.xml": '<a><numFmts><numFmt numFmtId="164"/></numFmts></a>'}),
        DAMAGED,
    ),
    "formats without end": (
        book(GOOD, more={"xl/styles.xml": f"<a>{''.join(FORMATS)}</a>"}),
        DAMAGED,
    ),
    "a string that is not there": (book(sheet([[cell("Name")], [shared(7)]]), sst=strings("x")), DAMAGED),
    "a string before the first": (book(sheet([[cell("Name")], [shared(-1)]]), sst=strings("x")), DAMAGED),
    "a string of no number": (_xml('<row><c t="s"><v>x</v></c></row>'), DAMAGED),
    "a row of no number": (_xml('<row r="x"/>'), DAMAGED),
    "a row below Excel's last": (_xml('<row r="1048577"/>'), DAMAGED),
    "a column of no letters": (_xml('<row><c r="7"><v>1</v></c></row>'), DAMAGED),
    "a column behind Excel's last": (_xml('<row><c r="XFE1"><v>1</v></c></row>'), DAMAGED),
    "a column far behind": (_xml(f'<row><c r="{"Z" * 5000}1"><v>1</v></c></row>'), DAMAGED),
    "more cells than Excel has": (_xml(f"<row>{'<c/>' * 17_000}</row>"), DAMAGED),
    "too many columns": (_xml(f"<row>{cell('x') * 300}</row>"), "more than 200 columns"),
    "a large cell": (_xml(f"<row>{cell('x' * 140_000)}</row>"), "larger than 131,072 characters"),
    "a large shared string": (book(sheet([[shared(0)]]), sst=strings("x" * 140_000)), "larger than 131,072"),
    "a large tag": (_xml(f'<row x="{random.Random(1).randbytes(1_000_000).hex()}"/>'), DAMAGED),
    "tags within tags": (_xml("<a>" * 100_000), DAMAGED),
    "names without end": (
        _xml("".join(f"<a{n} b{n}='{n * 7919 % 10007}'/>" for n in range(20_000))),
        DAMAGED,
    ),
    "a bomb": (_xml("<row/>" * 3_000_000), BOMB),
    "a bomb of strings": (book(sheet([[shared(0)]]), sst=strings("x" * 8_000_000)), BOMB),
    "a bomb among the styles": (book(GOOD, more={"xl/styles.xml": "<a>" + " " * 30_000_000}), BOMB),
    "too many parts": (book(GOOD, more={f"x/{n}": "" for n in range(10_001)}), BOMB),
    "a directory of parts alone": (b"PK\x03\x04" + _many_entries(50_000), BOMB),
    "more than it says": (_lying(500), DAMAGED),
    "far more than it says": (_lying(4_000_000_000), BOMB),
    "another way of packing": (book(GOOD, compression=zipfile.ZIP_LZMA), DAMAGED),
    "yet another way": (book(GOOD, compression=zipfile.ZIP_BZIP2), DAMAGED),
    "more sheets than anybody has": (book(*[values()] * 1_001), DAMAGED),
}


@pytest.mark.parametrize("name", HOSTILE_BOOKS)
def test_what_is_no_workbook_to_be_trusted_is_refused_in_a_sentence(name):
    data, words = HOSTILE_BOOKS[name]
    tracemalloc.start()
    with pytest.raises(Unreadable) as refused, read(data) as table:
        for _ in table.rows():
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert words in str(refused.value)
    assert len(str(refused.value)) < 200
    assert peak < 20 * 1024 * 1024


def test_parts_that_nobody_reads_may_be_anything():
    more = {"xl/media/image1.png": b"\x89PNG" + bytes(9_000_000), "xl/comments1.xml": ENTITY}
    assert rows(book(GOOD, more=more)) == [["Acme", "acme.com", "12"]]


def test_too_many_rows_are_refused_on_the_way(settings):
    settings.IMPORT_MAX_ROWS = 3
    seen = []
    with (
        read(book(values(["Name"], *[["Acme"]] * 4))) as table,
        pytest.raises(Unreadable, match="more than 3 rows"),
    ):
        seen.extend(table.rows())


def test_all_that_is_unpacked_is_counted_together(settings):
    settings.IMPORT_MAX_BYTES = 6_000
    few = sheet([[cell("Name")], *([shared(n)] for n in range(200))])
    assert len(rows(book(few, sst=strings(*"x" * 200)))) == 200
    many = book(few, sst=strings(*"x" * 3_200))
    assert len(many) < settings.IMPORT_MAX_BYTES
    with pytest.raises(Unreadable, match=BOMB):
        rows(many)


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_a_workbook_with_any_change_is_a_table_or_refused(data):
    raw = bytearray(book(GOOD, sst=strings("a", "b"), compression=zipfile.ZIP_STORED))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        with read(bytes(raw)) as table:
            assert sum(1 for _ in table.rows()) <= 1
    except Unreadable as refused:
        assert str(refused)


NAMES = st.sampled_from(["row", "c", "v", "t", "is", "f", "si", "sheetData", "rPh", "x"])
VALUES = st.sampled_from(["", ' r="A1"', ' r="B7"', ' t="s"', ' t="b"', ' s="1"', ' r="2"', ' t="d"'])
TEXTS = st.recursive(
    st.text("12aA.é", max_size=5),
    lambda inner: st.builds(
        lambda tag, said, parts: f"<{tag}{said}>{''.join(parts)}</{tag}>",
        NAMES,
        VALUES,
        st.lists(inner, max_size=4),
    ),
    max_leaves=20,
)


@hypothesis_settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_any_tags_are_a_table_or_refused(text):
    for data in (_xml(text), book(sheet([[shared(0)]]), sst=f"<sst>{text}</sst>")):
        try:
            with read(data) as table:
                assert all(isinstance(value, str) for _, cells in table.rows() for value in cells)
        except Unreadable as refused:
            assert str(refused)
