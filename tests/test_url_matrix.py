"""Every URL x everybody x every method x with and without htmx: each has an expected answer.

The rows stand in `tests/url_matrix.py`. A URL without a row fails, a row without a URL too. No answer holds a canary
of a workspace that the person is not in. Below /w/acme/ who is no member gets the one 404.
"""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests import world
from tests.url_matrix import OUTSIDE, WORKSPACE
from tests.world import ROLES

METHODS = ("GET", "POST", "PUT", "DELETE")
FORM = "application/x-www-form-urlencoded"
CONFIRMED_FIRST = {"workspaces:ownership_offer"}  # leads to the password before it looks for anybody
NEVER = ("PUT", "DELETE")
OUTSIDERS = ("stranger", "partner", "former", "deactivated", "operator")
# Different in each answer by nature.
NOISE = re.compile(r'"x-csrftoken":"\w+"|name="csrfmiddlewaretoken" value="\w+"')


def patterns(resolver: URLResolver, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from patterns(pattern, inner)
        else:
            yield f"{space}{pattern.name}", pattern


URLS = dict(patterns(get_resolver("config.urls")))
URLS.pop("dev_mail", None)  # with DEBUG only: see test_devmail.py
INSIDE = {name for name, pattern in URLS.items() if "slug" in pattern.pattern.converters}


def test_each_url_has_a_row_and_each_row_a_url():
    assert None not in {pattern.name for pattern in URLS.values()}
    assert WORKSPACE.keys() == INSIDE
    assert OUTSIDE.keys() == URLS.keys() - INSIDE


def test_each_view_says_who_may_call_it():
    unmarked = {
        name
        for name, pattern in URLS.items()
        if not hasattr(pattern.callback, "permission" if name in INSIDE else "open_to")
        and not pattern.callback.__module__.startswith("allauth.")
    }
    assert unmarked == set()


class Knocker:
    """Asks as one person, and leaves nothing behind."""

    def __init__(self, user, companies: world.World) -> None:
        self.client = Client(raise_request_exception=False)
        if user:
            self.client.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
        everyone = (companies.acme, companies.globex, companies.initech)
        self.foreign = [c.canary for c in everyone if user not in [m.user for m in c.people.values()]]

    def ask(self, method: str, url: str, htmx: bool) -> tuple[int, str]:
        headers = {"HX-Request": "true"} if htmx else {}
        cache.clear()
        with transaction.atomic():
            response = self.client.generic(method, url, b"nothing=here", FORM, headers=headers)
            text = body(response)
            transaction.set_rollback(True)
        for canary in self.foreign:
            assert canary not in text, f"{method} {url} shows {canary}"
            assert canary not in str(response.headers), f"{method} {url} shows {canary} in a header"
        return response.status_code, text


def body(response) -> str:
    raw = b"".join(response.streaming_content) if response.streaming else response.content
    return raw.decode("utf-8", "replace")


def arguments(name: str, one: world.Company) -> dict[str, object]:
    """Of a URL below /w/<slug>/, for the rows of this company."""
    given = WORKSPACE[name].get("rows", {})
    named = {key: getattr(one.rows[row], "pk", row) if row in one.rows else row for key, row in given.items()}
    return named | WORKSPACE[name].get("kwargs", {})


@pytest.mark.parametrize("name", sorted(INSIDE))
def test_inside_a_workspace(name, companies):
    row = WORKSPACE[name]
    url = reverse(name, kwargs={"slug": "acme", **arguments(name, companies.acme)})
    wrong = {}
    for actor, user in companies.actors().items():
        knocker = Knocker(user, companies)
        for method in METHODS:
            for htmx in (False, True):
                status, _ = knocker.ask(method, url, htmx)
                expected = expectation(row, actor, method, htmx)
                if status not in expected:
                    wrong[f"{actor} {method}{' htmx' if htmx else ''}"] = f"{status}, not {expected}"
    assert wrong == {}


def expectation(row: dict, actor: str, method: str, htmx: bool) -> set[int]:
    if method in NEVER:
        return {405}
    if actor == "anonymous":
        return {401 if htmx else 302}
    if actor in OUTSIDERS:
        return {404}
    answers = row.get(method, "").split()
    if not answers:
        return {403, 405}  # whichever is asked first; never done
    answer = answers[ROLES.index(actor)] if len(answers) == len(ROLES) else answers[0]
    return {int(code) for code in answer.split("/")}


@pytest.mark.parametrize("name", sorted(name for name in INSIDE if "rows" in WORKSPACE.get(name, {})))
def test_foreign_and_absent_ids_are_alike(name, companies):
    """For each role of Acme: a row of Globex or Initech, and a row that is nowhere."""
    for role in ROLES:
        knocker = Knocker(companies.acme.people[role].user, companies)
        for method in ("GET", "POST"):
            answers = set()
            for rows in (companies.globex.rows, companies.initech.rows, {}):
                kwargs = {}
                for key, row in WORKSPACE[name]["rows"].items():
                    # An intro belongs to both sides; a draft of theirs does not.
                    found = rows.get("draft" if "intro" in row else row)
                    kwargs[key] = getattr(found, "pk", None) or world.absent()
                    if URLS[name].pattern.converters[key].__class__.__name__ != "UUIDConverter":
                        kwargs[key] = row
                status, text = knocker.ask(method, reverse(name, kwargs={"slug": "acme", **kwargs}), False)
                answers.add((status, without_ids(text, kwargs.values())))
            assert len(answers) == 1, f"{role} {method} {name}: {[(s, len(t)) for s, t in answers]}"
            assert next(iter(answers))[0] in {403, 404, 405} | ({302} if name in CONFIRMED_FIRST else set())


def without_ids(text: str, ids) -> str:
    for value in ids:
        text = text.replace(str(value), "")
    return NOISE.sub("", text)


def test_foreign_and_absent_workspaces_are_alike(companies, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    seen = set()
    for slug in ("globex", "nowhere"):
        client = Client()
        client.force_login(
            companies.initech.owner.user, "allauth.account.auth_backends.AuthenticationBackend"
        )
        with CaptureQueriesContext(connection) as queries:
            response = client.get(f"/w/{slug}/", headers={})
        headers = dict(response.headers)
        seen.add((response.status_code, NOISE.sub("", response.text), str(headers), len(queries)))
    assert len(seen) == 1
    assert next(iter(seen))[0] == 404


@pytest.mark.parametrize("name", sorted(URLS.keys() - INSIDE))
def test_outside_a_workspace(name, companies):
    """Two people: nobody, and somebody signed in."""
    row = OUTSIDE[name]
    url = reverse(name, kwargs=row.get("kwargs", {}))
    wrong = {}
    for actor, user in [("anonymous", None), ("signed in", companies.acme.owner.user)]:
        knocker = Knocker(user, companies)
        for method in METHODS:
            for htmx in (False, True):
                status, _ = knocker.ask(method, url, htmx)
                expected = outside_expectation(row, actor, method, htmx)
                if status not in expected:
                    wrong[f"{actor} {method}{' htmx' if htmx else ''}"] = f"{status}, not {expected}"
    assert wrong == {}


def outside_expectation(row: dict, actor: str, method: str, htmx: bool) -> set[int]:
    """Two answers to a method: of nobody and of a person. "login" is 302 to the form, 401 under htmx."""
    if method in NEVER:
        return {405}
    answers = row.get(method, "405").split()
    answer = answers[actor != "anonymous"] if len(answers) == 2 else answers[0]
    codes = {("401" if htmx else "302") if code == "login" else code for code in answer.split("/")}
    return {int(code) for code in codes}


def test_ids_are_uuids_so_that_nobody_counts(companies):
    for one in (companies.acme, companies.globex):
        assert all(isinstance(row.pk, UUID) for row in one.rows.values())
