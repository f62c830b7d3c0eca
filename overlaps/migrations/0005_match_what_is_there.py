"""Accounts and connections that were there before: keys, sizes and matches of today for them."""

from django.db import migrations

from core.operations import match_role

BATCH = 2_000
SIZES = """
INSERT INTO overlaps_populationsize (tenant_id, id, population, accounts, shareable)
SELECT tenant_id, gen_random_uuid(), population, count(*), count(*) FILTER (WHERE NOT is_private)
  FROM overlaps_account GROUP BY tenant_id, population
"""
REBUILD = """
DO $$
DECLARE
    link partners_connection;
BEGIN
    FOR link IN SELECT * FROM partners_connection c WHERE c.state <> 'ended' ORDER BY c.id LOOP
        PERFORM overlaps_begin();
        PERFORM overlaps_rematch(link, NULL, NULL);
        PERFORM overlaps_done();
    END LOOP;
END $$
"""


def give_keys(apps, schema_editor):
    """The trigger of the accounts' table does the rest."""
    from overlaps.keys import keys_of

    Account = apps.get_model("overlaps", "Account")
    columns = {
        "name_key": "name",
        "name_form": "form",
        "name_bits": "bits",
        "name_core": "core",
        "name_is_core": "is_core",
        "domain_key": "domain",
        "names_domain": "names_domain",
    }
    rows, done = Account._base_manager.order_by("pk"), None
    while batch := list((rows.filter(pk__gt=done) if done else rows)[:BATCH]):
        for account in batch:
            keys = keys_of(name=account.name, website=account.domain, country=account.country)
            for column, key in columns.items():
                setattr(account, column, getattr(keys, key))
        Account._base_manager.bulk_update(batch, list(columns))
        done = batch[-1].pk


def rebuild(apps, schema_editor):
    """The owner of the schema may be the match role, and nobody else may call these functions."""
    for statement in (
        f"SET LOCAL ROLE {match_role()}",
        REBUILD,
        "RESET ROLE",
        "DELETE FROM overlaps_touched",
    ):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("overlaps", "0004_match_functions")]

    operations = [
        migrations.RunSQL(SIZES, migrations.RunSQL.noop, elidable=True),
        migrations.RunPython(give_keys, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(rebuild, migrations.RunPython.noop, elidable=True),
    ]
