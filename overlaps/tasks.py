"""Jobs: they carry ids, open the workspace's context and look again whether they still may."""

from uuid import UUID

from procrastinate.contrib.django import app

from overlaps import imports, matching


@app.task(name="overlaps.run_import", queue="imports")
def run_import(tenant_id: str, import_id: str) -> None:
    imports.run(UUID(tenant_id), UUID(import_id))


@app.task(name="overlaps.check_import", queue="imports")
def check_import(tenant_id: str, import_id: str, revision: str) -> None:
    imports.check(UUID(tenant_id), UUID(import_id), int(revision))


@app.task(name="overlaps.undo_import", queue="imports")
def undo_import(tenant_id: str, import_id: str) -> None:
    imports.undo(UUID(tenant_id), UUID(import_id))


@app.periodic(cron="37 * * * *")
@app.task(name="overlaps.tidy_imports", queue="imports", queueing_lock="overlaps.tidy_imports")
def tidy_imports(timestamp: int) -> None:
    imports.tidy()


@app.periodic(cron="17 * * * *")
@app.task(name="overlaps.refresh_counts", queue="imports", queueing_lock="overlaps.refresh_counts")
def refresh_counts(timestamp: int) -> None:
    """Hourly, so that no count gets much older than the day for which it is frozen."""
    while matching.refresh_stale():
        pass
