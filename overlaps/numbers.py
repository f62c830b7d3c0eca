"""Company numbers that registers give out, in one form each. Pure functions.

A column of numbers may be anybody's own ids: only what a scheme's form, and its check digit where it has one, makes
sure of is a number here. Everything else gives "".
"""

import re
import unicodedata
from collections.abc import Callable

SAID = re.compile(r"^(LEI|DUNS|D-U-N-S|VAT|EIN|REG|CRN)\b(?:\s?(?:NO|NR|NUMBER|ID|CODE))?[\s.:#]*")


def number_key(text: str, country: str = "") -> str:
    """ "lei:…", "duns:…", "DE-vat:…", "FR:…": the scheme, a colon, the number without signs; "" where it is none.

    `country`: the ISO code of the row, for numbers that are one country's. A scheme may be said in front of it.
    """
    text = unicodedata.normalize("NFKC", text[:80]).upper().strip()
    said, number = "", text
    if found := SAID.match(text):
        said, number = found[1].replace("-", ""), text[found.end() :]
    digits = re.sub(r"[\s.\-/]", "", number)
    if not digits.isascii() or not digits.isalnum() or not 6 <= len(digits) <= 24 or len(set(digits)) < 3:
        return ""
    if len(digits) == 20 and said in ("", "LEI") and _mod_97(digits):
        return f"lei:{digits}"
    if re.fullmatch(r"\d{9}", digits) and (
        said == "DUNS" or not said and re.fullmatch(r"\d\d-\d{3}-\d{4}", number)
    ):
        return f"duns:{digits}"
    if said in ("LEI", "DUNS"):
        return ""
    prefix = {"EL": "GR"}.get(digits[:2], digits[:2])
    if prefix in VAT and (rest := VAT[prefix](digits[2:])):
        return _own(prefix, rest) or f"{prefix}-vat:{rest}"
    if country == "US" and (said == "EIN" or re.fullmatch(r"\d\d-\d{7}", number)):
        return f"US:{digits}" if re.fullmatch(r"\d{9}", digits) else ""
    return _own(country, digits)


def _own(country: str, digits: str) -> str:
    """The number of a country's own register."""
    found = REGISTERS[country](digits) if country in REGISTERS else None
    return f"{country}:{found}" if found else ""


Check = Callable[[str], str | None]


def _form(pattern: str, check: Callable[[str], bool] | None = None) -> Check:
    """The number, or its group "n" where something stands around it."""
    form = re.compile(pattern, re.ASCII)

    def checked(digits: str) -> str | None:
        if not (found := form.fullmatch(digits)):
            return None
        number = found.groupdict().get("n") or digits
        return number if check is None or check(number) else None

    return checked


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
    return sum(n - 9 * (n > 9) for n in doubled) % 10 == 0


def _mod_97(digits: str) -> bool:
    return int("".join(str(int(sign, 36)) for sign in digits)) % 97 == 1


def _weighted(weights: list[int], modulus: int = 11, tens: int | None = None) -> Callable[[str], bool]:
    """The last digit makes the weighted sum divisible; a check of ten is not given out, or stands for `tens`."""

    def check(digits: str) -> bool:
        total = sum(w * int(d) for w, d in zip(weights, digits, strict=False))
        wanted = -total % modulus
        return (tens if wanted == 10 and tens is not None else wanted) == int(digits[-1])

    return check


def _german(digits: str) -> bool:
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def _polish(digits: str) -> bool:
    return sum(w * int(d) for w, d in zip([6, 5, 7, 2, 3, 4, 5, 6, 7], digits, strict=False)) % 11 == int(
        digits[-1]
    )


def _australian(digits: str) -> bool:
    numbers = [int(digits[0]) - 1, *map(int, digits[1:])]
    return sum(w * n for w, n in zip([10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19], numbers, strict=True)) % 89 == 0


def _brazilian(digits: str) -> str | None:
    """The company's part: the rest is a branch and the check of both."""
    if not re.fullmatch(r"\d{14}", digits, re.ASCII):
        return None
    for length in (12, 13):
        weights = [(length - n - 1) % 8 + 2 for n in range(length)]
        rest = sum(w * int(d) for w, d in zip(weights, digits, strict=False)) % 11
        if int(digits[length]) != (0 if rest < 2 else 11 - rest):
            return None
    return digits[:8]


