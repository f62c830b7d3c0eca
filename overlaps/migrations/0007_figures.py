"""What trends are drawn from is taken once an hour."""

from django.db import migrations

from core.operations import DefinerFunction
from overlaps.sql import functions


class Migration(migrations.Migration):
    dependencies = [("overlaps", "0006_accounts")]

    operations = [
        DefinerFunction(
            "overlaps_take_day_figures()", functions("figures")["overlaps_take_day_figures"], as_match=True
        ),
    ]
