"""Alarms are mailed, once each."""

from django.db import migrations, models

from core.operations import DefinerFunction

# For the clock, which has no workspace. Marked as told by who takes them.
UNTOLD = """
CREATE FUNCTION overlaps_untold_alarms() RETURNS TABLE (workspace uuid, alarm uuid) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    UPDATE overlaps_alarm a SET told_at = now()
      FROM (SELECT tenant_id, id FROM overlaps_alarm WHERE told_at IS NULL
             ORDER BY at LIMIT 100 FOR UPDATE SKIP LOCKED) AS untold
     WHERE a.tenant_id = untold.tenant_id AND a.id = untold.id
    RETURNING a.tenant_id, a.id;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("overlaps", "0008_home")]

    operations = [
        migrations.AddField(
            model_name="alarm",
            name="told_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="alarm",
            index=models.Index(condition=models.Q(("told_at", None)), fields=["at"], name="alarm_untold"),
        ),
        DefinerFunction("overlaps_untold_alarms()", UNTOLD),
    ]
