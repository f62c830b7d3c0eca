"""Lists that are sorted and searched by indexes, accounts that are kept apart, and what a merge takes along."""

import uuid

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Collate, Lower

import core.fields
from core.operations import DefinerFunction, TenantTable
from overlaps.sql import functions


class Migration(migrations.Migration):
    dependencies = [("core", "0004_sharing"), ("overlaps", "0005_match_what_is_there")]

    operations = [
        migrations.RemoveIndex(model_name="account", name="account_by_name"),
        migrations.AddField(
            model_name="account",
            name="sort_name",
            field=models.GeneratedField(
                db_persist=True,
                expression=Lower("name"),
                output_field=models.CharField(db_collation="C", max_length=200),
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(fields=["tenant", "sort_name", "id"], name="account_by_name"),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(models.F("tenant"), Collate("name_key", "C"), name="account_by_key"),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(("domain_key", ""), _negated=True),
                fields=["tenant", "domain_key"],
                name="account_by_domain",
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("amount"), descending=True, nulls_last=True),
                models.OrderBy(models.F("id"), descending=True),
                name="account_by_amount",
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(models.Q(("domain", ""), _negated=True), ("domain_key", "")),
                fields=["tenant", "id"],
                name="account_strange_domain",
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(models.Q(("company_number", ""), _negated=True), ("number_key", "")),
                fields=["tenant", "id"],
                name="account_strange_number",
            ),
        ),
        migrations.CreateModel(
            name="KeptApart",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("by_name", models.CharField(max_length=254)),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "one",
                    core.fields.TenantForeignKey(
                        on_row_delete="CASCADE", related_name="+", to="overlaps.account"
                    ),
                ),
                (
                    "other",
                    core.fields.TenantForeignKey(
                        on_row_delete="CASCADE", related_name="+", to="overlaps.account"
                    ),
                ),
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
                    models.UniqueConstraint(fields=("tenant", "one", "other"), name="kept_apart_once"),
                    models.CheckConstraint(
                        condition=models.Q(("one__lt", models.F("other"))), name="kept_apart_in_order"
                    ),
                ],
            },
        ),
        TenantTable("KeptApart"),
        DefinerFunction(
            "overlaps_merge_rulings(uuid, uuid[])",
            functions("doors")["overlaps_merge_rulings"],
            as_match=True,
        ),
    ]
