"""What is written for a spreadsheet: text that it shows, and never computes."""

import re
from typing import Any

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
