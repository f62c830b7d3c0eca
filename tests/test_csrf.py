"""No other site can make a signed-in browser write: without our token, or from elsewhere, nothing begins."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve

from tests import tour

OURS = "This page is out of date"
FOREIGN = {
    "another site": {"Origin": "https://evil.example"},
    "a sandboxed frame": {"Origin": "null"},
    "another port": {"Origin": "http://testserver:8443"},
    "a subdomain": {"Origin": "http://evil.testserver"},
    "a look-alike": {"Origin": "http://testserver.evil.example"},
    "another scheme": {"Origin": "https://testserver"},
}


def strict(user) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user, settings.AUTHENTICATION_BACKENDS[0])
    return client


def token_of(client: Client) -> str:
    client.get("/workspaces/new/")
    return client.cookies["csrftoken"].value


def test_no_view_is_exempt(companies):
    views = {name: resolve(address).func for name, address in tour.addresses(companies.acme).items()}

    assert {name for name, view in views.items() if getattr(view, "csrf_exempt", False)} == set()


def test_without_the_token_every_address_refuses(companies):
    client = strict(companies.acme.owner.user)
    for name, address in tour.addresses(companies.acme).items():
        for headers in ({}, {"HX-Request": "true"}, {"X-CSRFToken": "a" * 64}, {"X-CSRFToken": "short"}):
            response = client.post(address, headers=headers)
            assert response.status_code == 403, f"{name} {headers}"
            assert OURS in response.text, name
            assert ("<html" in response.text) is not ("HX-Request" in headers), name


def test_nobody_in_particular_is_refused_just_the_same(companies):
    client = Client(enforce_csrf_checks=True)
    for name, address in tour.addresses(companies.acme).items():
        response = client.post(address)
        assert response.status_code == 403, name
        assert OURS in response.text, name


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_from_elsewhere_even_the_token_does_not_help(companies, headers):
    client = strict(companies.acme.owner.user)
    token = token_of(client)
    for name, address in tour.addresses(companies.acme).items():
        response = client.post(address, {"csrfmiddlewaretoken": token}, headers=headers)
        assert response.status_code == 403, name
        assert OURS in response.text, name


@pytest.mark.parametrize("headers", [{}, {"Referer": "https://evil.example/"}, {"Referer": "https://[x"}])
def test_over_https_the_referer_counts_where_there_is_no_origin(companies, headers):
    client = strict(companies.acme.owner.user)
    token = token_of(client)

    response = client.post(
        "/workspaces/new/", {"name": "More", "csrfmiddlewaretoken": token}, headers=headers, secure=True
    )

    assert response.status_code == 403
    assert OURS in response.text


@pytest.mark.parametrize("way", ["field", "header"])
@pytest.mark.parametrize("origin", [{}, {"Origin": "http://testserver"}])
def test_with_the_token_from_our_page_it_begins(companies, way, origin):
    client = strict(companies.acme.owner.user)
    token = token_of(client)
    fields = {"csrfmiddlewaretoken": token} if way == "field" else {}
    headers = {"X-CSRFToken": token} if way == "header" else {}

    response = client.post("/workspaces/new/", {"name": "More"} | fields, headers=headers | origin)

    assert response.status_code == 302
    assert response.url == "/w/more/"


def test_the_token_of_another_browser_opens_nothing(companies):
    mine, theirs = strict(companies.acme.owner.user), strict(companies.initech.owner.user)
    token_of(mine)

    response = mine.post("/workspaces/new/", {"name": "More", "csrfmiddlewaretoken": token_of(theirs)})

    assert response.status_code == 403
    assert mine.get("/w/more/").status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_other_methods_are_no_way_around(companies, method):
    client = strict(companies.acme.owner.user)
    for name, address in tour.addresses(companies.acme).items():
        assert client.generic(method, address).status_code == 405, name


def test_a_method_in_the_form_is_no_method(companies):
    """X-HTTP-Method-Override and _method are for other frameworks."""
    client = strict(companies.acme.owner.user)
    for headers in ({"X-HTTP-Method-Override": "POST"}, {"X-Method-Override": "POST"}):
        assert client.get("/workspaces/switch/?_method=POST", headers=headers).status_code == 405


def test_reading_changes_nothing(companies):
    """Each address once by GET, as a link, a prefetch or a picture would: no row is written but the visit's own."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = strict(companies.acme.owner.user)
    addresses = tour.addresses(companies.acme)
    own = (
        "core_membership",
        "django_session",
        "core_cache",
        "usersessions_usersession",
        "overlaps_inboxvisit",
    )
    for name, address in addresses.items():
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        written = [
            sql
            for query in queries
            if (sql := query["sql"]).split(" ", 1)[0] in {"INSERT", "UPDATE", "DELETE"}
            and not any(f'"{table}"' in sql for table in own)
        ]
        assert written == [], name
