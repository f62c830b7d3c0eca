"""Keys that two lists are compared by, and the functions that compare them. The SQL is in overlaps/sql."""

import uuid
from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

from core.operations import TenantTable

SQL = Path(__file__).resolve().parent.parent / "sql"
KEYS = "name name_hash one_word form bits core_hash is_core country domain_hash label names_domain number_hash number_kind".split()
PARTS = {
    "keys_differ": f"({', '.join(f'b.{key}' for key in KEYS)}) IS DISTINCT FROM ({', '.join(f'a.{key}' for key in KEYS)})",
    "numbers_allow": "(m.number_kind <> t.number_kind OR m.number_hash IS NULL OR t.number_hash IS NULL"
    " OR m.number_shared OR t.number_shared)",
    "not_by_domain": "(m.domain_hash = t.domain_hash AND NOT m.domain_shared AND NOT t.domain_shared) IS NOT TRUE",
    "surely_related": "m.name_hash = t.name_hash OR m.names_domain AND t.names_domain",
    "countries_allow": "(m.country = t.country OR m.country = '' OR t.country = '')",
    "name_verdict": "overlaps_name_verdict(m.country, t.country, m.bits, t.bits,"
    " m.one_word OR t.one_word,"
    " m.form, t.form, m.of_name, t.of_name, m.of_country, t.of_country, m.of_form, t.of_form,"
    " (m.domain_hash <> t.domain_hash AND m.label <> t.label AND NOT m.domain_shared AND NOT t.domain_shared) IS TRUE)",
    "core_verdict": "CASE WHEN m.country = t.country AND m.country <> '' THEN 9080 ELSE 9075 END",
    "cores_allow": "m.of_core = 1 AND t.of_core = 1 AND m.bits >= 16 AND t.bits >= 16 AND (m.is_core OR t.is_core) AND m.name_hash <> t.name_hash"
    " AND (m.country = t.country OR m.country = '' OR t.country = '')"
    " AND (m.domain_hash <> t.domain_hash AND NOT m.domain_shared AND NOT t.domain_shared"
    " AND m.label <> t.label) IS NOT TRUE",
}


def statements(name: str) -> list[str]:
    text = (SQL / name).read_text(encoding="utf-8")
    for part, sql in PARTS.items():
        text = text.replace(f"{{{part}}}", sql)
    return text.split("\n--;\n")


UNDO = """
DROP TRIGGER overlaps_account_gone ON overlaps_account;
DROP FUNCTION overlaps_account_gone, overlaps_take_touched, overlaps_settle, overlaps_pairs, overlaps_pairs_of_rows,
    overlaps_pairs_of_lists, overlaps_pairs_of_frequent_names, overlaps_rule, overlaps_name_verdict, overlaps_related, overlaps_hash;
DROP FUNCTION overlaps_matchkey_changed, overlaps_matchkey_begins CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0003_personal_workspaces"), ("overlaps", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Touched",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="core.tenant",
                    ),
                ),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        TenantTable("Touched", match=True),
        migrations.CreateModel(
            name="MatchKey",
            # In an order that is quickly read: what all joins ask first, what may be missing or long last.
            fields=[
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="core.tenant",
                    ),
                ),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("of_name", models.SmallIntegerField(db_default=1)),
                ("of_country", models.SmallIntegerField(db_default=1)),
                ("of_form", models.SmallIntegerField(db_default=1)),
                ("of_core", models.SmallIntegerField(db_default=1)),
                ("bits", models.SmallIntegerField()),
                ("one_word", models.BooleanField()),
                ("is_core", models.BooleanField()),
                ("names_domain", models.BooleanField()),
                ("domain_shared", models.BooleanField(db_default=False)),
                ("number_shared", models.BooleanField(db_default=False)),
                ("form", models.IntegerField()),
                ("label", models.IntegerField()),
                ("number_kind", models.IntegerField()),
                ("name_hash", models.BigIntegerField(null=True)),
                ("core_hash", models.BigIntegerField(null=True)),
                ("domain_hash", models.BigIntegerField(null=True)),
                ("number_hash", models.BigIntegerField(null=True)),
                ("country", models.CharField(blank=True, max_length=2)),
                ("name", models.TextField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["tenant", "name_hash", "country"],
                        name="matchkey_by_name",
                        include=(
                            *("id", "of_name", "of_country", "of_form", "bits", "one_word", "domain_shared"),
                            *("number_shared", "form", "label", "number_kind", "domain_hash", "number_hash"),
                        ),
                    ),
                    models.Index(
                        condition=models.Q(("domain_hash__isnull", False)),
                        fields=["tenant", "domain_hash"],
                        name="matchkey_by_domain",
                        include=(
                            *(
                                "id",
                                "names_domain",
                                "domain_shared",
                                "number_shared",
                                "number_kind",
                                "name_hash",
                            ),
                            "number_hash",
                        ),
                    ),
                    models.Index(fields=["tenant", "core_hash"], name="matchkey_by_core"),
                    models.Index(
                        condition=models.Q(("number_hash__isnull", False)),
                        fields=["tenant", "number_hash"],
                        name="matchkey_by_number",
                    ),
                    models.Index(
                        condition=models.Q(("of_name__gt", 3)),
                        fields=["tenant"],
                        name="matchkey_of_frequent_name",
                    ),
                ],
            },
        ),
        TenantTable("MatchKey", match=True),
        # A list that has just come is in no statistics: then the planner takes it for one row, and any index that begins
        # with the workspace for as good as the right one. Without statistics it takes each for a part of the whole.
        migrations.RunSQL(
            "ALTER TABLE overlaps_matchkey ALTER COLUMN tenant_id SET STATISTICS 0", migrations.RunSQL.noop
        ),
        migrations.RunSQL([*statements("facts.sql"), *statements("pairs.sql")], UNDO),
    ]
