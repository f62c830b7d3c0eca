"""What the cells of a row mean: checked values, or problems that say how they can be repaired. Pure functions."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Mapped
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, Self

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from overlaps.columns import CUSTOM, LABELS, SKIP, Mapping, is_target, plain, propose_population, simple
from overlaps.countries import country_code
from overlaps.keys import domain_of
from overlaps.numbers import number_key
from partners.models import Population

LENGTHS = {
    "name": 200,
    "domain": 2000,
    "country": 100,
    "population": 100,
    "owner_name": 200,
    "owner_email": 254,
    "stage": 100,
    "contact_name": 200,
    "contact_email": 254,
    "record_id": 100,
    "industry": 100,
    "company_number": 50,
}
LONGEST_CUSTOM = 1000
MOST_TAGS, LONGEST_TAG, LONGEST_TAGS = 20, 40, 5_000
LARGEST = Decimal(10) ** 12
# What exports write where there is nothing.
NOTHING = frozenset(
    "#n/a #ref! #value! #name? #null! #div/0! #num! n/a n.a. null (null) none nan nil undefined "
    "- -- – — ? . [] {}".split()
)


# -- problems ---------------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """What a problem's code stands for. An error rejects the row; a warning leaves the value out."""

    is_error: bool
    title: str  # behind "9 rows: "
    sentence: str  # of one value
    repairs: tuple[str, ...]  # what may be chosen for all of the kind, besides another value for each


# What may be chosen for a code, as it is kept in `Corrections.choices`; USE stands before a value.
EMPTY, SKIP_ROWS, CUT, FIT, USE = "empty", "skip", "cut", "fit", "use:"
REPAIRS = {
    EMPTY: "Leave the field empty",
    SKIP_ROWS: "Skip these rows",
    USE: "Use this value instead",
    CUT: "Shorten the text",
    FIT: "Take the cells that are there",
}
_VALUE = (EMPTY, USE, SKIP_ROWS)
KINDS = {
    "no_name": Kind(
        True, "neither a name nor a domain", "It has neither a name nor a company’s own domain.", (SKIP_ROWS,)
    ),
    "wrong_cell_count": Kind(True, "another number of cells than columns", "It has {raw}.", (FIT, SKIP_ROWS)),
    "too_long": Kind(
        True, "a text is too long", "{label} is longer than {limit:,} characters.", (CUT, *_VALUE)
    ),
    "unknown_population": Kind(
        True,
        "the population is not known",
        "The population “{raw}” is not known: Customers, Open opportunities or Prospects.",
        _VALUE,
    ),
    "bad_amount": Kind(True, "the amount is not a number", "The amount “{raw}” is not a number.", _VALUE),
    "large_amount": Kind(True, "the amount is too large", "The amount “{raw}” is too large.", _VALUE),
    "bad_email": Kind(
        True, "an e-mail is not an address", "The {label_inside} “{raw}” is not an address.", _VALUE
    ),
    "mail_provider": Kind(
        False,
        "the domain is a mail provider’s",
        "“{raw}” is a mail provider’s, not the company’s own, so it matches nothing.",
        _VALUE,
    ),
    "hosting_domain": Kind(
        False,
        "the domain is a platform’s",
        "“{raw}” is a platform’s, not the company’s own, so it matches nothing.",
        _VALUE,
    ),
    "bad_domain": Kind(False, "the domain is none", "“{raw}” is no domain and is left out.", _VALUE),
    "unknown_country": Kind(
        False, "the country is not known", "The country “{raw}” is not known and is left out.", _VALUE
    ),
    "bad_number": Kind(
        False, "the number of employees is not a number", "“{raw}” is no number of employees.", _VALUE
    ),
    "bad_company_number": Kind(
        False,
        "the company number can’t be right",
        "“{raw}” can’t be right: a digit is wrong, or missing. It is left out.",
        _VALUE,
    ),
    "shortened": Kind(
        False, "a text was shortened", "{label} was shortened to {limit:,} characters.", _VALUE
    ),
    "duplicate_in_file": Kind(
        True, "the same company twice", "It is the same account as row {raw}.", (SKIP_ROWS,)
    ),
}
LONGEST_RAW = 200


