"""What columns are called in other systems, and what they are to fill. Pure functions."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping as Mapped
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

from core.spreadsheets import restored
from overlaps.countries import country_code
from partners.models import Population

LABELS = {
    "name": "Name",
    "domain": "Domain",
    "country": "Country",
    "population": "Population",
    "owner_name": "Owner",
    "owner_email": "Owner e-mail",
    "stage": "Stage",
    "amount": "Amount",
    "currency": "Currency",
    "contact_name": "Contact",
    "contact_email": "Contact e-mail",
    "record_id": "Record ID",
    "company_number": "Company number",
    "tags": "Tags",
    "industry": "Industry",
    "employees": "Employees",
}
# A row of the template, under LABELS.
EXAMPLE = {
    "name": "Velatra",
    "domain": "velatra.example",
    "country": "Germany",
    "population": "Open opportunities",
    "owner_name": "Ada Lovelace",
    "owner_email": "ada@acme.example",
    "stage": "Proposal",
    "amount": "84000",
    "currency": "EUR",
    "contact_name": "Vera Laan",
    "contact_email": "vera@velatra.example",
    "record_id": "0012345",
    "company_number": "",
    "tags": "Logistics; Key account",
    "industry": "Logistics",
    "employees": "250",
}
NEEDED = {"name", "domain"}  # one of them
OURS, FILE = "Cosell", "file"
LONGEST_NAME = 200  # characters of a column's name
CUSTOM = "custom:"  # before the name of a field that a workspace keeps for itself
SKIP = "skip"  # for a value of the population's column: rows that are not taken


def is_target(name: str) -> bool:
    """Whether a column can fill it."""
    return name in LABELS or (name.startswith(CUSTOM) and 0 < len(name) - len(CUSTOM) <= LONGEST_NAME)


def simple(text: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", text.casefold()).split())


def plain(cell: str) -> str:
    """One line of text; the sign that an export sets before a formula is taken off again."""
    if "'" in cell:
        cell = restored(cell)
    if not cell.isprintable():
        cell = "".join(c if c.isprintable() else " " for c in cell)
    return " ".join((cell if cell.isascii() else unicodedata.normalize("NFC", cell)).split())


# -- which column fills what ------------------------------------------------------------------------------------

# Consent is no contact, and these columns mean its opposite.
NEVER = re.compile(
    r"\b(has ?)?opt(ed)? ?(out|in)|unsubscri|consent|gdpr|do ?not ?(call|mail|email|contact)|bounce"
)


class Recognised(NamedTuple):
    """`fields` and `why` by the name of the column. A column that is not in `fields` fills nothing."""

    source: str  # "HubSpot" and the like, OURS, or FILE
    fields: dict[str, str]
    why: dict[str, str]  # the source's name, "Same name", "Guess" or "Not matched"


class Source(NamedTuple):
    marks: frozenset[str]
    names: frozenset[str]  # all that it is known to have
    fields: dict[str, tuple[str, ...]]


@cache
def sources() -> dict[str, Source]:
    """By name; "" is what people write."""
    path = Path(__file__).resolve().parent / "data" / "aliases.txt"
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    found: dict[str, dict[str, tuple[str, ...]]] = {OURS: {f: (label,) for f, label in LABELS.items()}}
    for source, name, aliases in lines:
        found.setdefault(source, {})[name] = tuple(aliases.split("|"))
    return {source: _source(names) for source, names in found.items()}


def _source(names: dict[str, tuple[str, ...]]) -> Source:
    every = frozenset(simple(alias) for aliases in names.values() for alias in aliases)
    marks = frozenset(map(simple, names.get("mark", ())))
    return Source(marks, every, {name: names[name] for name in LABELS if name in names})


def recognise(header: list[str], rows: list[list[str]] | None = None) -> Recognised:
    """What the columns are, by their names, and for what is left by the values of some rows."""
    source = _source_of(header)
    free = [name for name in header if not NEVER.search(simple(name))]
    fields: dict[str, str] = {}
    why = dict.fromkeys(header, "Not matched")
    for known, reason in ((source, source), ("", "Same name")):
        for name, target in _by_name(free, known, taken=fields):
            fields[name] = target
            why[name] = "Same name" if reason in {OURS, FILE} else reason
    for name, target in _by_values(header, free, rows or [], taken=fields):
        fields[name], why[name] = target, "Guess"
    return Recognised(source, fields, why)


def fields_of(header: list[str]) -> list[str]:
    """For each column the field that it fills by its name, or ""."""
    fields = recognise(header).fields
    return [fields.pop(name, "") for name in header]


def fingerprint(header: Iterable[str]) -> str:
    """The same for the same columns, in whichever order: what a mapping is remembered by."""
    names = "\n".join(sorted(map(simple, header)))
    return hashlib.sha256(names.encode()).hexdigest()[:32]


def _source_of(header: list[str]) -> str:
    called = {simple(name) for name in header}
    if {simple(label) for label in LABELS.values()} <= called:
        return OURS
    found = [
        (len(called & source.names), len(called & source.marks), name)
        for name, source in sources().items()
        if called & source.marks and len(called & source.names) > 1
    ]
    return max(found, key=lambda one: one[:2])[2] if found else FILE


def _by_name(names: list[str], source: str, *, taken: dict[str, str]) -> Iterable[tuple[str, str]]:
    """For each field the column whose name counts most; of several, the one that is written the same."""
    called = {name: simple(name) for name in names if name not in taken}
    for target, aliases in sources()[source].fields.items() if source in sources() else ():
        if target in taken.values():
            continue
        ranks = {simple(alias): rank for rank, alias in reversed([*enumerate(aliases)])}
        found = [name for name, word in called.items() if word in ranks and name not in taken]
        if found:
            yield min(found, key=lambda name: (ranks[called[name]], name not in aliases)), target  # noqa: B023


DOMAIN = re.compile(r"(https?://)?([a-z0-9-]+\.)+[a-z]{2,24}(/\S*)?", re.I)
EMAIL = re.compile(r"[^\s@]+@([a-z0-9-]+\.)+[a-z]{2,24}", re.I)
NO_COUNTRY = re.compile(r"state|province|region|lang|locale|city|nationality", re.I)


def _by_values(
    header: list[str], free: list[str], rows: list[list[str]], *, taken: dict[str, str]
) -> Iterable[tuple[str, str]]:
    """Modestly: only what is plain from nearly all of some rows, and for fields that nothing else fills."""
    for place, name in enumerate(header):
        cells = [cell for row in rows if place < len(row) and (cell := plain(row[place]))]
        if name in taken or name not in free or len(cells) < 3:
            continue
        target = _guess(name, cells)
        if target and target not in taken.values():
            yield name, target


def _guess(name: str, cells: list[str]) -> str:
    def nearly_all(fits: Any) -> bool:
        return sum(map(bool, map(fits, cells))) >= 0.9 * len(cells)

    if nearly_all(EMAIL.fullmatch):
        return "owner_email" if re.search(r"owner|manager|rep\b", name, re.I) else "contact_email"
    if nearly_all(DOMAIN.fullmatch) and len(set(cells)) > len(cells) / 2:
        return "domain"
    if not NO_COUNTRY.search(name) and nearly_all(lambda cell: len(cell) > 3 and country_code(cell)):
        return "country"
    if len(set(cells)) < len(cells) and nearly_all(propose_population):
        return "stage"
    return ""


# -- which population a stage means -----------------------------------------------------------------------------

STAGES = {
    Population.CUSTOMERS: "customer|customers|client|clients|evangelist|closed won|closedwon|won|active customer|"
    "current customer|existing customer|live customer|paying customer|customer direct|customer channel|"
    "active client|customer active|kunde|bestandskunde|cliente|onboarding|implementation",
    Population.OPEN_OPPORTUNITIES: "opportunity|opportunities|open opportunity|open opportunities|open opp|open opps|"
    "open deal|open deals|deal|open|negotiation|negotiations started|negotiation review|proposal|proposal made|"
    "proposal price quote|proposal quote|value proposition|id decision makers|perception analysis|needs analysis|"
    "qualification|qualified to buy|qualifiedtobuy|pipeline|evaluation|contract sent|contractsent|contract|"
    "decision maker bought in|decisionmakerboughtin|presentation scheduled|presentationscheduled|"
    "appointment scheduled|appointmentscheduled|demo|demo scheduled|discovery|in progress|trial|pilot|poc|"
    "proof of concept|verbal|commit|best case|active opportunity|active deal|opportunité|oportunidad|in negotiation",
    Population.PROSPECTS: "prospect|prospects|prospecting|subscriber|lead|leads|marketingqualifiedlead|"
    "marketing qualified lead|mql|salesqualifiedlead|sales qualified lead|sql|sal|sales accepted lead|target|"
    "target account|suspect|new|hot lead|warm lead|cold lead|lead in|qualified|contact made|cold|warm|hot|"
    "interessent|prospecto|unqualified|nurture|nurturing|open lead|working|contacted|attempting|icp",
}


def propose_population(word: str) -> str:
    """Population's value for what systems call a stage, a type or a label; "" where none is plain."""
    called = simple(word)
    return _populations().get(called) or _populations().get(re.sub(r"^(stage )?\d+ ", "", called), "")


