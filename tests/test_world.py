"""The companies stand once for many tests; none of them finds what another one did."""

import pytest
from django.db import connection

from conftest import person
from core.models import Tenant, User
from core.tenancy import person_context, tenant_context
from overlaps.models import Account
from tests import world
from tests.postgres.base import KEPT, TABLES


def found(companies) -> dict[str, object]:
    with tenant_context(companies.acme.tenant):
        names = set(Account.objects.values_list("name", flat=True))
    return {"accounts": names, "people": User.objects.count(), "name": companies.acme.tenant.name}


@pytest.mark.parametrize("time", ["first", "second"])
def test_what_one_test_does_the_next_does_not_find(companies, time):
    before = found(companies)
    with tenant_context(companies.acme.tenant):
        Account.objects.all().delete()
        Tenant.objects.update(name="Changed")
        companies.acme.tenant.refresh_from_db()
    person("Somebody", "else")

    assert before["name"] == "Acme" and len(before["accounts"]) == 6
    after = found(companies)
    assert (after["name"], after["accounts"], after["people"]) == ("Changed", set(), before["people"] + 1)


def test_who_did_not_ask_finds_nobody(ada):
    assert User.objects.get() == ada.user
    with person_context(ada.user):
        assert Tenant.objects.get().slug == "acme"


def test_the_objects_are_those_of_the_rows(companies):
    for company in (companies.acme, companies.globex, companies.initech):
        with tenant_context(company.tenant):
            for row in company.rows.values():
                assert type(row)._base_manager.get(pk=row.pk) == row


@pytest.mark.django_db(transaction=True)
def test_where_tests_commit_they_are_built_anew(companies):
    assert len(found(companies)["accounts"]) == 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_what_is_committed_is_gone_before_the_next(time):
    assert tables_with_rows() == set(KEPT)
    world.build()
    assert {"core_user", "overlaps_overlap", "audit_auditevent", "procrastinate_jobs"} <= tables_with_rows()


def tables_with_rows() -> set[str]:
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute(TABLES, [[]])
        tables = [table for (table,) in cursor.fetchall()]
        cursor.execute(
            " UNION ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables)
        )
        return {table for (table,) in cursor.fetchall()}
