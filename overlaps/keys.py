"""What two lists are compared by. Pure functions: the same text gives the same key, on both sides, for ever."""

import re
import unicodedata
from functools import cache
from pathlib import Path

import idna
from tldextract import TLDExtract

from core.naming import MAIL_PROVIDERS

DATA = Path(__file__).resolve().parent / "data"
# The list that the package brings along, never fetched. `.example` is nobody's: documents and demos use it.
registrable = TLDExtract(
    suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True, extra_suffixes=("example",)
)
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*:)?//|^mailto:")
# Characters that a browser reads as a dot, and those that are not seen at all.
READ_AS = str.maketrans(
    {"。": ".", "．": ".", "｡": "."} | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad")
)


def domain_key(text: str) -> str:
    """The registrable domain in its ASCII form; "" where there is none, or where it is not one company's own.

    Takes what people have in such a column: an address of a page, a host, an e-mail address, several of them (the
    first counts).
    """
    host = _host(text)
    if not host or _is_shared(host):
        return ""
    found = registrable(host)
    key = f"{found.domain}.{found.suffix}" if found.domain and found.suffix else ""
    return "" if key in free_mail() else key


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


def _is_shared(host: str) -> bool:
    """A platform, or something below one."""
    labels = host.removeprefix("www.").split(".")
    parents = [".".join(labels[start:]) for start in range(len(labels))]
    return parents[0] in platforms() or any(
        parent in platforms() or f"*.{parent}" in platforms() for parent in parents[1:]
    )


@cache
def free_mail() -> frozenset[str]:
    """Mail providers. Some are companies too: better a customer of theirs missed than a thousand strangers matched."""
    return frozenset(_lines("free_mail.txt")) | MAIL_PROVIDERS


@cache
def platforms() -> frozenset[str]:
    return frozenset(_lines("platforms.txt"))


def _lines(name: str) -> list[str]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
