"""Whatever somebody writes into a link or a header, the browser stays with us."""

import re
from html.parser import HTMLParser
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from conftest import PASSWORD
from core.tenancy import tenant_context
from workspaces.models import Invitation

EVIL = "evil.example"
PAYLOADS = [
    *(
        f"{scheme}//{EVIL}/"
        for scheme in ("http:", "https:", "HTTPS:", "ftp:", "ws:", "file:", "", "view-source:")
    ),
    *(
        f"{start}{EVIL}/"
        for start in ("///", "////", "/////", "\\\\", "/\\", "\\/", "/\\/", "\\//", "//\\", "http:\\\\")
    ),
    *(
        f"{start}//{EVIL}/"
        for start in ("\t", "\n", "\r", "\r\n", " ", "\0", "\x0b", "\x1f", "\x7f", "\xa0", "\u200b")
    ),
    *(f"/{inside}/{EVIL}/" for inside in ("\t", "\n", "\r", "\\", "\0", "\t\\")),
    *(f"http:{rest}" for rest in (EVIL, f"/{EVIL}", f"///{EVIL}", f"\\{EVIL}", f"\t//{EVIL}")),
    *(
        f"https://testserver{rest}"
        for rest in (f".{EVIL}/", f"@{EVIL}/", f":80@{EVIL}/", f"\\@{EVIL}/", f"%00.{EVIL}/")
    ),
    *(
        f"https://{EVIL}{rest}"
        for rest in ("#testserver", "?testserver", "\\testserver", "/testserver", "%2f@testserver")
    ),
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript://testserver/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:https://evil.example/1",
    f"//{EVIL}\u3002example/",
    f"\uff0f\uff0f{EVIL}/",
    f"/\uff0f{EVIL}/",
    f"//[::1]@{EVIL}/",
    "http://[",
    "//[",
    "https://2130706433/",
    f"/%0d%0aLocation:%20https://{EVIL}/",
    f"/\r\nLocation: https://{EVIL}/",
    f"/%09/{EVIL}/",
    f"%2f%2f{EVIL}/",
]
BLANK = "".join(map(chr, range(0x21)))
AWAY = ("href", "action", "formaction", "src", "hx-get", "hx-post", "content")


