"""Rules that end are ended by the clock."""

from django.db import migrations, models

from core.operations import DefinerFunction

OVER = """
CREATE FUNCTION partners_rules_over(today date) RETURNS TABLE (workspace uuid, partner uuid) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT DISTINCT tenant_id, partner_id FROM partners_sharingrule WHERE ends_on < today AND level <> 'hidden';
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0002_sharing")]

    operations = [
        migrations.AddIndex(
            model_name="sharingrule",
            index=models.Index(
                condition=models.Q(("ends_on__isnull", False)), fields=["ends_on"], name="sharing_rule_ends"
            ),
        ),
        DefinerFunction("partners_rules_over(date)", OVER),
    ]
