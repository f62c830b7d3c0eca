"""A cap of growth that counts what was shown, though it has gone since."""

from django.db import migrations, models

from core.operations import MatchOnlyFunction
from overlaps.sql import functions

TEXT = functions("disclosure")
# Databases that were made before have these two as they were.
ANEW = {
    "overlaps_allowance": "uuid, uuid, uuid",
    "overlaps_show": "uuid, boolean, uuid, uuid, uuid, uuid, jsonb, integer, uuid[]",
}


class Migration(migrations.Migration):
    dependencies = [("overlaps", "0012_inbox_order")]

    operations = [
        migrations.AddField(model_name="probeday", name="shown", field=models.IntegerField(db_default=0)),
        *(
            migrations.RunSQL(f"DROP FUNCTION {name}({types})", migrations.RunSQL.noop)
            for name, types in ANEW.items()
        ),
        *(MatchOnlyFunction(f"{name}({types})", TEXT[name]) for name, types in ANEW.items()),
    ]