class Addresses(HTMLParser):
    """All that a page could lead to, and where its forms would be told to go on to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag != "meta" or given.get("http-equiv", "").lower() == "refresh":
            self.found += [given[name] for name in AWAY if given.get(name)]


def leads_on(address: str) -> bool:
    """To a path of this host as a browser reads it, and hands on nothing else under `next`."""
    read = re.sub(r"[\t\n\r]", "", address).strip(BLANK).replace("\\", "/")
    if read.startswith("//") or re.match(r"[a-z][a-z0-9+.-]*:", read, re.IGNORECASE):
        return False
    return all(leads_on(value) for name, value in parse_qsl(urlsplit(read).query) if name == "next")


def checked(response) -> None:
    for header in ("Location", "HX-Redirect", "HX-Location", "HX-Push-Url", "HX-Replace-Url", "Refresh"):
        if header in response:
            assert leads_on(response[header]), f"{header}: {response[header]!r}"
    if "text/html" in response.get("Content-Type", ""):
        assert [address for address in Addresses(response.text).found if not leads_on(address)] == []


def test_there_are_sixty_and_the_measure_knows_them():
    assert len(set(PAYLOADS)) >= 60
    assert len([payload for payload in PAYLOADS if not leads_on(payload)]) >= 50
    assert not leads_on(f"/accounts/login/?next=%2F%2F{EVIL}")
    assert leads_on("/accounts/login/?next=/w/acme/%3Fq=//x")


@pytest.fixture(autouse=True)
def no_limits(db):
    cache.clear()


@pytest.fixture
def ours(log_in, ada):
    return log_in(ada)


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
class TestNext:
    def test_at_the_door(self, client, ada, payload):
        for path in ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"):
            checked(client.get(path, {"next": payload}))
            checked(client.post(path, {"next": payload}))
            checked(client.post(f"{path}?{urlencode({'next': payload})}"))
        for place in ("field", "query"):
            fields = {"login": ada.user.email, "password": PASSWORD}
            query = f"?{urlencode({'next': payload})}" if place == "query" else ""
            response = client.post(f"/accounts/login/{query}", fields | ({} if query else {"next": payload}))
            assert response.status_code == 302
            checked(response)
            checked(client.get("/accounts/login/", {"next": payload}))
            client.logout()

    def test_inside(self, ours, payload):
        query = urlencode({"next": payload})
        for path in ("/accounts/reauthenticate/", "/accounts/logout/", "/accounts/2fa/reauthenticate/"):
            checked(ours.get(f"{path}?{query}"))
        for path in (
            "/accounts/reauthenticate/",
            "/workspaces/switch/",
            "/workspaces/new/",
            "/invitations/ask/",
            "/partner-invitations/accept/",
            "/w/acme/settings/",
            "/accounts/password/change/",
        ):
            checked(
                ours.post(path, {"next": payload, "password": PASSWORD, "workspace": "acme", "name": "More"})
            )
            checked(ours.post(f"{path}?{query}", {"password": PASSWORD, "workspace": "acme"}))
        checked(ours.post(f"/accounts/logout/?{query}", {"next": payload}))

    def test_where_htmx_says_the_person_is(self, client, payload):
        for url in (payload, f"http://testserver{payload}", f"http://testserver/{payload}"):
            for escaped in ({}, {"HX-Current-URL-URI-AutoEncoded": "true"}):
                value = quote(url) if escaped else url.encode("latin-1", "replace").decode("latin-1")
                headers = {"HX-Request": "true", "HX-Current-URL": value} | escaped
                response = client.get("/workspaces/switcher/", headers=headers)
                assert response.status_code == 401
                checked(response)


def test_after_a_lost_session_the_page_with_its_filters_comes_back(client):
    here = "http://testserver/w/acme/overlaps/?q=x&page=2"

    response = client.get("/w/acme/overlaps/?q=xy", headers={"HX-Request": "true", "HX-Current-URL": here})

    assert response["HX-Redirect"] == "/accounts/login/?next=%2Fw%2Facme%2Foverlaps%2F%3Fq%3Dx%26page%3D2"


def test_a_path_that_looks_like_a_host(client):
    """As the path itself: the slash that is added, the way to the login form."""
    for payload in PAYLOADS:
        path = payload if payload.startswith("/") else f"/{payload}"
        for target in (path, f"/w/acme/{payload}", f"/{EVIL}/..{path}", f"/w/{payload}/"):
            checked(client.get(quote(target, safe="/:@\\%?#")))


def test_an_old_address_of_a_workspace_leads_to_its_new_one(ours, acme):
    assert ours.post(acme.path_to("workspaces:address"), {"slug": "acme-corp"}).status_code == 302

    for payload in PAYLOADS:
        for tail in (payload, f"/{EVIL}/{payload}"):
            response = ours.get(f"/w/acme/{quote(tail, safe='/:@%?#')}")
            assert response.url.startswith("/w/acme-corp/")
            checked(response)
        response = ours.post("/w/acme/settings/", {"next": payload})
        assert (response.status_code, response.url) == (303, "/w/acme-corp/")


# -- the Host header -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        EVIL,
        f"testserver.{EVIL}",
        f"testserver@{EVIL}",
        f"{EVIL}:80",
        "testserver:x",
        "",
        "[::1",
        "127.0.0.1.nip.io",
    ],
)
def test_another_host_is_refused(client, host):
    for path in ("/", "/accounts/login/", "/accounts/password/reset/", "/w/acme/"):
        response = client.get(path, headers={"Host": host})
        assert response.status_code == 400
        assert EVIL not in response.text
        assert "ALLOWED_HOSTS" not in response.text
        assert client.post(path, headers={"Host": host}).status_code == 400


def test_a_host_that_only_a_proxy_may_name_changes_nothing(client):
    forged = {
        "X-Forwarded-Host": EVIL,
        "X-Host": EVIL,
        "Forwarded": f"host={EVIL}",
        "X-Original-URL": "/evil",
    }
    for path in ("/", "/accounts/login/", "/accounts/signup/"):
        response = client.get(path, headers=forged)
        assert EVIL not in str(response.headers) + response.text
        checked(response)


@pytest.mark.django_db(transaction=True)
def test_links_in_mails_lead_to_the_address_in_the_settings(log_in, ada, run_jobs, settings):
    settings.SITE_URL = "https://cosell.example"
    here = {"headers": {"Host": "testserver:8443", "X-Forwarded-Host": EVIL}}
    Client().post("/accounts/password/reset/", {"email": ada.user.email}, **here)
    Client().post(
        "/accounts/signup/",
        {"email": "new@person.example", "name": "New", "password1": "a long enough one"},
        **here,
    )
    ours = log_in(ada)
    ours.post("/w/acme/members/invite/", {"emails": "linus@acme.example", "role": "member"}, **here)
    ours.post(
        "/w/acme/partners/invite/",
        {
            "name": "Globex",
            "email": "grace@globex.example",
            "customers": "hidden",
            "open_opportunities": "hidden",
            "prospects": "hidden",
        },
        **here,
    )
    run_jobs()

    assert {message.to[0] for message in mail.outbox} == {
        "ada@acme.example",
        "new@person.example",
        "linus@acme.example",
        "grace@globex.example",
    }
    for message in mail.outbox:
        links = re.findall(r"https?://[^\s>]+", message.body)
        assert links
        assert all(link.startswith("https://cosell.example/") for link in links)


def test_an_invitation_leads_on_only_inside(client, log_in, ada, acme, grace):
    with tenant_context(acme, by=ada):
        invitation = Invitation.send(by=ada, email=grace.user.email)
    query = urlencode({"next": f"//{EVIL}/"})
    for browser in (client, log_in(grace)):
        response = browser.get(f"/invitations/open/{invitation.token}/?{query}")
        assert response.url == "/invitations/accept/"
        checked(browser.get(f"/invitations/accept/?{query}"))
    browser = log_in(grace)
    response = browser.post(
        f"/invitations/{invitation.pk}/join/?{query}",
        headers={"HX-Request": "true", "HX-Current-URL": f"https://{EVIL}/"},
    )
    assert response["HX-Redirect"] == "/w/acme/"
