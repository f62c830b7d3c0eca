"""The functions of the match role, by name, as the files beside this one have them.

A migration that changes one of them makes it anew from here.
"""

import re
from pathlib import Path

from overlaps.models.matchkey import MatchKey

HERE = Path(__file__).resolve().parent


def functions(*files: str) -> dict[str, str]:
    """Name to CREATE FUNCTION, in the order of the files."""
    found = {}
    for file in files:
        text = _text(file)
        for block in re.split(r"(?m)^(?=CREATE FUNCTION )", text)[1:]:
            statement = re.split(r"(?m)^(?:CREATE TRIGGER |-- )", block)[0]
            found[re.match(r"CREATE FUNCTION (\w+)", statement)[1]] = statement.strip()
    return found


def triggers(*files: str) -> dict[str, str]:
    """CREATE TRIGGER by the name of the function, which is the trigger's too."""
    text = "".join(map(_text, files))
    return {found[1]: found[0] for found in re.finditer(r"(?ms)^CREATE TRIGGER (\w+)\b.*?;", text)}


def _text(file: str) -> str:
    """With what a match key is made of put in."""
    columns = [column.strip() for column in MatchKey.COLUMNS.split(",")]
    values = {
        "{COLUMNS}": MatchKey.COLUMNS,
        "{VALUES}": MatchKey.VALUES,
        "{EXCLUDED}": ", ".join(f"excluded.{column}" for column in columns),
    }
    text = (HERE / f"{file}.sql").read_text(encoding="utf-8")
    for word, sql in values.items():
        text = text.replace(word, sql)
    return text
