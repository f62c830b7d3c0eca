"""How a workbook keeps numbers and dates, and the text that stands for them."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

# Excel's own formats, which no file defines.
DATES = {*range(14, 18), 22, *range(27, 37), *range(50, 59)}
TIMES = {18, 19, 20, 21}
MOST, MOST_OWN = 100_000, 5_000  # formats of cells, and such as a file defines; Excel's own limits are below
LONGEST_CODE = 255  # characters of a format; Excel's own limit
LAST_DAY = 2_958_465  # the end of the year 9999
# What is shown as it stands there, colours and conditions.
LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.I)


def number(text: str) -> str:
    """With a point, without an exponent, with Excel's 15 digits; three decimals get a zero behind them.

    For text says as much elsewhere: `1.234` may be a thousand there, `1.2340` can't.
    """
    if text.isdecimal():
        return text
    try:
        value = float(text)
    except ValueError:
        return text
    if value != value or value in (float("inf"), float("-inf")):
        return text
    shown = f"{value:.15g}"
    if "e" in shown:
        shown = f"{Decimal(shown):f}"
    return f"{shown}0" if re.search(r"\.\d{3}$", shown) else shown


class Formats(dict):
    """By the number of a cell's format, as text, whether a "date" or a "time" is shown. Others are not in it."""

    def __init__(self, tags: Iterable[tuple[str, dict[str, str]]], *, since_1904: bool = False) -> None:
        """Raises ValueError."""
        super().__init__()
        self.since_1904 = since_1904
        kinds = dict.fromkeys(DATES, "date") | dict.fromkeys(TIMES, "time")
        inside, place = False, 0
        for tag, values in tags:
            if tag == "numFmt":
                kinds[int(values["numFmtId"])] = _kind(values["formatCode"][:LONGEST_CODE])
            elif tag in {"cellXfs", "cellStyles", "dxfs"}:
                inside = tag == "cellXfs"
            elif tag == "xf" and inside:
                if kind := kinds.get(int(values.get("numFmtId", 0)), ""):
                    self[str(place)] = kind
                place += 1
            if place > MOST or len(kinds) > MOST_OWN:
                raise ValueError("There are more formats than Excel allows.")

    def shown(self, text: str, style: str) -> str:
        """ISO: a day, a time, or both."""
        try:
            days = float(text)
        except ValueError:
            return text
        if not 0 <= days <= LAST_DAY:
            return number(text)
        at = self._start(days) + timedelta(seconds=round(days * 86_400))
        if self[style] == "time":
            return at.time().isoformat() if days < 1 else number(text)
        return at.date().isoformat() if at.time() == at.min.time() else at.isoformat(sep=" ")

    def _start(self, days: float) -> datetime:
        if self.since_1904:
            return datetime(1904, 1, 1)
        # For Excel, 1900 was a leap year.
        return datetime(1899, 12, 31) if days < 60 else datetime(1899, 12, 30)


def _kind(code: str) -> str:
    shown = LITERAL.sub("", code.split(";")[0]).lower()
    letters = {*shown} & {*"dymhs"}
    if "[" in shown:
        return ""  # how long something took: a number
    if letters & {*"dy"} or letters == {"m"}:
        return "date"
    return "time" if letters & {*"hs"} else ""
