"""What every answer carries, whoever asks for whatever: policy, privacy, and cookies that only this host gets."""

import re
import runpy

import pytest
from django.conf import settings as active
from django.test import Client
from django.utils.csp import build_policy

from conftest import PASSWORD
from core.tenancy import tenant_context
from tests import tour

PRODUCTION = {
    "SECRET_KEY": "kT3-9vQpLx7_ZrW2mHs8dNf4YbGc6JaUe5oXi1RtPqVzKyBwE0uSn",
    "SITE_URL": "https://cosell.example",
    "ALLOWED_HOSTS": "cosell.example,testserver",
    "EMAIL_HOST": "mail.cosell.example",
    "DEFAULT_FROM_EMAIL": "Cosell <hello@cosell.example>",
}
A_DAY = 24 * 3600


@pytest.fixture
def production(settings, monkeypatch):
    """What config/settings.py says about pages and cookies when DEBUG is not set."""
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DEBUG", raising=False)
    values = runpy.run_path(str(active.BASE_DIR / "config" / "settings.py"))
    assert values["DEBUG"] is False
    chosen = re.compile(r"(SECURE|SESSION|CSRF|X_FRAME)_|ALLOWED_HOSTS|SITE_URL|ACCOUNT_DEFAULT_HTTP")
    for name, value in values.items():
        if chosen.match(name):
            setattr(settings, name, value)
    return settings


def complete(response, *, leaving: bool = False) -> dict[str, str]:
    """What is wrong with the headers of an answer."""
    header = response.headers
    keeps = set(re.split(r",\s*", header.get("Cache-Control", "")))
    varies = set(re.split(r",\s*", header.get("Vary", "").lower()))
    wanted = {
        "Content-Security-Policy": header.get("Content-Security-Policy") == build_policy(active.SECURE_CSP),
        "Cache-Control": {"private", "no-store"} <= keeps and "public" not in keeps,
        "Vary": {"hx-request", "cookie"} <= varies,
        "X-Content-Type-Options": header.get("X-Content-Type-Options") == "nosniff",
        "Cross-Origin-Opener-Policy": header.get("Cross-Origin-Opener-Policy") == "same-origin",
        "Referrer-Policy": header.get("Referrer-Policy") == ("no-referrer" if leaving else "same-origin"),
        "X-Frame-Options": header.get("X-Frame-Options") == "DENY",
    }
    wrong = {name: header.get(name, "") for name, right in wanted.items() if not right}
    loose = {name for name in header if re.match("Server$|X-Powered-By|Access-Control-", name, re.IGNORECASE)}
    return wrong | {name: header[name] for name in loose}


def test_the_policy_allows_this_host_and_nothing_that_is_written_into_a_page():
    policy = active.SECURE_CSP
    for directive in ("default-src", "frame-ancestors", "base-uri", "object-src"):
        assert policy[directive] == ["'none'"]
    allowed = {source for sources in policy.values() for source in sources}
    assert allowed == {"'none'", "'self'", "data:"}
    assert [name for name, sources in policy.items() if "data:" in sources] == ["img-src"]
    assert policy["form-action"] == policy["script-src"] == policy["connect-src"] == ["'self'"]


@pytest.mark.parametrize("who", ["nobody", "owner", "stranger"])
def test_every_address_answers_with_all_of_them(companies, log_in, who):
    people = {"owner": companies.acme.owner, "stranger": companies.initech.owner}
    wrong, seen = {}, set()
    client = None
    for name, address in tour.addresses(companies.acme).items():
        for method in ("GET", "POST", "HEAD", "DELETE"):
            for htmx in ({}, {"HX-Request": "true"}):
                client = client or (log_in(people[who]) if who in people else Client())
                client.raise_request_exception = False
                response = client.generic(method, address, headers=htmx)
                seen.add(response.status_code)
                # The path of these holds the token.
                leaving = name.endswith("invitation_open") and response.status_code == 303
                if found := complete(response, leaving=leaving):
                    wrong[f"{method} {address} {htmx} {response.status_code}"] = found
                if "logout" in name or "other_account" in name:
                    client = None
    assert wrong == {}
    assert not seen & {400, 500}
    assert {200, 302, 404, 405} <= seen


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/nowhere/", {}, 404),
        ("/w/acme", {}, 301),
        ("/workspaces", {}, 301),
        ("/", {"Host": "evil.example"}, 400),
        ("/static/nothing.css", {}, 404),
        ("/w/\0/", {}, 404),
    ],
)
def test_answers_that_no_view_gives_have_them_too(client, path, headers, status):
    response = client.get(path, headers=headers)

    assert response.status_code == status
    assert complete(response) == {}


