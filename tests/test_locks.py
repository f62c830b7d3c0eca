"""Three locks, each of which holds alone: with the other ones taken out, nobody sees a foreign row."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from core import catalogue, managers
from core.models import MembershipAcrossQuerySet, TenantModel
from core.tenancy import tenant_context
from intros.models import Intro
from overlaps.models import Account
from tests import world
from tests.test_url_matrix import INSIDE, arguments, body
from tests.url_matrix import WORKSPACE

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = sorted(name for name in INSIDE if "200" in WORKSPACE[name].get("GET", ""))


def crawl(one: world.Company, role: str = "owner") -> Iterator[tuple[str, str]]:
    """Each page of the workspace, plain and as a fragment."""
    client = Client(raise_request_exception=False)
    client.force_login(one.people[role].user, "allauth.account.auth_backends.AuthenticationBackend")
    for name in PAGES:
        if not all(row in one.rows for row in WORKSPACE[name].get("rows", {}).values()):
            continue
        url = reverse(name, kwargs={"slug": one.tenant.slug, **arguments(name, one)})
        for headers in ({}, {"HX-Request": "true"}):
            yield url, body(client.get(url, headers=headers))


def leaks(companies: world.World) -> list[tuple[str, str]]:
    everyone = (companies.acme, companies.globex, companies.initech)
    return [
        (url, other.canary)
        for one in everyone
        for role in ("owner", "viewer")
        for url, text in crawl(one, role)
        for other in everyone
        if other is not one and other.canary in text
    ]


def test_the_crawl_sees_what_it_looks_for(companies):
    """No leak is found because there is none, not because nothing was read."""
    pages = dict(crawl(companies.acme))
    assert len(pages) > 15
    everything = "".join(pages.values())
    for word in (companies.acme.canary, "canary-acme hidden", "shown-globex", "canary-acme notes"):
        assert word in everything
    assert leaks(companies) == []


@pytest.fixture
def no_scope(monkeypatch):
    for manager in (managers.TenantManager, managers.TwoSidedManager, managers.OwnOrTenantManager):
        monkeypatch.setattr(
            manager, "get_queryset", lambda self: self._queryset_class(self.model, using=self._db)
        )
    monkeypatch.setattr(type(Intro.objects), "get_queryset", type(Intro.across_tenants).get_queryset)


def test_without_the_scope_of_the_managers_the_database_leaks_nothing(companies, no_scope):
    with tenant_context(companies.acme.tenant):
        assert "tenant_id" not in str(Account.objects.all().query.where)  # the scope is really gone
    assert leaks(companies) == []


@contextmanager
def no_row_security() -> Iterator[None]:
    def each_table(way: str) -> None:
        with connection.as_owner(), connection.cursor() as cursor:
            for table in sorted(catalogue.tenant_tables()):
                cursor.execute(f"ALTER TABLE {table} {way} ROW LEVEL SECURITY")

    each_table("DISABLE")
    try:
        yield
    finally:
        each_table("ENABLE")


def test_without_row_security_the_managers_leak_nothing(companies):
    with no_row_security():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT tenant_id) FROM overlaps_account")
            assert cursor.fetchone() == (3,)  # the lock is really gone
        assert leaks(companies) == []
    assert list(catalogue.problems()) == []


def test_without_both_the_crawl_finds_leaks(companies, no_scope):
    """The tests above would fail if a lock did: here both are out."""
    with no_row_security():
        assert len(leaks(companies)) > 10


def test_without_the_question_who_it_is_the_database_answers_nothing(companies, monkeypatch):
    """The middleware takes any membership that it is shown: it is shown none."""
    monkeypatch.setattr(
        MembershipAcrossQuerySet, "of", lambda self, user: self.filter(is_active=True, tenant__is_active=True)
    )
    client = Client()
    client.force_login(companies.initech.owner.user, "allauth.account.auth_backends.AuthenticationBackend")
    for name in PAGES:
        url = reverse(name, kwargs={"slug": "acme", **arguments(name, companies.acme)})
        response = client.get(url)
        assert (response.status_code, companies.acme.canary in body(response)) == (404, False)


def test_no_context_no_row_in_any_table(companies):
    with connection.cursor() as cursor:
        for table in sorted(catalogue.tenant_tables()):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,), table


def test_in_one_context_no_row_of_another_in_any_table(companies):
    from django.apps import apps

    mine = companies.acme.tenant.pk
    for model in apps.get_models():
        if issubclass(model, TenantModel):
            with tenant_context(mine):
                assert not model.across_tenants.exclude(tenant_id=mine).exists(), model