def _japanese(digits: str) -> bool:
    total = sum(int(d) * (1 + n % 2) for n, d in enumerate(reversed(digits[1:])))
    return int(digits[0]) == 9 - total % 9


def _chinese(digits: str) -> bool:
    signs = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]
    return -sum(w * signs.index(d) for w, d in zip(weights, digits, strict=False)) % 31 == signs.index(
        digits[-1]
    )


def _spanish(number: str) -> bool:
    digits = number[1:8]
    doubled = [2 * int(d) for d in digits[::2]]
    check = -(sum(int(d) for d in digits[1::2]) + sum(n // 10 + n % 10 for n in doubled)) % 10
    return number[-1] in (str(check), "JABCDEFGHI"[check])


_swiss = _weighted([5, 4, 3, 2, 7, 6, 5, 4])
_norwegian = _weighted([3, 2, 7, 6, 5, 4, 3, 2])

# By country. Where the number for the tax is made of the register's, both are this one.
REGISTERS: dict[str, Check] = {
    "AT": _form(r"(?:FN)?(?P<n>[1-9]\d{4,5}[A-Z])"),
    "AU": _form(r"\d{11}", _australian),
    "BE": _form(r"[01]\d{9}", lambda d: 97 - int(d[:8]) % 97 == int(d[8:])),
    "BR": _brazilian,
    "CH": _form(r"(?:CHE)?(?P<n>\d{9})(?:MWST|TVA|IVA|HR)?", _swiss),
    "CN": _form(r"[0-9A-HJ-NP-RTUWXY]{18}", _chinese),
    "DK": _form(r"[1-9]\d{7}", _weighted([2, 7, 6, 5, 4, 3, 2])),
    "ES": _form(r"[ABCDEFGHJNPQRSUVW]\d{7}[0-9A-J]", _spanish),
    "FI": _form(r"\d{8}", _weighted([7, 9, 10, 5, 8, 4, 2])),
    "FR": _form(r"(?P<n>\d{9})(?:\d{5})?", _luhn),
    "GB": _form(r"[1-9]\d{7}|0[1-9]\d{6}|00[1-9]\d{5}|(?:SC|NI|OC|SO|FC|BR|NC)\d{6}"),
    "IN": _form(r"[LU]\d{5}[A-Z]{2}\d{4}[A-Z]{3}\d{6}"),
    "IT": _form(r"\d{11}", _luhn),
    "JP": _form(r"[1-9]\d{12}", _japanese),
    "NL": _form(r"[1-9]\d{7}|0[1-9]\d{6}"),
    "NO": _form(r"(?P<n>[89]\d{8})(?:MVA)?", _norwegian),
    "PT": _form(r"[5-9]\d{8}", _weighted([9, 8, 7, 6, 5, 4, 3, 2], tens=0)),
    "SE": _form(r"(?P<n>[25-9]\d{9})(?:01)?", _luhn),
    "SG": _form(r"\d{8,9}[A-Z]|[TS]\d\d[A-Z]{2}\d{4}[A-Z]"),
}
# What follows the two letters of a country.
VAT: dict[str, Check] = {
    "AT": _form(r"U\d{8}"),
    "CH": _form(r"E(?P<n>\d{9})(?:MWST|TVA|IVA)?", _swiss),
    "CZ": _form(r"\d{8,10}"),
    "DE": _form(r"[1-9]\d{8}", _german),
    "EE": _form(r"\d{9}"),
    "FR": _form(r"[0-9A-Z]{2}(?P<n>\d{9})", _luhn),
    "GB": _form(r"\d{9}"),
    "GR": _form(r"\d{9}"),
    "HR": _form(r"\d{11}"),
    "HU": _form(r"\d{8}"),
    "IE": _form(r"\d{7}[A-W][A-I]?"),
    "LT": _form(r"\d{9}|\d{12}"),
    "LU": _form(r"\d{8}", lambda d: int(d[:6]) % 89 == int(d[6:])),
    "LV": _form(r"\d{11}"),
    "NL": _form(r"\d{9}B\d\d"),
    "PL": _form(r"\d{10}", _polish),
    "RO": _form(r"\d{6,10}"),
    "SI": _form(r"\d{8}"),
    "SK": _form(r"\d{10}"),
} | {country: REGISTERS[country] for country in ("BE", "DK", "ES", "FI", "IT", "NO", "PT", "SE")}
