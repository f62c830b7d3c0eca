"""Imports in steps that can be taken back, rows on their way, and accounts as they were before."""

import uuid

import django.contrib.postgres.functions
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import core.fields
from core.operations import DefinerFunction, TenantReference, TenantTable

# What ended before keeps its header and its notes; what was running then has nothing that would bring it to an end.
KEEP = """
UPDATE overlaps_import
   SET facts = jsonb_build_object('header', header, 'notes', notes, 'read_as', read_as, 'source', 'file',
                                  'sheets', '[]'::jsonb),
       mapping = jsonb_build_object('columns', '{}'::jsonb, 'populations', '{}'::jsonb, 'default', population),
       error = CASE WHEN state IN ('uploaded', 'importing')
                    THEN 'The program was renewed meanwhile. Nothing was imported; please try again.' ELSE error END,
       state = CASE WHEN state IN ('uploaded', 'importing') THEN 'failed' ELSE state END,
       finished_at = coalesce(finished_at, now())
"""
# A crash of the database may empty it, for the file is still there: so nothing is written twice.
UNLOGGED = "ALTER TABLE overlaps_stagedrow SET UNLOGGED"
RAW = "ALTER TABLE overlaps_importpart ALTER COLUMN data SET STORAGE EXTERNAL"
ANALYSE = """
CREATE FUNCTION overlaps_analyse_staged() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    ANALYZE overlaps_stagedrow;
END $$
"""
# Of all workspaces: staged rows that nobody waits for, accounts as they were before an import that can't be taken back
# any more; and it names the imports that nobody decided on.
TIDY = """
CREATE FUNCTION overlaps_tidy_imports(abandoned interval, undoable interval)
RETURNS TABLE (tenant_id uuid, import_id uuid) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM overlaps_stagedrow s WHERE NOT EXISTS (
        SELECT FROM overlaps_import i WHERE i.id = s.batch_id AND i.state IN ('mapped', 'checked', 'importing'));
    DELETE FROM overlaps_importchange c WHERE NOT EXISTS (
        SELECT FROM overlaps_import i
         WHERE i.id = c.batch_id AND (i.finished_at IS NULL OR i.finished_at > now() - undoable - interval '1 day'));
    RETURN QUERY SELECT i.tenant_id, i.id FROM overlaps_import i
     WHERE i.state IN ('uploaded', 'mapped', 'checked') AND i.decided_at < now() - abandoned;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_sharing"),
        ("overlaps", "0006_accounts"),
        ("partners", "0002_sharing"),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportChange",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("batch_id", models.UUIDField()),
                ("account_id", models.UUIDField()),
                ("before", models.JSONField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="+",
                        to="core.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "batch_id", "account_id"), name="import_change_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StagedRow",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "batch_id",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("batch_id", models.UUIDField()),
                ("number", models.IntegerField()),
                ("record_id", models.TextField()),
                ("name", models.TextField()),
                ("domain", models.TextField()),
                ("country", models.TextField()),
                ("company_number", models.TextField()),
                ("population", models.TextField()),
                ("owner_name", models.TextField()),
                ("owner_email", models.TextField()),
                ("stage", models.TextField()),
                ("amount", models.DecimalField(decimal_places=2, max_digits=14, null=True)),
                ("currency", models.TextField()),
                ("contact_name", models.TextField()),
                ("contact_email", models.TextField()),
                ("tags", models.JSONField(null=True)),
                ("extra", models.JSONField(null=True)),
                ("name_key", models.TextField()),
                ("name_form", models.TextField()),
                ("name_bits", models.SmallIntegerField()),
                ("name_core", models.TextField()),
                ("name_is_core", models.BooleanField()),
                ("domain_key", models.TextField()),
                ("names_domain", models.BooleanField()),
                ("number_key", models.TextField()),
                ("new_id", models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID())),
                ("account_id", models.UUIDField(null=True)),
                ("found_by", models.TextField(null=True)),
                ("verdict", models.TextField(null=True)),
                ("same_as", models.IntegerField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="accountsource",
            name="account_source_once",
        ),
        migrations.RenameField(
            model_name="accountsource",
            old_name="seen_in",
            new_name="created_in",
        ),
        migrations.AddField(
            model_name="import",
            name="corrections",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="import",
            name="decided_at",
            field=models.DateTimeField(auto_now_add=True, default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="import",
            name="encoding",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="import",
            name="facts",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="import",
            name="gone",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="import",
            name="kept",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="import",
            name="mapping",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="import",
            name="mark_gone",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="import",
            name="partner",
            field=core.fields.TenantForeignKey(
                blank=True, null=True, on_row_delete="CASCADE", related_name="imports", to="partners.partner"
            ),
        ),
        migrations.AddField(
            model_name="import",
            name="report",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="import",
            name="restored",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="import",
            name="revision",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="import",
            name="separator",
            field=models.CharField(blank=True, max_length=4),
        ),
        migrations.AddField(
            model_name="import",
            name="sheet",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="import",
            name="source_id",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="import",
            name="source_name",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name="import",
            name="stamp",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="import",
            name="undone_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="import",
            name="undone_by",
            field=models.CharField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name="importreject",
            name="code",
            field=models.CharField(blank=True, max_length=30),
        ),
        migrations.AddField(
            model_name="source",
            name="used_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AlterField(
            model_name="import",
            name="state",
            field=models.CharField(
                choices=[
                    ("uploaded", "Columns to be matched"),
                    ("mapped", "Checking rows"),
                    ("checked", "Checked"),
                    ("importing", "Importing"),
                    ("imported", "Imported"),
                    ("failed", "Failed"),
                    ("undoing", "Being taken back"),
                    ("undone", "Taken back"),
                ],
                default="uploaded",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="accountsource",
            constraint=models.UniqueConstraint(
                fields=("tenant", "account", "source", "record_id"), name="account_source_once"
            ),
        ),
        migrations.RunSQL(KEEP, migrations.RunSQL.noop, elidable=True),
        migrations.RemoveField(
            model_name="import",
            name="columns",
        ),
        migrations.RemoveField(
            model_name="import",
            name="header",
        ),
        migrations.RemoveField(
            model_name="import",
            name="notes",
        ),
        migrations.RemoveField(
            model_name="import",
            name="population",
        ),
        migrations.RemoveField(
            model_name="import",
            name="read_as",
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(("number_key", ""), _negated=True),
                fields=["tenant", "number_key"],
                name="account_by_number",
            ),
        ),
        TenantReference("Import", "partner"),
        TenantTable("ImportChange"),
        TenantTable("StagedRow"),
        migrations.RunSQL(UNLOGGED, migrations.RunSQL.noop),
        migrations.RunSQL(RAW, migrations.RunSQL.noop),
        DefinerFunction("overlaps_analyse_staged()", ANALYSE),
        DefinerFunction("overlaps_tidy_imports(interval, interval)", TIDY),
    ]
