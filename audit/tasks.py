from pathlib import Path

from django.conf import settings
from django.db import connection
from procrastinate.contrib.django import app

from audit.checkpoints import Checkpoint


@app.periodic(cron="7 * * * *")
@app.task(queueing_lock="audit_checkpoint")
def write_checkpoint(timestamp: int) -> None:
    """Hourly, if a folder is named: the worker then needs the owner's login too."""
    if settings.AUDIT_CHECKPOINT_DIR:
        with connection.as_owner():
            Checkpoint.take().write_into(Path(settings.AUDIT_CHECKPOINT_DIR))
