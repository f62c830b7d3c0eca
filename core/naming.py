"""Names and addresses of workspaces, from what a person told at sign-up. Pure functions, used by a migration too."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from secrets import token_hex

SLUG_LENGTH = 48
RESERVED = frozenset(
    "about accounts account admin api app assets auth billing blog cosell dev docs health help home invitations "
    "invite login logout mail me new operator partner-invitations partners pricing privacy public root security "
    "settings signup static status support switcher system terms w workspace workspaces www".split()
)
# Where everybody has an address, the domain says nothing about the company.
MAIL_PROVIDERS = frozenset(
    "aol.com fastmail.com gmail.com gmx.com gmx.de gmx.net googlemail.com hotmail.com icloud.com live.com mac.com "
    "mail.com mail.ru me.com msn.com outlook.com pm.me proton.me protonmail.com qq.com web.de yahoo.com yandex.com "
    "yandex.ru zoho.com 163.com 126.com".split()
)


@cache
def free_mail() -> frozenset[str]:
    """Mail providers. Some are companies too: better a customer of theirs missed than a thousand strangers matched."""
    listed = (Path(__file__).resolve().parent / "data" / "free_mail.txt").read_text(encoding="utf-8")
    return frozenset(listed.split()) | MAIL_PROVIDERS


def company_domain(email: str, business_domain: str = "") -> str:
    """The company's own domain in lower case, or ""."""
    domain = business_domain or email.rpartition("@")[2]
    domain = re.sub(r"^(https?://)?(www\.)?", "", domain.strip().lower()).split("/")[0]
    return "" if domain in free_mail() or "." not in domain else domain[:253]


def workspace_name(*, business_name: str = "", domain: str = "", person: str = "", email: str = "") -> str:
    """The business name, else the company's domain, else "<person>'s workspace"."""
    if name := " ".join(business_name.split()):
        return name[:100].strip()
    if domain:
        return domain.split(".")[0].replace("-", " ").title()[:100]
    person = " ".join(person.split()) or email.partition("@")[0]
    return f"{person[:86]}’s workspace"


def slugify(text: str) -> str:
    """ASCII, as much as can be had without guessing a language; may be empty."""
    ascii_text = unicodedata.normalize("NFKD", text.replace("’s ", " ")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")[:SLUG_LENGTH].strip("-")


def is_allowed(slug: str) -> bool:
    return len(slug) >= 2 and slug not in RESERVED


def slugs(name: str, domain: str = "") -> Iterator[str]:
    """Candidates, best first; endless for all purposes, because the last ones are random."""
    base = next((s for s in (slugify(name), slugify(domain.split(".")[0])) if len(s) >= 2), "workspace")
    stem = base[: SLUG_LENGTH - 7]
    if is_allowed(base):
        yield base
    yield from (f"{stem}-{n}" for n in range(2, 6))
    while True:
        yield f"{stem}-{token_hex(3)}"
