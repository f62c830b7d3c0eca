"""Names that are markup, formulas, header lines or statements: they stay text, wherever they are shown or sent."""

import csv
import io
import json
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from django.core import mail
from django.test import Client

from audit.actions import Action
from audit.models import AuditEvent
from conftest import PASSWORD
from core.models import Membership, Tenant, User
from core.spreadsheets import harmless, restored
from core.tenancy import tenant_context
from intros.models import Intro, IntroStep
from overlaps import matching
from overlaps.models import Account, Import, ImportReject
from partners.models import Partner, PartnerInvitation
from tests import tour, world
from tests.intros import do, draft_of, overlap_of
from tests.pairs import invite
from workspaces import members
from workspaces.models import Invitation

# Ways out of text, of attributes in both quotes, and of each element that ends by its own name only.
MARKUP = "\"'`><pwned hx-get=/pwned onerror=pwned()></textarea></title></option></script></style></template>--><pwned>"
OTHERS = (
    "<svg/onload=pwned()>",
    "<img src=x onerror=pwned()>",
    "'onmouseover='pwned()' hx-get='/pwned",
    '" hx-on:load="pwned()" hx-trigger="load" hx-post="/pwned" a="',
    "</script><script>pwned()</script>",
    "<a href='javascript:pwned()'>x</a>",
    "pwned {{ 7|add:7 }}{% include 'base.html' %}${7*7}",
    "<hx-partial hx-target='body'>pwned</hx-partial>",
    "&lt;pwned&gt; &#60;pwned&#62; \\u003cpwned\\u003e",
    "<meta http-equiv=refresh content='0;url=//pwned'><base href=//pwned>",
)


HX_ADDRESSES = {"hx-get", "hx-post", "hx-put", "hx-delete", "hx-push-url"}


