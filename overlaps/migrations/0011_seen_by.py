"""What a partner sees of us can be looked at."""

from django.db import migrations

from core.operations import DefinerFunction
from overlaps.sql import functions


class Migration(migrations.Migration):
    dependencies = [("overlaps", "0010_dry_runs")]

    operations = [
        DefinerFunction(
            "overlaps_seen_by(uuid, text, text, integer, integer)",
            functions("seenby")["overlaps_seen_by"],
            as_match=True,
        )
    ]
