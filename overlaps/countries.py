"""Countries by what people call them. Pure functions."""

import re
from functools import cache, lru_cache
from pathlib import Path

FILE = Path(__file__).resolve().parent / "data" / "countries.txt"


@lru_cache(maxsize=4096)
def country_code(text: str) -> str:
    """ISO code of a country's code or name; "" if it is not known."""
    return _codes().get(_simple(text), "")


@cache
def countries() -> list[tuple[str, str]]:
    """Code and name, by name, for a select."""
    return sorted(((code, names[0]) for code, *names in _lines() if names), key=lambda pair: pair[1])


@cache
def _codes() -> dict[str, str]:
    return {_simple(name): line[0] for line in _lines() for name in line}


def _lines() -> list[list[str]]:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def _simple(text: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", text[:100].casefold()).split())
