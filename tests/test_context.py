"""The context holds in every kind of view, in jobs and commands, and over one connection that many share."""

import asyncio
import random
from collections.abc import Coroutine
from itertools import cycle, islice

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection, connections
from django.db.models import Count
from django.test import AsyncClient, Client

from core.tenancy import NoTenantContext, current_context, tenant_context
from overlaps.models import Account
from tests.context_urls import kinds

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.context_urls")]


@pytest.fixture
def accounts(acme, globex):
    for tenant, name in [(acme, "Stark"), (globex, "Wayne")]:
        with tenant_context(tenant):
            Account.objects.create(name=name)


def run(work: Coroutine) -> object:
    """asyncio.run; the thread that asked the database for it gives its connection back."""

    async def tidy() -> object:
        try:
            return await work
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(tidy())


def text_of(response) -> str:
    return b"".join(response.streaming_content).decode() if response.streaming else response.text


@pytest.mark.parametrize("kind", kinds)
def test_each_kind_of_view_sees_its_workspace(kind, accounts, ada, grace, log_in):
    assert text_of(log_in(ada).get(f"/w/acme/test/{kind}/")) == "[Stark]"
    assert text_of(log_in(grace).get(f"/w/globex/test/{kind}/")) == "[Wayne]"
    assert current_context().tenant_id is None


@pytest.mark.parametrize("kind", sorted(kinds.keys() - {"stream"}))
def test_each_kind_of_view_sees_it_under_asgi_too(kind, accounts, ada, log_in):
    async def ask() -> str:
        client = AsyncClient()
        await client.aforce_login(ada.user, "allauth.account.auth_backends.AuthenticationBackend")
        return (await client.get(f"/w/acme/test/{kind}/")).text

    assert run(ask()) == "[Stark]"


@pytest.mark.parametrize("kind", ["naive-stream", "lazy-stream"])
def test_a_stream_that_opens_no_context_is_loud(kind, accounts, ada, log_in):
    """Never an empty export with status 200."""
    with pytest.raises(NoTenantContext):
        text_of(log_in(ada).get(f"/w/acme/test/{kind}/"))


@pytest.mark.parametrize("way", ["write-and-fail", "write-and-answer-500"])
def test_a_failed_request_leaves_nothing(way, acme, ada, log_in):
    client = log_in(ada)
    client.raise_request_exception = False
    assert client.get(f"/w/acme/test/{way}/").status_code == 500
    with tenant_context(acme):
        assert not Account.objects.exists()


def test_async_tasks_have_a_context_each(accounts, acme, globex):
    @sync_to_async
    def names(tenant) -> list[str]:
        with tenant_context(tenant):
            return [account.name for account in Account.objects.all()]

    async def both() -> list[list[str]]:
        return await asyncio.gather(*[names(tenant) for tenant in islice(cycle([acme, globex]), 20)])

    assert run(both()) == [["Stark"], ["Wayne"]] * 10


def test_async_queries_stay_inside(accounts, acme):
    @sync_to_async
    def inside() -> None:
        with tenant_context(acme):
            assert Account.objects.exists()

    async def after() -> None:
        await inside()
        with pytest.raises(NoTenantContext):
            [account async for account in Account.objects.all()]

    run(after())


def test_a_command_opens_its_own(accounts, globex):
    class Command(BaseCommand):
        def handle(self, **options: object) -> str:
            with tenant_context(globex):
                return " ".join(Account.objects.values_list("name", flat=True))

    assert call_command(Command()) == "Wayne"


def test_subqueries_counts_updates_and_deletes_stay_inside(accounts, acme, globex):
    with tenant_context(acme):
        assert Account.objects.filter(pk__in=Account.objects.values("pk")).count() == 1
        assert Account.objects.aggregate(n=Count("pk"))["n"] == 1
        assert Account.objects.update(country="US") == 1
        Account.objects.bulk_create([Account(name="Oscorp")])
        assert Account.objects.all().delete()[0] == 2
    with tenant_context(globex):
        assert Account.objects.get().country == ""


def test_two_thousand_requests_of_two_workspaces_over_one_connection(accounts, ada, grace, log_in):
    rng = random.Random(4)
    people = {"acme": (log_in(ada), "[Stark]"), "globex": (log_in(grace), "[Wayne]")}
    backend = backend_of_connection()
    connection.close_at = None  # keep it, as production does
    foreign = 0
    for _ in range(2_000):
        slug = rng.choice(list(people))
        client, own = people[slug]
        client.raise_request_exception = False
        if rng.random() < 0.1:
            client.get(f"/w/{slug}/test/write-and-fail/")
        elif rng.random() < 0.1:
            abandon(client, slug)
        else:
            foreign += (
                text_of(client.get(f"/w/{slug}/test/{rng.choice(['function', 'class-based'])}/")) != own
            )
        assert settings_of_connection() == ("", "")
    assert foreign == 0
    assert backend_of_connection() == backend


def abandon(client: Client, slug: str) -> None:
    """A browser that goes away in the middle of a download."""
    response = client.get(f"/w/{slug}/test/stream/")
    next(iter(response.streaming_content))
    response.close()


def backend_of_connection() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def settings_of_connection() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(current_setting('app.tenant_id', true), ''), "
            "coalesce(current_setting('app.user_id', true), '')"
        )
        return cursor.fetchone()
