"""Lock 3 as the database's own catalogue shows it; and each hole is found when somebody makes it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from core import catalogue
from core.tenancy import NoTenantContext

HOLES = {
    "CREATE TABLE overlaps_note (id uuid PRIMARY KEY, tenant_id uuid NOT NULL)": [
        "overlaps_note: row-level security is not enabled and forced",
        "overlaps_note: no policy for DELETE, INSERT, SELECT, UPDATE",
        "overlaps_note_pkey: unique, but does not start with tenant_id",
    ],
    "CREATE TABLE overlaps_note (text text)": [
        "overlaps_note: no tenant_id NOT NULL",
        "overlaps_note: row-level security is not enabled and forced",
        "overlaps_note: no policy for DELETE, INSERT, SELECT, UPDATE",
    ],
    "ALTER TABLE overlaps_account ALTER tenant_id DROP NOT NULL": None,  # a key's column: the database refuses
    "ALTER TABLE overlaps_account NO FORCE ROW LEVEL SECURITY": [
        "overlaps_account: row-level security is not enabled and forced"
    ],
    "ALTER TABLE overlaps_account DISABLE ROW LEVEL SECURITY": [
        "overlaps_account: row-level security is not enabled and forced"
    ],
    "DROP POLICY remove ON overlaps_account": ["overlaps_account: no policy for DELETE"],
    "ALTER POLICY see ON overlaps_account USING (true)": [
        "overlaps_account: policy see does not ask the context, or asks with a sub-query"
    ],
    "CREATE POLICY more ON overlaps_account FOR SELECT USING (name = 'x')": [
        "overlaps_account: policy more does not ask the context, or asks with a sub-query"
    ],
    "CREATE UNIQUE INDEX one_domain ON overlaps_account (domain_key)": [
        "one_domain: unique, but does not start with tenant_id"
    ],
    "ALTER TABLE overlaps_overlap DROP CONSTRAINT overlaps_overlap_account_id_tenant": [
        "Overlap.account: no composite foreign key"
    ],
    "GRANT TRUNCATE ON overlaps_account TO cosell_app": ["cosell_app: has TRUNCATE on overlaps_account"],
    "GRANT DELETE ON audit_auditevent TO cosell_app": ["cosell_app: has DELETE on audit_auditevent"],
    "GRANT cosell_match TO cosell_app": None,  # not the owner's to give
    "GRANT CREATE ON SCHEMA public TO cosell_app": ["cosell_app: may create in the schema"],
    "GRANT EXECUTE ON FUNCTION core_is_mine(uuid) TO PUBLIC": [
        "core_is_mine: SECURITY DEFINER, and PUBLIC may execute it"
    ],
    "ALTER FUNCTION core_is_mine(uuid) RESET search_path": [
        "core_is_mine: SECURITY DEFINER without a fixed search_path"
    ],
    "CREATE MATERIALIZED VIEW everything AS SELECT * FROM overlaps_account": [
        "everything: a view that shows more than its reader may see"
    ],
}


@pytest.mark.django_db
def test_all_locks_hold():
    assert list(catalogue.problems()) == []
    assert len(catalogue.tenant_tables()) > 10
    assert catalogue.NO_TENANT.keys().isdisjoint(catalogue.tenant_tables())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("hole", "found"), HOLES.items(), ids=HOLES)
def test_each_hole_is_found(hole, found):
    with connection.as_owner(), transaction.atomic():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(hole)
        except DatabaseError:
            assert found is None
        else:
            assert list(catalogue.problems()) == found
        transaction.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE overlaps_account",
        "CREATE TABLE public.mine (id int)",
        "SET ROLE cosell_match",
        "SET ROLE cosell_owner",
        "ALTER TABLE overlaps_account DISABLE ROW LEVEL SECURITY",
        "DROP POLICY see ON overlaps_account",
        "SET session_replication_role = replica",
        "COPY overlaps_account FROM STDIN",
    ],
)
def test_the_login_role_may_not(statement):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
def test_no_model_answers_without_a_context():
    from django.apps import apps

    from core.models import TenantModel

    models = [model for model in apps.get_models() if issubclass(model, TenantModel)]
    assert len(models) > 8
    for model in models:
        with pytest.raises(NoTenantContext):
            model.objects.all()
        with pytest.raises(NoTenantContext):
            model._base_manager.all()


@pytest.mark.django_db
def test_the_command_says_so():
    out = StringIO()
    call_command("tenancy_check", stdout=out)
    assert out.getvalue().startswith("All locks hold on ")


@pytest.mark.django_db
def test_the_command_fails_on_an_unsafe_setting(settings):
    settings.ALLOWED_HOSTS = ["*"]
    with pytest.raises(CommandError, match="1 problems"):
        call_command("tenancy_check", stderr=StringIO())
