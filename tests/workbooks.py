"""Workbooks made by hand: as Excel writes them, and as nobody should."""

import io
import zipfile
from collections.abc import Iterable
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
# Formats of cells by their number: 0 a number, 1 a day, 2 a day and a time, 3 a time, 4 a duration, 5 money.
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
    '<numFmt numFmtId="165" formatCode="[$-409]d/m/yy h:mm AM/PM;@"/><numFmt numFmtId="166" formatCode="[h]:mm"/>'
    '<numFmt numFmtId="167" formatCode="#,##0.00 &quot;days&quot;"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/>'
    '<xf numFmtId="165"/><xf numFmtId="20"/><xf numFmtId="166"/><xf numFmtId="167"/></cellXfs></styleSheet>'
)


def cell(value: str | int | float | bool | None, *, style: int | None = None, inline: bool = False) -> str:
    """Text becomes the text of a formula that was computed, or stands inline."""
    said = f' s="{style}"' if style is not None else ""
    if value is None:
        return f"<c{said}/>"
    if isinstance(value, bool):
        return f'<c{said} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f"<c{said}><v>{value!r}</v></c>"
    if inline:
        return f'<c{said} t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c{said} t="str"><v>{escape(value)}</v></c>'


def shared(number: int) -> str:
    return f'<c t="s"><v>{number}</v></c>'


def sheet(rows: Iterable[Iterable[str]]) -> str:
    """Of cells as XML."""
    inside = "".join(f"<row>{''.join(cells)}</row>" for cells in rows)
    return f'<worksheet xmlns="{MAIN}"><sheetData>{inside}</sheetData></worksheet>'


def values(*rows: Iterable) -> str:
    return sheet([cell(value) for value in row] for row in rows)


def strings(*texts: str) -> str:
    return f'<sst xmlns="{MAIN}">{"".join(f"<si><t>{escape(text)}</t></si>" for text in texts)}</sst>'


def book(
    *sheets: str | bytes,
    names: Iterable[str] = (),
    states: Iterable[str] = (),
    sst: str | bytes = "",
    since_1904: bool = False,
    compression: int = zipfile.ZIP_DEFLATED,
    more: dict[str, str | bytes] | None = None,
) -> bytes:
    """`more` adds parts, or replaces them; what is None there is left out."""
    names = [*names] or [f"Sheet{n}" for n in range(1, len(sheets) + 1)]
    states = [*states] or ["visible"] * len(sheets)
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" state="{state}" r:id="rId{n}"/>'
        for n, (name, state) in enumerate(zip(names, states, strict=True), start=1)
    )
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    parts: dict[str, str | bytes | None] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr date1904="{int(since_1904)}"/>'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{related}'
        f'<Relationship Id="rIdT" Type="{OFFICE}/styles" Target="styles.xml"/>'
        f'<Relationship Id="rIdS" Type="{OFFICE}/sharedStrings" Target="/xl/sharedStrings.xml"/></Relationships>',
        "xl/styles.xml": STYLES,
        "xl/sharedStrings.xml": sst or strings(),
        **{f"xl/worksheets/sheet{n}.xml": text for n, text in enumerate(sheets, start=1)},
        **(more or {}),
    }
    return archive(parts, compression=compression)


def archive(parts: dict[str, str | bytes | None], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        for name, text in parts.items():
            if text is not None:
                file.writestr(name, text)
    return out.getvalue()
