"""The list of overlaps goes on by what its last row was: an index in one direction finds the place."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("overlaps", "0011_seen_by")]

    operations = [
        migrations.RemoveIndex(model_name="overlap", name="overlap_newest"),
        migrations.AddIndex(
            model_name="overlap",
            index=models.Index(fields=["tenant", "-found_at", "-id"], name="overlap_newest"),
        ),
    ]