class Problem(NamedTuple):
    code: str
    field: str  # a key of LABELS, CUSTOM + a name, or ""
    raw: str  # what stands there, as `Corrections.values` knows it

    @property
    def is_error(self) -> bool:
        return KINDS[self.code].is_error

    @property
    def label(self) -> str:
        return label_of(self.field)

    @property
    def sentence(self) -> str:
        raw = self.raw if len(self.raw) <= 60 else f"{self.raw[:60]}…"
        limit = LONGEST_CUSTOM if self.field.startswith(CUSTOM) else LENGTHS.get(self.field, LONGEST_TAG)
        return KINDS[self.code].sentence.format(
            raw=raw, label=self.label, label_inside=self.label[:1].lower() + self.label[1:], limit=limit
        )


def label_of(field: str) -> str:
    return LABELS.get(field, field.removeprefix(CUSTOM))


class Group(NamedTuple):
    """Rows with one problem in one field, and the values that stand there."""

    code: str
    field: str
    rows: int
    values: list[tuple[str, int]]  # the most frequent ones
    numbers: list[int]  # of the first rows

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]


class Findings:
    """Problems counted by what repairs them, while rows go by. It stays small, whatever the file."""

    MOST_VALUES = 500
    FIRST = 20

    def __init__(self) -> None:
        self.rows: Counter[tuple[str, str]] = Counter()
        self.values: dict[tuple[str, str], Counter[str]] = {}
        self.numbers: dict[tuple[str, str], list[int]] = {}

    def add(self, number: int, problems: Iterable[Problem]) -> None:
        for code, name, raw in problems:
            key = (code, name)
            self.rows[key] += 1
            values = self.values.setdefault(key, Counter())
            if raw in values or len(values) < self.MOST_VALUES:
                values[raw] += 1
            numbers = self.numbers.setdefault(key, [])
            if len(numbers) < self.FIRST:
                numbers.append(number)

    def groups(self) -> list[Group]:
        """Errors first, then by how many rows they have."""
        found = [
            Group(code, name, rows, self.values[code, name].most_common(20), self.numbers[code, name])
            for (code, name), rows in self.rows.items()
        ]
        return sorted(
            found, key=lambda group: (not group.kind.is_error, -group.rows, group.code, group.field)
        )