@cache
def _populations() -> dict[str, str]:
    words = {word: str(population) for population, words in STAGES.items() for word in words.split("|")}
    return words | {simple(name): value for value, label in Population.choices for name in (value, label)}


# -- what the person decided ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mapping:
    """Which column fills what, and which population a value means. `asdict` makes it JSON."""

    columns: Mapped[str, str] = field(default_factory=dict)  # by name: a field, CUSTOM + name, or ""
    populations: Mapped[str, str] = field(default_factory=dict)  # by `simple` value: see `population_of`
    default: str = Population.PROSPECTS

    @classmethod
    def proposed(cls, recognised: Recognised, *, default: str = Population.PROSPECTS) -> Self:
        return cls({name: recognised.fields.get(name, "") for name in recognised.why}, {}, default)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises ValueError."""
        try:
            mapping = cls(dict(value["columns"]), dict(value["populations"]), value["default"])
            texts = [*mapping.columns.items(), *mapping.populations.items(), [mapping.default]]
            if not all(isinstance(text, str) for pair in texts for text in pair):
                raise TypeError("text was expected")
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("This is no mapping.") from error
        if bad := [target for target in mapping.columns.values() if target and not is_target(target)]:
            raise ValueError(f"There is no field “{bad[0]}”.")
        if bad := {*mapping.populations.values()} - {*Population.values, SKIP, ""}:
            raise ValueError(f"There is no population “{min(bad)}”.")
        if mapping.default not in Population.values:
            raise ValueError(f"There is no population “{mapping.default}”.")
        return mapping

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def remembered_for(self, recognised: Recognised) -> Self:
        """For another file of the same source: what was decided, and what is proposed for columns that are new."""
        decided = {simple(name): target for name, target in self.columns.items()}
        used = {decided[simple(name)] for name in recognised.why if simple(name) in decided}
        return type(self)(
            {
                name: decided[word]
                if (word := simple(name)) in decided
                else ("" if (target := recognised.fields.get(name, "")) in used else target)
                for name in recognised.why
            },
            self.populations,
            self.default,
        )

    def objections(self) -> list[str]:
        """Why nothing can be imported so: sentences, none if all is well."""
        targets = Counter(target for target in self.columns.values() if target)
        objections = (
            [] if NEEDED & {*targets} else ["Choose a column for the name or the domain: one is needed."]
        )
        for target, count in targets.items():
            if count > 1:
                label = LABELS.get(target, target.removeprefix(CUSTOM))
                objections.append(f"“{label}” is chosen for {count} columns: one can fill it.")
        return objections

    def population_of(self, word: str) -> str | None:
        """Population's value, SKIP, or "" for what the default says; None where nobody knows."""
        chosen = self.populations.get(simple(word))
        return (propose_population(word) or None) if chosen is None else chosen