def test_a_refused_form_and_our_own_failure_have_them_too(log_in, ada, monkeypatch):
    strict = Client(enforce_csrf_checks=True)
    assert complete(strict.post("/accounts/login/")) == {}

    def fail(*args):
        raise ZeroDivisionError

    monkeypatch.setattr("workspaces.places.mine", fail)
    client = log_in(ada)
    client.raise_request_exception = False
    response = client.get("/workspaces/")
    assert response.status_code == 500
    assert complete(response) == {}


def test_only_a_logo_may_be_kept_and_only_by_its_readers_browser(log_in, ada, acme, tmp_path):
    from io import BytesIO

    from django.core.files.uploadedfile import SimpleUploadedFile
    from PIL import Image

    picture = BytesIO()
    Image.new("RGB", (64, 64)).save(picture, "PNG")
    client = log_in(ada)
    client.post(
        acme.path_to("workspaces:logo"),
        {"logo": SimpleUploadedFile("logo.png", picture.getvalue(), "image/png")},
    )
    with tenant_context(acme):
        acme.refresh_from_db()
    response = client.get(acme.path_to("workspaces:logo_file", version=acme.logo_version))

    assert response.status_code == 200
    assert "private" in response["Cache-Control"]
    assert complete(response).keys() == {"Cache-Control"}


def test_a_file_of_the_look_may_be_kept_by_everybody(client):
    response = client.get("/static/core/css/01-tokens.css")

    assert response.status_code == 200
    assert "Cookie" not in response.get("Vary", "")
    assert response["X-Content-Type-Options"] == "nosniff"


# -- as in production ------------------------------------------------------------------------------------------


def test_cookies_are_for_this_host_for_https_and_for_no_script(production, ada):
    client = Client()
    client.get("/accounts/login/", secure=True)
    client.post("/accounts/login/", {"login": ada.user.email, "password": PASSWORD}, secure=True)
    assert client.get("/w/acme/", secure=True).status_code == 200

    assert client.cookies.keys() == {"__Host-session", "__Host-csrf"}
    for cookie in client.cookies.values():
        assert cookie["secure"] and cookie["httponly"]
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
    assert client.cookies["__Host-session"]["max-age"] <= 14 * A_DAY


def test_a_browser_never_comes_back_without_https(production, client, db):
    response = client.get("/accounts/login/", secure=True)
    assert response["Strict-Transport-Security"] == f"max-age={365 * A_DAY}; includeSubDomains; preload"

    plain = client.get("/accounts/login/?next=//evil.example")
    assert plain.status_code == 301
    assert plain.url == "https://testserver/accounts/login/?next=//evil.example"
    assert client.get("/health/").status_code == 200


def test_signing_out_clears_what_the_browser_kept(production, ada):
    client = Client()
    client.post("/accounts/login/", {"login": ada.user.email, "password": PASSWORD}, secure=True)
    assert not client.get("/accounts/logout/", secure=True).has_header("Clear-Site-Data")
    before = client.cookies["__Host-session"].value

    response = client.post("/accounts/logout/", secure=True)

    assert response["Clear-Site-Data"] == '"cache", "storage"'
    assert response.cookies["__Host-session"].value != before
    assert client.get("/w/acme/", secure=True).url.startswith("/accounts/login/")
