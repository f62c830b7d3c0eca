"""Dry runs of sharing, by population; counts that they tell are frozen."""

from django.db import migrations, models

from core.operations import DefinerFunction, MatchOnlyFunction, MatchTable
from overlaps.sql import functions, triggers

TEXT = functions("dryrun")
FROZEN = "\n".join([TEXT["overlaps_frozen_over"], triggers("dryrun")["overlaps_frozen_over"]])


class Migration(migrations.Migration):
    dependencies = [("overlaps", "0009_alarms")]

    operations = [
        migrations.CreateModel(
            name="FrozenCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "connection_id",
                        "tenant_id",
                        "population",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("connection_id", models.UUIDField()),
                ("tenant_id", models.UUIDField()),
                (
                    "population",
                    models.CharField(
                        choices=[
                            ("customers", "Customers"),
                            ("open_opportunities", "Open opportunities"),
                            ("prospects", "Prospects"),
                        ],
                        max_length=20,
                    ),
                ),
                ("accounts", models.IntegerField()),
                ("taken_at", models.DateTimeField()),
            ],
        ),
        MatchTable("FrozenCount"),
        # Databases that were made before have the one that knew no populations.
        migrations.RunSQL("DROP FUNCTION IF EXISTS overlaps_preview(uuid, jsonb)", migrations.RunSQL.noop),
        MatchOnlyFunction("overlaps_sees_all(partners_connection, uuid, uuid)", TEXT["overlaps_sees_all"]),
        MatchOnlyFunction("overlaps_freeze(uuid, uuid, boolean)", TEXT["overlaps_freeze"]),
        DefinerFunction("overlaps_frozen_over()", FROZEN, as_match=True),
        DefinerFunction(
            "overlaps_dry_run(uuid, jsonb, uuid[], text)", TEXT["overlaps_dry_run"], as_match=True
        ),
    ]
