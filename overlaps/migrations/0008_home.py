"""What trends are drawn from, taken once an hour, and overlaps that are found by the partner's name for them."""

from django.db import migrations, models
from django.db.models.functions import Collate, Lower

from core.operations import DefinerFunction
from overlaps.sql import functions

TEXT = functions("home")


class Migration(migrations.Migration):
    dependencies = [("overlaps", "0007_imports")]

    operations = [
        migrations.AddIndex(
            model_name="overlap",
            index=models.Index(models.F("tenant"), Collate(Lower("name"), "C"), name="overlap_by_their_name"),
        ),
        DefinerFunction("overlaps_take_day_figures()", TEXT["overlaps_take_day_figures"], as_match=True),
        DefinerFunction("overlaps_named(text, uuid[])", TEXT["overlaps_named"], as_match=True),
    ]
