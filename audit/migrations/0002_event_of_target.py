"""What happened to one thing is found without reading the trail."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("core", "0004_sharing")]

    operations = [
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["tenant", "target_id", "seq"], name="audit_event_of_target"),
        ),
    ]