class Tags(HTMLParser):
    """Elements and attributes as a browser would find them, and addresses that they lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag in {"pwned", "base", "iframe", "object", "svg/onload"}:
            self.bad.append(tag)
        for name, value in attrs:
            value = (value or "").strip().lower()
            if name.startswith(("on", "hx-on")) or "pwned" in name:
                self.bad.append(f"{tag} {name}")
            leads = name in {"src", "href", "action", "formaction"} or name in HX_ADDRESSES
            if leads and value.startswith(("javascript:", "data:text", "//", "/pwned")):
                self.bad.append(f"{tag} {name}={value[:40]}")
            if tag == "meta" and value == "refresh":
                self.bad.append("meta refresh")


def client_of(who: Membership) -> Client:
    client = Client()
    client.force_login(who.user, "allauth.account.auth_backends.AuthenticationBackend")
    return client


def soak_imports(text: str) -> None:
    columns = {text: "stage", f"{text} 2": "name"}
    facts = {
        **{
            "header": [*columns],
            "samples": [[text], [text, text]],
            "source": text,
            "why": dict.fromkeys(columns, text),
        },
        **{
            "proposed": columns,
            "read_as": text,
            "notes": [text],
            "kind": "csv",
            "sheets": [],
            "values": {text: [[text, 3]]},
        },
    }
    mapping = {"columns": columns, "populations": {}, "default": "prospects"}
    words = {"filename": text, "source_name": text[:80], "by_name": text, "undone_by": text, "error": text}
    Import.objects.update(facts=facts, mapping=mapping, **words)
    for batch in Import.objects.filter(state="checked"):
        problem = {"code": "bad_amount", "field": "amount", "rows": 1, "values": [[text, 1]], "numbers": [3]}
        Import.objects.filter(pk=batch.pk).update(report=batch.report | {"problems": [problem]})


def soak(companies: world.World, text: str) -> None:
    """Every text that anybody may have typed, in all three companies."""
    for one in (companies.acme, companies.globex, companies.initech):
        with tenant_context(one.tenant, by=one.owner):
            Tenant.objects.update(name=text[:100], domain=text[:253])
            for member in Membership.objects.select_related("user"):
                User.objects.filter(pk=member.user_id).update(name=text[:200], business_name=text[:200])
            Account.objects.update(
                name=text,
                domain=text,
                owner_name=text,
                stage=text[:100],
                contact_name=text,
                contact_email=text,
            )
            Partner.objects.update(name=text[:100], domain=text, notes=text)
            soak_imports(text)
            ImportReject.objects.update(reason=text, cells=[text] * 3)
            Invitation.objects.update(note=text)
            PartnerInvitation.objects.update(note=text)
            Intro.objects.update(
                company=text, domain=text, connector=text, ask=text, forwardable=text, asked_by=text,
                requester_name=text[:100], receiver_name=text[:100],
            )  # fmt: skip
    acme, globex = companies.acme, companies.globex
    with tenant_context(acme.tenant, by=acme.owner):
        matching.refresh()  # the names reach the other side
        for intro in (acme.rows["intro"], acme.rows["received_intro"]):
            sides = {"requester_id": intro.requester_id, "receiver_id": intro.receiver_id}
            IntroStep.objects.create(
                intro=intro,
                **sides,
                state="requested",
                side="requester",
                by=text,
                answer=text,
                at=intro.created_at,
            )
        for action in (Action.ACCOUNT_CHANGED, Action.PARTNER_CHANGED, Action.MEMBER_INVITED):
            AuditEvent.record(
                action,
                by=acme.owner,
                target=Account.objects.first(),
                changes={text: [text, text], "other": text},
                also_in=text,
            )
    with tenant_context(globex.tenant, by=globex.owner):
        matching.refresh()


@pytest.mark.parametrize("number", range(len(OTHERS) + 1))
def test_no_name_becomes_markup(number, companies):
    text = (MARKUP, *OTHERS)[number]
    soak(companies, text)
    client, found, seen = client_of(companies.acme.owner), [], 0
    addresses = tour.addresses(companies.acme)
    addresses["a search"] = f"/w/acme/overlaps/?q={quote(text)}&partner={quote(text)}&view={quote(text)}"
    addresses["a search of intros"] = f"/w/acme/intros/?q={quote(text)}&side={quote(text)}"
    addresses["a search of accounts"] = f"/w/acme/accounts/?q={quote(text)}&sort={quote(text)}"
    addresses["a search of people"] = f"/w/acme/members/?q={quote(text)}"
    addresses["a search of partners"] = f"/w/acme/partners/?q={quote(text)}&state={quote(text)}"
    addresses["a search of the trail"] = f"/w/acme/audit/?actor={quote(text)}&ip={quote(text)}"
    addresses["a search of workspaces"] = f"/workspaces/?q={quote(text)}"
    addresses["the switcher"] = (
        f"/workspaces/switcher/?q={quote(text)}&at={quote(text)}&section={quote(text)}"
    )
    for name, address in addresses.items():
        for headers in ({}, {"HX-Request": "true"}):
            response = client.get(address, headers=headers)
            assert response.status_code < 500, name
            if response.get("Content-Type", "").startswith("text/html"):
                found += [(name, bad) for bad in Tags(response.text).bad]
                seen += "pwned" in response.text
    assert found == []
    assert seen > 20, "the names were on the pages"


# -- mails ---------------------------------------------------------------------------------------------------------

HEADERS = (
    "Acme\r\nBcc: all@acme.example\r\n\r\nhttp://evil.example/ www.evil.example\u2028\x1b[31m\u202e"
    + "x" * 200
)


def test_no_name_becomes_a_header_or_a_link_of_a_mail(
    run_jobs, ada, grace, alan, acme, django_capture_on_commit_callbacks
):
    draft = draft_of(overlap_of(ada, grace), ada, ask=HEADERS)
    for tenant in (ada.tenant, grace.tenant):
        with tenant_context(tenant):
            Tenant.objects.update(name=HEADERS[:100])
    User.objects.update(name=HEADERS[:200], business_name=HEADERS[:200])
    ada, grace, alan = (fresh(one) for one in (ada, grace, alan))
    with tenant_context(acme, by=ada):
        Intro.objects.update(company=HEADERS[:200], requester_name=HEADERS[:100], receiver_name=HEADERS[:100])
        Invitation.send(by=ada, email="x@y.example", note=HEADERS[:280])
        members.offer_ownership(alan, by=ada)
    invite(ada, "z@y.example", name=HEADERS[:100], note=HEADERS[:280])
    do("request", draft, ada)
    do("decline", draft, grace, reason="timing", answer=HEADERS)
    with django_capture_on_commit_callbacks(execute=True):
        Client().post("/accounts/password/reset/", {"email": ada.user.email})
    done = run_jobs()

    assert len(mail.outbox) >= 5, done
    for message in mail.outbox:
        raw = message.message()
        assert raw.keys().count("To") == 1 and "Bcc" not in raw
        assert len(message.recipients()) == 1
        assert "\n" not in message.subject and "\r" not in message.subject
        assert "http://evil.example" not in message.body and "www.evil.example" not in message.body
        assert "\x1b" not in message.body + message.subject
        assert "\u202e" not in message.body + message.subject


def fresh(member: Membership) -> Membership:
    with tenant_context(member.tenant_id):
        return Membership.objects.select_related("user", "tenant").get(pk=member.pk)


# -- files ---------------------------------------------------------------------------------------------------------

FORMULAS = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "x;=1+1",
    "x\t=1+1",
    '";=1+1',
)


def runs(text: str) -> list[str]:
    """Cells that a spreadsheet would compute, whichever separators it goes by."""
    found = []
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=separator):
            found += [cell for cell in row if cell[:1] and cell[0] in "=+-@\t\r\0"]
    return found


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_an_export_is_a_formula(formula, ada, acme, log_in):
    with tenant_context(acme, by=ada):
        ada.user.name = formula
        changes = {formula: [formula, formula]}
        AuditEvent.record(Action.ACCOUNT_CHANGED, by=ada, target=Account(name=formula), changes=changes)
    browser = log_in(ada)
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    response = browser.post(
        "/w/acme/audit/export/", {"format": "csv"}, headers={"User-Agent": formula.strip()}
    )
    assert runs(b"".join(response.streaming_content).decode()) == []


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_the_rows_left_out_is_a_formula(formula, companies):
    acme = companies.acme
    with tenant_context(acme.tenant):
        Import.objects.update(facts={"header": [formula, formula, formula]})
        ImportReject.objects.update(reason=formula, cells=[formula, formula, formula])
    path = acme.tenant.path_to("overlaps:import_rejects", pk=acme.rows["import"].pk)
    assert runs(client_of(acme.owner).get(path).text) == []
    assert restored(harmless(formula)) == formula


# -- lines of logs, facts of events --------------------------------------------------------------------------------


def test_no_value_breaks_the_facts_of_an_event(ada, acme):
    hostile = '","actor":"root"}\r\n\x1b[2J\u2028\ud800{"a":1'
    with tenant_context(acme, by=ada):
        changes = {hostile: [hostile, 1]}
        AuditEvent.record(Action.ACCOUNT_CHANGED, by=ada, target=Account(name=hostile), changes=changes)
        event = AuditEvent.objects.newest_first()[0]
    [(name, values)] = json.loads(event.changes).items()
    assert name == values[0] == event.target
    assert name.isprintable()


def test_no_filter_reaches_the_database_as_a_statement(companies):
    client = client_of(companies.acme.owner)
    for name, address in tour.addresses(companies.acme).items():
        for sort in (
            "password",
            "-user__password",
            "tenant__name",
            "name;select",
            "pk) --",
            "?",
            "-?",
            "their_account_id",
        ):
            asked = {
                "sort": sort,
                "order": sort,
                "o": sort,
                "view": sort,
                "page": sort,
                "state": sort,
                "side": sort,
            }
            assert client.get(address, asked).status_code < 500, name
