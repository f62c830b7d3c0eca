"""Whatever somebody types, pastes or forges into a form or an address: an answer, never a failure of ours."""

from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests import world
from tests.test_url_matrix import OUTSIDE, URLS, WORKSPACE, arguments

FORM = "application/x-www-form-urlencoded"
NASTY = {
    "nul": "a\0b",
    "only a nul": "\0",
    "four bytes": "𝒜🦊" * 30,
    "right to left": "\u202egpj.exe\u2066",
    "combining": "e" + "\u0301" * 300,
    "lines": "Acme\r\nBcc: all@acme.example\r\n\r\n<html>",
    "markup": "\"'></textarea></title><script hx-get=/x hx-trigger=load>alert(1)</script>{{ 7|add:7 }}{% load x %}",
    "sql": "' OR 1=1; SELECT pg_sleep(9)--",
    "wildcards": "%_\\",
    "a long address": "a" * 60 + "@" + ".".join(["b" * 60] * 4) + ".example",
    "a longest domain": ".".join(["b" * 61] * 4) + ".example",
    "a domain of 254": ".".join(["b" * 60] * 4) + ".c" + "d" * 7,
    "letters that grow": "\u0130" * 90 + "@acme.example",
    "long": "x" * 9000,
    "digits of elsewhere": "٣",
    "a superscript": "²",
    "a huge number": "9" * 5000,
    "a number past bigint": str(2**63),
    "no number": "NaN",
    "infinite": "-Infinity",
    "an exponent": "1e400",
    "the first day": "0001-01-01",
    "the last day": "9999-12-31",
    "the first moment": "0001-01-01T00:00:00+14:00",
    "the last moment": "9999-12-31T23:59:59-14:00",
    "no moment": "2026-02-30T25:61:00+00:00",
    "no id": "00000000-0000-0000-0000-00000000000g",
    "nobody's id": "00000000-0000-4000-8000-000000000000",
    "a list": "[1,2]",
    "a path": "../../etc/passwd",
    "another host": "//evil.example/\\evil.example",
    "a script": "javascript:alert(1)",
}
DAY = "2099-01-01"
LEVELS = {"customers": "hidden", "open_opportunities": "counts", "prospects": "all"}
ACCOUNT = {
    **{"name": "Stark", "domain": "stark.com", "country": "", "population": "customers", "owner_name": "Tom"},
    **{"stage": "won", "amount": "1", "contact_name": "T", "contact_email": "t@stark.com", "seen": "x"},
}
# What a form of each address takes, with values that pass.
FORMS = {
    "account_add_email": ("account_email", {"email": "a@b.example", "action_add": ""}),
    "account_login": ("account_login", {"login": "a@b.example", "password": "x"}),
    "account_signup": (
        "account_signup",
        {"email": "a@b.example", "name": "A", "company": "B", "password1": "correct horse battery"},
    ),
    "account_reset_password": ("account_reset_password", {"email": "a@b.example"}),
    "account_change_password": ("account_change_password", {"oldpassword": "x", "password1": "y"}),
    "audit:export": ("audit:export", {"format": "csv"}),
    "intros:ask": ("intros:ask", {"connector": "T", "ask": "a", "forwardable": "f", "due_on": DAY}),
    "intros:ask and send": (
        "intros:ask",
        {"connector": "T", "ask": "a", "forwardable": "f", "due_on": DAY, "send": ""},
    ),
    "intros:edit": ("intros:edit", {"connector": "T", "ask": "a", "forwardable": "f", "due_on": DAY}),
    "intros:accept": ("intros:accept", {"answer": "yes", "seen": "requested"}),
    "intros:decline": ("intros:decline", {"answer": "no", "reason": "timing", "seen": "requested"}),
    "overlaps:account_edit": ("overlaps:account_edit", ACCOUNT),
    "overlaps:import": ("overlaps:import", {"text": "Name,Domain\nA,a.com"}),
    "overlaps:import_columns": (
        "overlaps:import_columns",
        {
            "seen": "1",
            "source": "S",
            "default": "prospects",
            "c0": "name",
            "c1": "domain",
            "c2": "",
            "c3": "",
        },
    ),
    "overlaps:import_read": ("overlaps:import_read", {"seen": "1", "encoding": "utf-8", "separator": ","}),
    "overlaps:import_repair": (
        "overlaps:import_repair",
        {"seen": "1", "group": "0", "choice": "empty", "v0": "1"},
    ),
    "overlaps:import_rows": ("overlaps:import_rows", {"seen": "1", "mark_gone": ""}),
    "partners:change": (
        "partners:change",
        {"name": "Globex", "domain": "", "owner": "", "notes": "", "is_restricted": ""},
    ),
    "partners:grant": ("partners:grant", {"member": "", "grant": "manage_partner"}),
    "partners:invite": (
        "partners:invite",
        {"name": "N", "domain": "n.example", "email": "n@n.example", "note": "", **LEVELS},
    ),
    "overlaps:sharing_confirm": ("overlaps:sharing_confirm", {"seen": world.STAMP, **LEVELS}),
    "workspaces:address": ("workspaces:address", {"slug": "acme-2"}),
    "workspaces:create": ("workspaces:create", {"name": "New", "slug": "new-one"}),
    "workspaces:invite": ("workspaces:invite", {"emails": "n@n.example", "role": "member", "note": ""}),
    "workspaces:invite_preview": ("workspaces:invite_preview", {"emails": "n@n.example", "role": "member"}),
    "workspaces:invitation_role": ("workspaces:invitation_role", {"role": "viewer"}),
    "workspaces:member_role": ("workspaces:member_role", {"role": "viewer"}),
    "workspaces:settings": (
        "workspaces:settings",
        {"name": "Acme", "contact_email": "", "domain": "acme.example", "accent": ""},
    ),
    "workspaces:switch": ("workspaces:switch", {"workspace": "acme"}),
}
FOR_NOBODY = ("account_login", "account_signup", "account_reset_password")
PARAMETERS = (
    *(
        "q page partner view mine theirs sort population side state at section before after since until actor".split()
    ),
    *("action target ip next email seen customers open_opportunities prospects".split()),
)
# What is tried in one field at a time, and in addresses.
ALONE = ("nul", "lines", "long", "a long address", "a longest domain", "a domain of 254", "letters that grow")
IN_QUERIES = (
    *(
        "nul",
        "four bytes",
        "right to left",
        "markup",
        "wildcards",
        "long",
        "digits of elsewhere",
        "a superscript",
    ),
    *("a huge number", "a number past bigint", "the first day", "the last day", "no id", "another host"),
)


