"""What columns are called in other systems, and what their cells mean. Pure functions."""

import re
import unicodedata
from decimal import Decimal
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core.spreadsheets import restored
from overlaps.countries import country_code
from overlaps.keys import domain_key
from partners.models import Population

# Exports of HubSpot, Salesforce, Pipedrive, Attio, Apollo and Zoho, and what people write. The first name counts most.
ALIASES = {
    "name": (
        "name|company name|account name|organization name|organisation name|company|account|organization|organisation|"
        "record|customer|customer name|business name|firm"
    ),
    "domain": (
        "domain|domains|company domain name|company domain|domain name|website|website url|company website|"
        "organization website|url|web site|web|homepage|site"
    ),
    "country": (
        "country|country region|country code|billing country code|billing country|company country|"
        "organization address country|hq country"
    ),
    "population": "population|list|segment",
    "owner_name": "owner|account owner|company owner|organization owner|owner name|owner full name",
    "stage": (
        "stage|lifecycle stage|deal stage|account type|customer stage|organization labels|organization label|label|"
        "type|status|account status"
    ),
    "amount": "amount|deal amount|deal value|opportunity amount|value|pipeline|estimated arr|arr",
    "contact_name": "contact|contact name|primary contact|contact full name|full name",
    "contact_email": "contact e mail|contact email|primary contact email|e mail|email|email address",
}
LABELS = {
    "name": "Name",
    "domain": "Domain",
    "country": "Country",
    "population": "Population",
    "owner_name": "Owner",
    "stage": "Stage",
    "amount": "Amount",
    "contact_name": "Contact",
    "contact_email": "Contact e-mail",
}
STAGES = {
    Population.CUSTOMERS: "customer|customers|client|clients|evangelist|closed won|won|active customer|"
    "current customer|existing customer|live customer|paying customer",
    Population.OPEN_OPPORTUNITIES: "opportunity|opportunities|open opportunity|open opportunities|open deal|"
    "open deals|deal|open|negotiation|proposal|pipeline|evaluation|contract sent|"
    "decision maker bought in|presentation scheduled",
    Population.PROSPECTS: "prospect|prospects|subscriber|lead|leads|marketingqualifiedlead|marketing qualified lead|"
    "mql|salesqualifiedlead|sales qualified lead|sql|target|target account|suspect|new",
}
LARGEST = Decimal(10) ** 12


class BadRow(Exception):
    """Says to a person why this row is left out."""


def simple(text: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", text.casefold()).split())


def fields_of(header: list[str]) -> tuple[list[str], list[str]]:
    """For each column the field that it fills, or ""; and what there is to say about it."""
    called = [simple(name) for name in header]
    fields, notes = [""] * len(header), []
    for field, aliases in ALIASES.items():
        for place in sorted(
            (n for n, name in enumerate(called) if name in aliases.split("|")),
            key=lambda n: aliases.split("|").index(called[n]),
        )[:1]:
            fields[place] = field
    for name in sorted({name for name in called if name and called.count(name) > 1}):
        first = header[called.index(name)]
        notes.append(f"The column “{first}” is there {called.count(name)} times: the first one counts.")
    return fields, notes


def plain(cell: str) -> str:
    """One line of text; the sign that an export sets before a formula is taken off again."""
    cell = restored(cell)
    if not cell.isprintable():
        cell = "".join(c if c.isprintable() else " " for c in cell)
    return " ".join(unicodedata.normalize("NFC", cell).split())


LENGTHS = {"name": 200, "domain": 2000, "country": 100, "owner_name": 200, "stage": 100, "contact_name": 200}


def values_of(cells: dict[str, str], *, default: str) -> dict[str, Any]:
    """What an account is to have; None or "" where the row says nothing. Raises BadRow.

    `default` is what a new account becomes whose row has no known stage.
    """
    values: dict[str, Any] = {field: plain(cell) for field, cell in cells.items()}
    for field, length in LENGTHS.items():
        if len(values.get(field, "")) > length:
            raise BadRow(f"{LABELS[field]} is longer than {length} characters.")
    key = domain_key(values.get("domain", ""))
    values |= {"domain_key": key, "domain": key or values.get("domain", "")[:253]}
    values["name"] = values.get("name") or key
    if not values["name"]:
        raise BadRow("It has neither a name nor a company’s own domain.")
    values["population"] = _population(values.get("population", ""), values.get("stage", ""))
    if "population" not in cells and "stage" not in cells:
        values["population"] = default
    values["country"] = country_code(values.get("country", ""))
    values["amount"] = _amount(values.get("amount", ""))
    values["contact_email"] = _email(values.get("contact_email", ""))
    return values


def _population(word: str, stage: str) -> str:
    known = _populations().get(simple(word))
    if word and not known:
        raise BadRow(
            f"The population “{word[:60]}” is not known: Customers, Open opportunities or Prospects."
        )
    return known or _populations().get(simple(stage), "")


@cache
def _populations() -> dict[str, str]:
    words = {word: str(population) for population, words in STAGES.items() for word in words.split("|")}
    return words | {simple(label): value for value, label in Population.choices}


CURRENCY = r"(?:[A-Z]{3}|US|kr|zł)?\s*[$€£¥]?\s*"


def _amount(text: str) -> Decimal | None:
    """`1,234.50`, `1.234,50`, `€ 84 000`. One separator with three digits behind it separates thousands."""
    if not text:
        return None
    digits = re.sub(rf"^{CURRENCY}|\s*[$€£¥]?\s*[A-Z]{{0,3}}$", "", text)
    digits = re.sub(r"[\s'’]", "", digits)
    if len(digits) > 40 or not re.fullmatch(r"-?\d(?:[\d.,]*\d)?", digits, re.ASCII):
        raise BadRow(f"The amount “{text[:60]}” is not a number.")
    whole, decimals = _split_decimals(digits)
    amount = Decimal(re.sub(r"[.,]", "", whole) + "." + (decimals or "0")).quantize(Decimal("0.01"))
    if abs(amount) >= LARGEST:
        raise BadRow(f"The amount “{text[:60]}” is too large.")
    return amount


def _split_decimals(digits: str) -> tuple[str, str]:
    point = max(digits.rfind("."), digits.rfind(","))
    sign = digits[point]
    if point < 0 or digits.count(sign) > 1:
        return digits, ""
    alone = len(set(digits) & {".", ","}) == 1
    if alone and len(digits) - point == 4:
        return digits, ""
    return digits[:point], digits[point + 1 :]


def _email(text: str) -> str:
    if text:
        try:
            validate_email(text)
        except ValidationError:
            raise BadRow(f"The contact’s e-mail “{text[:60]}” is not an address.") from None
    return text if len(text) <= 254 else ""
