import pytest
from django.db import DatabaseError, connection, transaction

from audit.actions import Action
from audit.models import AuditEvent
from core.models import Membership, Tenant
from core.tenancy import NoTenantContext, WrongTenant, current_context, person_context, tenant_context
from overlaps.models import Account


def test_no_context_is_an_error(acme):
    with pytest.raises(NoTenantContext):
        Account.objects.exists()


def test_the_context_shows_its_own_rows_only(acme, globex):
    with tenant_context(acme):
        Account.objects.create(name="Stark")
    with tenant_context(globex):
        Account.objects.create(name="Wayne")
        assert [account.name for account in Account.objects.all()] == ["Wayne"]
        with tenant_context(acme):
            assert [account.name for account in Account.objects.all()] == ["Stark"]
        assert [account.name for account in Account.objects.all()] == ["Wayne"]
    assert current_context().tenant_id is None


def test_the_database_alone_keeps_rows_apart(acme, globex):
    with tenant_context(acme):
        Account.objects.create(name="Stark")
    with tenant_context(globex):
        assert not Account.across_tenants.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM overlaps_account")
        assert cursor.fetchone() == (0,)


def test_a_row_is_not_written_into_another_workspace(acme, globex):
    with tenant_context(acme):
        with pytest.raises(WrongTenant):
            Account.objects.create(tenant=globex, name="Stark")
        with pytest.raises(WrongTenant):
            Account.objects.update(tenant=globex)
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            super(Account, Account(tenant=globex, name="Stark")).save_base(force_insert=True)


def test_every_statement_names_the_tenant(acme, django_assert_num_queries):
    with tenant_context(acme):
        account = Account.objects.create(name="Stark")
        account.name = "Stark Industries"
        with django_assert_num_queries(1) as saved:
            account.save()
        with django_assert_num_queries(1) as deleted:
            account.delete()
    assert "tenant_id" in saved[0]["sql"].partition("WHERE")[2]
    assert "tenant_id" not in saved[0]["sql"].partition("WHERE")[0]
    assert "tenant_id" in deleted[0]["sql"].partition("WHERE")[2]


def test_a_person_sees_the_own_workspaces(ada, grace):
    with person_context(ada.user):
        assert [tenant.name for tenant in Tenant.objects.all()] == ["Acme"]
        assert [membership.pk for membership in Membership.objects.all()] == [ada.pk]
        assert not Tenant.across_tenants.filter(name="Globex").exists()


def test_events_are_chained(ada, acme):
    with tenant_context(acme):
        for name in ("a", "b"):
            AuditEvent.record(Action.WORKSPACE_CHANGED, by=ada, target=acme, changes={"name": ["x", name]})
        first, second = AuditEvent.objects.order_by("seq")
        assert (second.seq, second.prev_hash) == (first.seq + 1, first.hash)
        for sql in ("UPDATE audit_auditevent SET actor = 'x'", "DELETE FROM audit_auditevent"):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql)