@pytest.fixture
def ask(companies):
    """Ask as Acme's owner, or nobody, and leave nothing behind; gives back the status."""
    owner, nobody = (Client(raise_request_exception=False) for _ in range(2))
    owner.force_login(companies.acme.owner.user, "allauth.account.auth_backends.AuthenticationBackend")

    def _ask(
        method: str, name: str, body: bytes = b"", kind: str = FORM, query=None, htmx=False, **more
    ) -> int:
        client = nobody if name in FOR_NOBODY else owner
        url = address(name, companies) + (f"?{urlencode(query)}" if query else "")
        cache.clear()
        with transaction.atomic():
            headers = {"HX-Request": "true"} if htmx else {}
            response = client.generic(method, url, body, kind, headers=headers, **more)
            transaction.set_rollback(True)
        return response.status_code

    return _ask


def encoded(data: dict[str, str]) -> bytes:
    return urlencode(data).encode()


def address(name: str, companies: world.World) -> str:
    if name in WORKSPACE:
        return reverse(name, kwargs={"slug": "acme", **arguments(name, companies.acme)})
    return reverse(name, kwargs=OUTSIDE[name].get("kwargs", {}))


@pytest.mark.parametrize("form", FORMS)
def test_no_field_brings_us_down(form, companies, ask):
    """Each value in all fields at once, and those that are only too long or strange in one among good ones."""
    name, fields = FORMS[form]
    if form == "overlaps:account_edit":
        fields = fields | {"seen": companies.acme.rows["account"].updated_at.isoformat()}
    tried = {f"{what} everywhere": dict.fromkeys(fields, value) for what, value in NASTY.items()}
    tried |= {f"{what} as {field}": fields | {field: NASTY[what]} for what in ALONE for field in fields}
    assert [what for what, data in tried.items() if ask("POST", name, encoded(data), FORM) >= 500] == []


def test_no_address_brings_us_down(companies, ask):
    pages = [name for name in sorted(URLS) if "GET" in (WORKSPACE.get(name) or OUTSIDE[name])]
    failed = [
        (name, what)
        for name in pages
        for number, what in enumerate(IN_QUERIES)
        if ask("GET", name, query=dict.fromkeys(PARAMETERS, NASTY[what]), htmx=bool(number % 2)) >= 500
    ]
    assert failed == []


@pytest.mark.parametrize("charset", ["raw_unicode_escape", "utf-7", "utf-16", "x", "utf-8;q=1"])
def test_no_charset_of_the_sender_brings_us_down(charset, companies, ask):
    """Some of them make lone surrogates, which no database takes, out of plain letters."""
    lone = "\\ud800 +2AA-"
    failed = []
    for form, (name, fields) in FORMS.items():
        parts = [
            f'--b\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{lone}\r\n' for field in fields
        ]
        kind = f"multipart/form-data; boundary=b; charset={charset}"
        if ask("POST", name, "".join([*parts, "--b--\r\n"]).encode(), kind) >= 500:
            failed.append(form)
    for name in ("overlaps:list", "overlaps:accounts", "partners:list", "audit:trail", "intros:list"):
        if ask("GET", name, query={"q": lone, "actor": lone}, CONTENT_TYPE=f"a/b; charset={charset}") >= 500:
            failed.append(name)
    assert failed == []


@pytest.mark.parametrize(
    "filename",
    [
        'filename="../../etc/passwd"',
        'filename="a\r\nSet-Cookie: a=b"',
        "filename=\"=cmd|' /C calc'!A0.csv\"",
        'filename=""',
        'filename="' + "x" * 3000 + '.csv"',
        'filename="\x00\x1b[31m\u202evsc.exe"',
        'filename="<script>alert(1)</script>"',
        "filename*=raw_unicode_escape''%5cud800.csv",
        "filename*=nonsense''a.csv",
        "filename*=utf-8''%ff%fe%00.csv",
        "filename*='",
    ],
)
def test_no_name_of_a_file_brings_us_down(filename, companies, ask):
    for name, field in (("overlaps:import", "file"), ("workspaces:logo", "logo")):
        body = '--b\r\nContent-Disposition: form-data; name="population"\r\n\r\nprospects\r\n--b\r\n'
        body += f'Content-Disposition: form-data; name="{field}"; {filename}\r\n\r\nName\nStark\r\n--b--\r\n'
        assert ask("POST", name, body.encode(), "multipart/form-data; boundary=b") < 500