@dataclass(frozen=True)
class Corrections:
    """What the person decided on problems. `as_json` and back."""

    values: Mapped[str, Mapped[str, str]] = field(
        default_factory=dict
    )  # field -> Problem.raw -> value instead
    choices: Mapped[str, str] = field(default_factory=dict)  # code -> one of its repairs, USE + a value
    rows: Mapped[int, Mapped[str, str]] = field(default_factory=dict)  # number of a row -> field -> value

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises ValueError."""
        try:
            rows = {int(number): dict(fields) for number, fields in value["rows"].items()}
            values = {name: dict(replaced) for name, replaced in value["values"].items()}
            corrections = cls(values, dict(value["choices"]), rows)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError("These are no corrections.") from error
        corrections._check()
        return corrections

    def _check(self) -> None:
        inner = [*self.values.values(), *self.rows.values()]
        texts = [*self.choices.values(), *(text for one in inner for pair in one.items() for text in pair)]
        names = {*self.values, *(name for fields in self.rows.values() for name in fields)}
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("These are no corrections.")
        if unknown := [name for name in names if not is_target(name)]:
            raise ValueError(f"There is no field “{unknown[0]}”.")
        for code, choice in self.choices.items():
            if code not in KINDS or (USE if choice.startswith(USE) else choice) not in KINDS[code].repairs:
                raise ValueError(f"“{choice}” is no repair of “{code}”.")


# -- what a cell means ------------------------------------------------------------------------------------------


class Wrong(NamedTuple):
    """In place of a value."""

    code: str
    kept: Any = None  # what is taken all the same, where this is a warning
    cut: str = ""  # what CUT takes instead


def _text(limit: int, cell: str) -> Any:
    text = plain(cell)
    if len(text) > limit:
        return Wrong("too_long", cut=text[:limit])
    return "" if len(text) < 12 and text.casefold() in NOTHING else text


def _population(cell: str) -> Any:
    """As a person says it. What it means in a column of a file, the mapping decides."""
    text = _text(LENGTHS["population"], cell)
    known = not text or isinstance(text, Wrong) or propose_population(text)
    return text if known else Wrong("unknown_population")


def _custom(cell: str) -> Any:
    text = plain(cell)
    return text if len(text) <= LONGEST_CUSTOM else Wrong("shortened", kept=text[:LONGEST_CUSTOM].strip())


NO_DOMAIN = {"", "no_domain", "unknown_suffix", "ip_address"}


def _domain(cell: str) -> Any:
    """(what is shown, what is matched)"""
    text = _text(LENGTHS["domain"], cell)
    if not text or isinstance(text, Wrong):
        return text or None
    key, problem = domain_of(text)
    if key:
        return key, key
    if problem in NO_DOMAIN:
        return Wrong("bad_domain")
    return Wrong(problem if problem == "mail_provider" else "hosting_domain", kept=(text[:253], ""))


def _country(cell: str) -> Any:
    text = _text(LENGTHS["country"], cell)
    return text if not text or isinstance(text, Wrong) else country_code(text) or Wrong("unknown_country")


# The addresses that nearly everybody has: each of them is valid for Django, too.
ADDRESS = re.compile(
    r"[a-z0-9_+-]+(\.[a-z0-9_+-]+)*@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}", re.I | re.A
)


def _email(cell: str) -> Any:
    if len(cell) <= LENGTHS["contact_email"] and ADDRESS.fullmatch(cell):
        return cell
    text = _text(LENGTHS["contact_email"], cell)
    if text and not isinstance(text, Wrong):
        try:
            validate_email(text)
        except ValidationError:
            return Wrong("bad_email")
    return text


RANGE = re.compile(
    r"[<>~]?\s*(\d[\d,. '’]*?)([.,]0+)?\s*(\+|(-|–|—|to)\s*\d[\d,. '’]*)?(\s*employees)?", re.I | re.A
)


def _employees(cell: str) -> Any:
    """Of a range, such as 51-200, its low end."""
    text = plain(cell)
    if text.casefold() in NOTHING:
        return None
    found = RANGE.fullmatch(text) if len(text) <= 60 else None
    number = re.sub(r"\D", "", found[1]) if found else ""
    return int(number) if 0 < len(number) < 10 else Wrong("bad_number")


def _tags(cell: str) -> Any:
    texts = [text for part in re.split(r"[;,|\n]", cell[:LONGEST_TAGS]) if (text := plain(part))]
    tags = list(
        {text[:LONGEST_TAG].strip().casefold(): text[:LONGEST_TAG].strip() for text in texts}.values()
    )
    fits = (
        len(cell) <= LONGEST_TAGS
        and len(tags) <= MOST_TAGS
        and max(map(len, texts), default=0) <= LONGEST_TAG
    )
    return tags or None if fits else Wrong("shortened", kept=tags[:MOST_TAGS])


# -- money ------------------------------------------------------------------------------------------------------

SIGNS = {
    **{
        "€": "EUR",
        "£": "GBP",
        "₹": "INR",
        "₩": "KRW",
        "₽": "RUB",
        "₺": "TRY",
        "₴": "UAH",
        "₪": "ILS",
        "zł": "PLN",
    },
    **{
        "R$": "BRL",
        "US$": "USD",
        "C$": "CAD",
        "CA$": "CAD",
        "A$": "AUD",
        "AU$": "AUD",
        "NZ$": "NZD",
        "S$": "SGD",
    },
    **{"HK$": "HKD", "US": "USD", "Fr.": "CHF", "SFr.": "CHF", "kr.": "kr"},
}
SIGN = r"[A-Z]{3}|[A-Z]{0,2}\$|[€£¥₹₩₽₺₴₪]|zł|kr\.?|S?Fr\.|US"
MONEY = re.compile(
    rf"(?P<before>{SIGN})?\s*(?P<dollar>[$€£¥])?\s*(?P<digits>[-\d.,\s'’]+?)\s*(?P<sign>[$€£¥])?\s*(?P<after>{SIGN})?",
    re.A,
)
DIGITS = re.compile(r"-?\d(?:[\d.,]*\d)?", re.A)
BARE = re.compile(r"\d{1,12}(?:\.\d{1,2})?", re.A)  # as most systems write it


class Money(NamedTuple):
    amount: Decimal
    currency: str  # ISO code; the sign itself where several countries have it; "" if none stands there


def _amount(cell: str) -> Any:
    """`1,234.50`, `1.234,50`, `€ 84 000`, `(12)`. One separator with three digits behind it separates thousands."""
    if BARE.fullmatch(cell):
        return Money(Decimal(cell), "")
    text = plain(cell)
    if text.casefold() in NOTHING:
        return None
    if text.startswith("(") and text.endswith(")"):
        text = f"-{text[1:-1]}"
    return _money(text)


def _money(text: str) -> Any:
    minus = "-" if re.match(r"[-−]\s*\D", text) else ""
    found = MONEY.fullmatch(text[len(minus) :].strip().replace("−", "-")) if len(text) <= 80 else None
    digits = minus + re.sub(r"[\s'’]", "", found["digits"]) if found else ""
    if len(digits) > 40 or not DIGITS.fullmatch(digits):
        return Wrong("bad_amount")
    whole, decimals = _split_decimals(digits)
    amount = Decimal(re.sub(r"[.,]", "", whole) + "." + (decimals or "0"))
    if abs(amount) < LARGEST:
        amount = amount.quantize(Decimal("0.01"))
    if abs(amount) >= LARGEST:
        return Wrong("large_amount")
    return Money(
        amount, _currency_of(found["before"] or found["dollar"] or found["after"] or found["sign"] or "")
    )


def _split_decimals(digits: str) -> tuple[str, str]:
    point = max(digits.rfind("."), digits.rfind(","))
    sign = digits[point]
    if point < 0 or digits.count(sign) > 1:
        return digits, ""
    alone = len(set(digits) & {".", ","}) == 1
    if alone and len(digits) - point == 4:
        return digits, ""
    return digits[:point], digits[point + 1 :]


def _currency_of(sign: str) -> str:
    return SIGNS.get(sign, sign)


def _currency(cell: str) -> str:
    """A code or a sign; what is neither says nothing."""
    text = plain(cell)
    code = re.match(r"[A-Za-z]{3}\b", text)
    return code[0].upper() if code else _currency_of(text) if re.fullmatch(SIGN, text) else ""


# -- company numbers --------------------------------------------------------------------------------------------


SCHEMES = {
    "LEI": "lei|legal entity identifier",
    "DUNS": "d u n s|duns|dunsnumber",
    "VAT": "vat|ust id|ust idnr|umsatzsteuer id|tva|partita iva|p iva",
}


def scheme_of(name: str) -> str:
    """By the name of a column, or what stands before a number."""
    words = f" {simple(name)} "
    return next((scheme for scheme, known in SCHEMES.items() if re.search(f" ({known}) ", words)), "")


def _company_number(scheme: str, cell: str) -> Any:
    """As it stands there, the scheme before it if one is said: `DUNS 15-048-3782`."""
    text = _text(50, cell)
    if not text or isinstance(text, Wrong):
        return text
    if found := re.fullmatch(r"(LEI|D-U-N-S|DUNS|VAT)[\s:]+(.+)", text, re.I):
        scheme, text = scheme_of(found[1]), found[2]
    if scheme == "DUNS" and re.fullmatch(r"\d{7,8}", text, re.A):
        text = text.zfill(9)  # a spreadsheet takes zeros away
    said = f"{scheme} {text}".strip()
    # The others may need the row's country.
    return Wrong("bad_company_number") if scheme in {"LEI", "DUNS"} and not number_key(said) else said


# -- readers ----------------------------------------------------------------------------------------------------

Reader = Callable[[str], Any]  # a value, None or "" where the cell says nothing, or Wrong
READERS: dict[str, Reader] = {
    **{name: partial(_text, LENGTHS[name]) for name in ("name", "owner_name", "stage", "contact_name")},
    **{name: partial(_text, LENGTHS[name]) for name in ("record_id", "industry")},
    "population": _population,
    "domain": _domain,
    "country": _country,
    "amount": _amount,
    "currency": _currency,
    "owner_email": _email,
    "contact_email": _email,
    "tags": _tags,
    "employees": _employees,
}
REPEATED = {
    "country",
    "population",
    "stage",
    "owner_name",
    "owner_email",
    "currency",
    "industry",
    "employees",
    "tags",
}


class Known(dict):
    """What cells that repeat were read as. Forgotten when there are many: no file makes it grow."""

    MOST, LONGEST = 5_000, 200

    def __init__(self, read: Reader) -> None:
        super().__init__()
        self.read = read

    def __missing__(self, cell: str) -> Any:
        value = self.read(cell)
        if len(cell) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[cell] = value
        return value


def reader_of(target: str, *, column: str = "") -> Reader:
    """For a field, or CUSTOM and a name."""
    if target == "company_number":
        return partial(_company_number, scheme_of(column))
    return READERS.get(target, _custom)


def problem_of(target: str, text: str, *, column: str = "") -> Problem | None:
    """What is wrong with a value that a person typed for a field."""
    value = reader_of(target, column=column)(text)
    return Problem(value.code, target, _raw(text)) if isinstance(value, Wrong) else None


def _raw(cell: str) -> str:
    return plain(cell)[:LONGEST_RAW]


def _corrected(read: Reader, instead: Mapped[str, str], cell: str) -> Any:
    return read(instead.get(_raw(cell), cell))


# -- rows -------------------------------------------------------------------------------------------------------

# What an account is to have; None, "" or nothing where the row says nothing.
BLANK = {
    **dict.fromkeys(
        ("name", "domain", "domain_key", "country", "population", "owner_name", "owner_email"), ""
    ),
    **dict.fromkeys(("stage", "currency", "contact_name", "contact_email", "record_id", "industry"), ""),
    "company_number": "",
    **dict.fromkeys(("amount", "employees", "tags", "custom")),
}


class Checked(NamedTuple):
    """`values` is None where the row is not taken: for an error among the problems or, without one, as was chosen."""

    values: dict[str, Any] | None
    problems: list[Problem]


class _Left(Exception):
    """The row is not taken. Its arguments are the problems."""


class Check:
    """Reads the rows of one file under what the person decided. Made once for each pass."""

    def __init__(self, header: list[str], mapping: Mapping, corrections: Corrections | None = None) -> None:
        self.mapping, self.corrections, self.width = mapping, corrections or Corrections(), len(header)
        self.readers: dict[str, tuple[int, Reader]] = {}
        for place, name in enumerate(header):
            if (target := mapping.columns.get(name, "")) and target not in self.readers:
                self.readers[target] = place, self._reader(target, name)
        self.in_turn = [(place, target, read) for target, (place, read) in self.readers.items()]
        self.customs = [target for target in self.readers if target.startswith(CUSTOM)]
        self.populations = Known(mapping.population_of)

    def _reader(self, target: str, column: str) -> Reader:
        word = partial(_text, LENGTHS["population"])
        read = word if target == "population" else reader_of(target, column=column)
        if instead := self.corrections.values.get(target):
            read = partial(_corrected, read, instead)
        return Known(read).__getitem__ if target in REPEATED else read

    def values_of(self, number: int, cells: list[str]) -> Checked:
        """`number` is the row's in the file: it may have been corrected."""
        problems: list[Problem] = []
        values = BLANK.copy()
        try:
            if len(cells) != self.width:
                cells = self._fitted(cells)
            corrected = self.corrections.rows.get(number, {})
            for place, target, read in self.in_turn:
                cell = cells[place]
                if cell and target not in corrected:
                    value = read(cell)
                    if value.__class__ is Wrong:
                        value = self._judged(value, target, cell, problems)
                    if value is not None:
                        values[target] = value
            if corrected:
                self._take(corrected, values, problems)
            self._finish(values, problems)
        except _Left as left:
            return Checked(None, [*left.args])
        if problems and any(problem.is_error for problem in problems):
            return Checked(None, problems)
        return Checked(values, problems)

    def _fitted(self, cells: list[str]) -> list[str]:
        """Empty cells behind the last column are none."""
        if len(cells) > self.width and not any(map(str.strip, cells[self.width :])):
            return cells[: self.width]
        choice = self.corrections.choices.get("wrong_cell_count")
        if choice == FIT:
            return (cells + [""] * self.width)[: self.width]
        if choice == SKIP_ROWS:
            raise _Left
        count = f"{len(cells):,} cell{'s' * (len(cells) != 1)}, the first row has {self.width}"
        raise _Left(Problem("wrong_cell_count", "", count))

    def _judged(self, wrong: Wrong, target: str, cell: str, problems: list[Problem]) -> Any:
        """What is taken in place of a value that is wrong."""
        choice = self.corrections.choices.get(wrong.code, "")
        if choice == SKIP_ROWS:
            raise _Left
        if choice == EMPTY:
            return None
        instead = wrong.cut if choice == CUT else choice.removeprefix(USE) if choice.startswith(USE) else ""
        value = reader_of(target)(instead) if instead else wrong
        if value.__class__ is not Wrong:
            return value
        problems.append(Problem(wrong.code, target, _raw(cell)))
        return wrong.kept

    def _take(self, corrected: Mapped[str, str], values: dict[str, Any], problems: list[Problem]) -> None:
        for target, text in corrected.items():
            value = reader_of(target)(text)
            if value.__class__ is Wrong:
                value = self._judged(value, target, text, problems)
            values[target] = BLANK.get(target, "") if value is None else value

    def _finish(self, values: dict[str, Any], problems: list[Problem]) -> None:
        """What depends on more than one cell."""
        if values["domain"]:
            values["domain"], values["domain_key"] = values["domain"]
        if values["amount"]:
            values["amount"], currency = values["amount"]
            values["currency"] = currency or values["currency"]
        if not values["name"] and not any(problem.field == "name" for problem in problems):
            values["name"] = values["domain_key"] or self._nameless(problems)
        if values["tags"]:
            values["tags"] = [*values["tags"]]  # other rows may have the very same
        values["population"] = self._population(values["population"], values["stage"], problems)
        if self.customs or len(values) > len(BLANK):
            named = [(name, values.pop(name)) for name in [*values] if name.startswith(CUSTOM)]
            values["custom"] = {name.removeprefix(CUSTOM): text for name, text in named if text} or None

    def _nameless(self, problems: list[Problem]) -> str:
        if self.corrections.choices.get("no_name") == SKIP_ROWS:
            raise _Left
        problems.append(Problem("no_name", "", ""))
        return ""

    def _population(self, word: str, stage: str, problems: list[Problem]) -> str:
        """Population's value; "" where the row says nothing, which leaves an account that is known as it is."""
        if not word and not stage:
            return ""
        found = self.populations[word] if word else ""
        if found is None:
            instead = self._judged(Wrong("unknown_population"), "population", word, problems)
            found = self.populations[instead] if instead else ""
        found = found or self.populations[stage] or ""
        if found == SKIP:
            raise _Left
        return found


def written(values: Mapped[str, Any], *, custom: Iterable[str] = ()) -> list[str]:
    """The cells of an account under LABELS and the names of `custom`: what `Check` reads as the same values."""
    cells = {name: "" if values.get(name) is None else str(values[name]) for name in LABELS}
    cells["population"] = dict(Population.choices).get(cells["population"], "")
    cells["tags"] = "; ".join(values.get("tags") or ())
    kept = values.get("custom") or {}
    return [*cells.values(), *(kept.get(name, "") for name in custom)]