# -- what is in the columns -------------------------------------------------------------------------------------

MOST_VALUES = 200  # that are told apart in a column


@dataclass(frozen=True)
class Survey:
    """What one pass over a file found, small whatever the file."""

    rows: int
    values: dict[str, Counter[str]]  # by name of a column that has few: each value, and how many rows have it
    more: dict[str, int]  # rows with further values, of the columns that were asked for


def survey(header: list[str], rows: Iterable[tuple[int, list[str]]], *, ask: Iterable[str] = ()) -> Survey:
    """`ask` names columns whose first values are counted, though there are many of them."""
    asked, count = {*ask}, 0
    counted: dict[int, Counter[str]] = {place: Counter() for place in range(len(header))}
    more: Counter[str] = Counter()
    for _, cells in rows:
        count += 1
        many = []
        for place, values in counted.items():
            cell = cells[place] if place < len(cells) else ""
            if cell in values or (len(values) < MOST_VALUES and len(cell) <= 200):
                values[cell] += 1
            elif header[place] in asked:
                more[header[place]] += 1
            else:
                many.append(place)
        for place in many:
            del counted[place]
    return Survey(count, {header[place]: _plainly(values) for place, values in counted.items()}, dict(more))


def _plainly(values: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for cell, count in values.items():
        found[plain(cell)] += count
    del found[""]
    return found
