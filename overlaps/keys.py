"""What two lists are compared by. Pure functions: the same text gives the same key, on both sides, for ever.

Names are in overlaps/names.py, company numbers in overlaps/numbers.py, countries in overlaps/countries.py; `keys_of`
puts all of an account's keys together.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import NamedTuple

import idna
from tldextract import TLDExtract

from core.naming import free_mail
from overlaps.countries import country_code
from overlaps.names import name_of
from overlaps.numbers import number_key

DATA = Path(__file__).resolve().parent / "data"
# The list that the package brings along, never fetched. `.example` is nobody's: documents and demos use it.
registrable = TLDExtract(
    suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True, extra_suffixes=("example",)
)
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*:)?//|^mailto:")
# What most cells are: nothing needs to be asked about such a host.
PLAIN = re.compile(r"(?:https?://)?((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24})(?:/[!-~]*)?", re.ASCII)
# Characters that a browser reads as a dot, and those that are not seen at all.
READ_AS = str.maketrans(
    {"。": ".", "．": ".", "｡": "."} | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad")
)


class Domain(NamedTuple):
    """What a website, host or e-mail address says of a company."""

    key: str  # the registrable domain in its ASCII form, if it is one company's own
    # Else why not: "" (the cell is empty), "no_domain", "unknown_suffix", "ip_address", "mail_provider", or a kind of
    # platform as data/platforms.txt has it: "social", "directory", "careers", "hosting", "short_link".
    problem: str = ""


class Keys(NamedTuple):
    """All that an account is matched by: the columns that `MatchKey.VALUES` turns into a row."""

    name: str
    form: str
    bits: int
    core: str
    is_core: bool
    country: str
    domain: str
    names_domain: bool
    number: str


def keys_of(*, name: str, website: str = "", country: str = "", number: str = "") -> Keys:
    known_as = name_of(name)
    domain = domain_of(website).key if website else ""
    code = country_code(country) if country else ""
    company_number = number_key(number, code) if number else ""
    return Keys(*known_as, code, domain, names_domain(known_as.key, domain), company_number)


def names_domain(name: str, domain: str) -> bool:
    """Whether the key of a name is to be seen in a domain: "acme industry" in acme.com, "sap" in sap.de."""
    if not name or not domain:
        return False
    label = domain.partition(".")[0].replace("-", "")
    first = name.partition(" ")[0]
    return (
        (len(first) > 2 and label.startswith(first))
        or (len(label) > 2 and name.replace(" ", "").startswith(label))
        or (" " in name and label == "".join([word[0] for word in name.split()]))
    )


def domain_key(text: str) -> str:
    """The registrable domain in its ASCII form; "" where there is none, or where it is not one company's own.

    Takes what people have in such a column: an address of a page, a host, an e-mail address, several of them (the
    first counts).
    """
    return domain_of(text).key


def domain_of(text: str) -> Domain:
    plain = PLAIN.fullmatch(text.strip().lower()) if len(text) < 200 and text.isascii() else None
    if plain and "xn--" not in (host := plain[1]) and len(host) < 64:
        return _of_host(host)
    host = _host(text)
    return _of_host(host) if "." in host else Domain("", _what_else(text))


def _of_host(host: str) -> Domain:
    host = host.removeprefix("www.")
    labels = host.split(".")
    if labels[-1].isdecimal() or len(labels) == 1:
        return Domain("", "ip_address" if labels[-1].isdecimal() and len(labels) == 4 else "no_domain")
    names = [".".join(labels[start:]) for start in range(len(labels))]
    suffixes, branches = _suffixes()
    if "xn--" in host or not branches.isdisjoint(names):
        found = registrable(host)
        key = f"{found.domain}.{found.suffix}" if found.domain and found.suffix else ""
    else:
        place = next((n for n, name in enumerate(names) if name in suffixes), 0)
        key = names[place - 1] if place else ""
    known = platforms()
    for name in names:
        if (kind := known.get(name)) or (name is not names[0] and (kind := known.get(f"*.{name}"))):
            return Domain("", kind)
    if key in free_mail():
        return Domain("", "mail_provider")
    return Domain(key, "" if key else "unknown_suffix")


def _host(text: str) -> str:
    # Nobody's address is longer; and what the libraries do with a megabyte need not be known.
    text = unicodedata.normalize("NFKC", text[:2048]).translate(READ_AS).strip().lower()
    first = re.split(r"[\s,;|]+", text, maxsplit=1)[0].strip("<>()[]{}\"'")
    host = re.split(r"[/?#\\]", SCHEME.sub("", first), maxsplit=1)[0]
    host = host.rpartition("@")[2].partition(":")[0].strip(".")
    if not host.isascii() or "xn--" in host:
        try:
            host = idna.encode(host, uts46=True).decode()
        except UnicodeError:
            return ""
    return host if len(host) <= 253 and all(map(LABEL.fullmatch, host.split("."))) else ""


def _what_else(text: str) -> str:
    text = text[:2048].strip()
    if re.search(r"\[[0-9a-fA-F]*:[0-9a-fA-F:]+\]", text):
        return "ip_address"
    return "no_domain" if text else ""


@cache
def _suffixes() -> tuple[frozenset[str], frozenset[str]]:
    """Public suffixes, and those below which other rules hold (*.ck, !www.ck): there the library is asked."""
    rules = [*registrable.tlds, "example"]
    exceptions = {rule.partition(".")[2] for rule in rules if rule.startswith("!")}
    branches = exceptions | {rule[2:] for rule in rules if rule.startswith("*.")}
    return frozenset(rules), frozenset(branches)


@cache
def platforms() -> dict[str, str]:
    """Hosts where many companies have a page, each with its kind."""
    kinds, kind = {}, ""
    for line in _lines("platforms.txt"):
        if line.startswith("["):
            kind = line.strip("[]")
        else:
            kinds[line] = kind
    return kinds


def _lines(name: str) -> list[str]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
