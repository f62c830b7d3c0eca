"""All or nothing, once: killed anywhere, run twice, cancelled, at one moment with others."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from audit.models import AuditEvent
from core.models import Membership
from core.tenancy import tenant_context
from overlaps import imports, matching, staging
from overlaps.models import Account, AccountSource, Import, ImportChange, ImportPart, StagedRow
from overlaps.tasks import check_import, run_import, tidy_imports
from tests.sharing import NAMED, add, connect, seen_by, share
from tests.test_import import LIST
from tests.wizard import Wizard, counts

KNOWN = (
    b"Company name,Company Domain Name,Lifecycle Stage\nVelatra,velatra.com,customer\nGoing,going.com,lead\n"
)


class Killed(BaseException):
    """What no handler sees."""


@pytest.fixture
def steps(ada, run_jobs) -> Wizard:
    return Wizard(ada, run_jobs)


def started(steps: Wizard, data: bytes = LIST, **values) -> Import:
    """The job waits."""
    batch = steps.check(data)
    steps.post("import_rows", batch, **steps.told(batch), **values)
    return steps.again(batch)


def ids(batch: Import) -> dict[str, str]:
    return {"tenant_id": str(batch.tenant_id), "import_id": str(batch.pk)}


def state(tenant) -> list[tuple]:
    with tenant_context(tenant):
        columns = ("name", "domain", "population", "owner_name", "gone_at", "origins")
        return [
            *Account.objects.order_by("name").values_list(*columns),
            AccountSource.objects.count(),
            ImportChange.objects.count(),
        ]


def test_a_job_that_is_run_twice_or_for_nothing_does_nothing(steps, acme):
    batch = steps.bring_in(LIST)
    before = state(acme)
    run_import(**ids(batch))
    run_import(tenant_id=str(acme.pk), import_id=str(uuid4()))
    check_import(**ids(batch), revision=str(batch.revision))

    assert state(acme) == before
    with tenant_context(acme):
        assert AuditEvent.objects.filter(action="import.done").count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_that_is_killed_anywhere_is_whole_or_not_there_and_never_twice(steps, acme, monkeypatch):
    """Each statement of the job is once the last one before the end."""
    steps.bring_in(KNOWN)
    batch = started(steps, LIST, mark_gone="on")
    before, real, kills = state(acme), staging._do, 0
    while steps.again(batch).state == "importing":
        left = iter(range(kills, -1, -1))

        def killed(statement, left=left, **values):
            if next(left) == 0:
                raise Killed
            return real(statement, **values)

        with monkeypatch.context() as patch:
            patch.setattr(staging, "_do", killed)
            try:
                run_import(**ids(batch))
            except Killed:
                kills += 1
                assert state(acme) == before and kills < 30
    assert kills > 8
    batch = steps.again(batch)
    assert (batch.state, counts(batch), batch.gone) == ("imported", (2, 1, 0, 0), 1)
    with tenant_context(acme):
        assert Account.objects.count() == 4 and not StagedRow.objects.exists()


def test_a_check_that_was_killed_is_made_anew(steps, acme, monkeypatch):
    monkeypatch.setattr(imports, "SMALL", 0)
    batch = steps.upload(LIST)
    steps.post("import_columns", batch, **steps.proposed(batch))
    batch = steps.again(batch)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(staging, "find", lambda *_, **__: (_ for _ in ()).throw(Killed))
        check_import(**ids(batch), revision=str(batch.revision))
    assert steps.again(batch).state == "mapped"
    html = steps.get("import_rows", batch)
    assert "Checking rows" in html and 'hx-trigger="every 1s"' in html
    check_import(**ids(batch), revision=str(batch.revision))
    assert (steps.again(batch).state, steps.again(batch).report["new"]) == ("checked", 3)


def test_rows_that_a_crash_of_the_database_took_are_read_again(steps, acme):
    batch = started(steps)
    with tenant_context(acme):
        StagedRow.objects.all().delete()
    run_import(**ids(batch))
    assert counts(steps.again(batch)) == (3, 0, 0, 0)


def test_what_was_queued_for_an_older_decision_does_nothing(steps, monkeypatch):
    monkeypatch.setattr(imports, "SMALL", 0)
    batch = steps.upload(LIST)
    first = steps.proposed(batch)
    steps.post("import_columns", batch, **first)
    batch = steps.again(batch)
    steps.post("import_columns", batch, **first | {"default": "customers", "seen": batch.revision})
    check_import(**ids(batch), revision=str(batch.revision))
    assert steps.again(batch).state == "mapped"
    check_import(**ids(batch), revision=str(batch.revision + 1))
    assert steps.again(batch).state == "checked"


def test_one_that_is_decided_anew_while_rows_are_read_stops(steps, acme, ada, monkeypatch):
    monkeypatch.setattr(imports, "SMALL", 0)
    batch = steps.upload(LIST)
    steps.post("import_columns", batch, **steps.proposed(batch))
    batch, real = steps.again(batch), imports._judge

    def judge(*args):
        monkeypatch.setattr(imports, "_judge", real)
        with tenant_context(acme, by=ada):
            Import.objects.get(pk=batch.pk).decide(by=ada, state=Import.State.UPLOADED)
        return real(*args)

    monkeypatch.setattr(imports, "_judge", judge)
    check_import(**ids(batch), revision=str(batch.revision))
    assert (steps.again(batch).state, steps.again(batch).error) == ("uploaded", "")


@pytest.mark.parametrize("reached", ["uploaded", "checked", "importing"])
def test_it_can_be_cancelled_until_it_is_in_the_list(steps, acme, reached):
    batch = {"uploaded": steps.upload, "checked": steps.check, "importing": lambda d: started(steps, d)}[
        reached
    ](LIST)
    assert batch.state == reached
    assert steps.post("import_cancel", batch).status_code == 302
    run_import(**ids(batch))
    batch = steps.again(batch)
    assert (batch.state, batch.error) == ("failed", "Ada cancelled it.")
    assert "Ada cancelled it." in steps.get("import_detail", batch)
    with tenant_context(acme):
        assert (
            not Account.objects.exists()
            and not StagedRow.objects.exists()
            and not ImportPart.objects.exists()
        )
    assert steps.post("import_cancel", batch).status_code == 302  # once more, and nothing happens
    with tenant_context(acme):
        assert AuditEvent.objects.filter(action="import.cancelled").count() == 1


def test_one_that_is_cancelled_while_it_is_written_leaves_nothing(steps, acme, ada, monkeypatch):
    batch, real = started(steps), matching.refresh

    def refresh() -> int:
        with tenant_context(acme, by=ada):
            imports.cancel(Import.objects.get(pk=batch.pk), by=ada)
        return real()

    monkeypatch.setattr(matching, "refresh", refresh)
    run_import(**ids(batch))
    assert state(acme) == [0, 0]


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": "viewer"}])
def test_who_may_no_longer_import_does_not(linus, acme, run_jobs, change):
    batch = started(Wizard(linus, run_jobs))
    with tenant_context(acme):
        Membership.objects.filter(pk=linus.pk).update(**change)
    run_import(**ids(batch))

    with tenant_context(acme):
        batch = Import.objects.get()
        assert (batch.state, Account.objects.count(), ImportPart.objects.count()) == ("failed", 0, 0)
        assert AuditEvent.objects.filter(action="import.failed").count() == 1
    assert "may no longer import" in batch.error


def test_a_fault_of_ours_imports_nothing_and_says_so(steps, acme, monkeypatch):
    batch = started(steps)
    monkeypatch.setattr(matching, "refresh", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_import(**ids(batch))

    assert state(acme) == [0, 0]
    assert steps.again(batch).state == "failed" and "on our side" in steps.again(batch).error


@pytest.mark.django_db(transaction=True)
def test_one_file_many_times_at_one_moment_is_one_list(ada, acme):
    batches = []
    for number in range(4):
        with tenant_context(acme, by=ada):
            batch = imports.receive(ContentFile(LIST, f"{number}.csv"), partner=None, by=ada)
            imports.decide(batch, by=ada, source_name="HubSpot")
            batch.start(mark_gone=False, by=ada)
        batches.append(batch)
    start = threading.Barrier(len(batches))

    def job(batch):
        try:
            start.wait(timeout=20)
            run_import(**ids(batch))
        finally:
            connection.close()

    threads = [threading.Thread(target=job, args=[batch]) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    with tenant_context(acme):
        assert Account.objects.count() == AccountSource.objects.count() == 3
        assert sorted(Import.objects.values_list("state", "created")) == [("imported", 0)] * 3 + [
            ("imported", 3)
        ]


@pytest.mark.django_db(transaction=True)
def test_many_rows_are_read_by_a_job_in_pieces(steps, acme, grace, globex, monkeypatch):
    monkeypatch.setattr(imports, "LOOKED_AT", 1_000)
    monkeypatch.setattr(imports, "CHUNK", 700)
    partners = connect(acme, globex)
    share(partners[0], NAMED)
    for number in (3, 4_999, 77_000):
        add(globex, f"Company {number}")
    lines = "\n".join(f"Company {n},company{n}.com,customer,Ada,Germany,{n}" for n in range(5_000))
    data = f"Name,Domain,Stage,Owner,Country,Amount\n{lines}\nCompany 1,company1.com,,,,\n".encode()

    batch = steps.upload(data)
    assert batch.rows_total == 0
    batch = steps.columns(batch)
    assert (batch.rows_total, batch.report["new"], batch.rejected) == (5_001, 5_000, 1)
    assert counts(steps.start(batch)) == (5_000, 0, 0, 1)
    assert {name for name, *_ in seen_by(globex)} == {"Company 3", "Company 4999"}
    again = steps.bring_in(data)
    assert counts(again) == (0, 0, 5_000, 1)


# -- by the clock -------------------------------------------------------------------------------------------------


def test_one_that_nobody_went_on_with_is_given_up_after_a_week(steps, acme):
    batch, fresh = steps.check(LIST), steps.check(LIST)
    with tenant_context(acme):
        Import.objects.filter(pk=batch.pk).update(decided_at=timezone.now() - timedelta(days=8))
    tidy_imports(0)
    assert (steps.again(batch).state, steps.again(fresh).state) == ("failed", "checked")
    assert "Nobody went on with it for a week." in steps.get("import_detail", batch)
    tidy_imports(0)
    with tenant_context(acme):
        assert set(StagedRow.objects.values_list("batch_id", flat=True)) == {fresh.pk}
        assert AuditEvent.objects.filter(action="import.failed").count() == 1


def test_accounts_as_they_were_are_kept_for_as_long_as_they_can_be_restored(steps, acme):
    steps.bring_in(KNOWN)
    batch = steps.bring_in(LIST)
    tidy_imports(0)
    with tenant_context(acme):
        assert ImportChange.objects.count() == 1
        Import.objects.filter(pk=batch.pk).update(finished_at=timezone.now() - timedelta(days=32))
    tidy_imports(0)
    with tenant_context(acme):
        assert not ImportChange.objects.exists()
    assert "Take it back" not in steps.get("import_detail", batch)
    assert steps.post("import_undo", batch).status_code == 302
    assert steps.again(batch).state == "imported"
