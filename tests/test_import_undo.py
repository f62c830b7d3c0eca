"""An import is taken back: all as before, except what was edited since, and that is said."""

import pytest

from audit.models import AuditEvent
from core.tenancy import tenant_context
from overlaps import matching
from overlaps.models import Account, AccountSource, Import, Overlap
from overlaps.tasks import undo_import
from tests.sharing import NAMED, add, connect, seen_by, share
from tests.test_import_jobs import ids, state
from tests.wizard import Wizard

FIRST = b"Name,Domain,Stage,Owner\nAlder,alder.com,customer,Ada\nBirch,birch.com,lead,Ada\nCedar,cedar.com,lead,\n"
SECOND = (
    FIRST.partition(b"Cedar")[0].replace(b"customer,Ada", b"customer,Linus").replace(b"lead", b"customer")
)
SECOND += b"Dogwood,dogwood.com,lead,\n"


@pytest.fixture
def steps(ada, run_jobs) -> Wizard:
    return Wizard(ada, run_jobs)


def test_all_is_as_before(steps, acme):
    steps.bring_in(FIRST, columns={"source": "S"})
    before = state(acme)
    batch = steps.bring_in(SECOND, columns={"source": "S"}, mark_gone="on")
    assert (batch.created, batch.updated, batch.gone) == (1, 2, 1)
    assert "1 account that it made goes, 3 that it changed are as before." in steps.get("import_undo", batch)

    batch = steps.undo(batch)
    assert (batch.state, batch.restored, batch.kept, batch.undone_by) == ("undone", 4, 0, "Ada")
    assert state(acme) == before
    html = steps.get("import_detail", batch)
    assert "4 accounts are as before the import." in html and "Take it back" not in html
    with tenant_context(acme):
        assert AuditEvent.objects.newest_first()[0].action == "import.undone"
    # The same file again does the same again.
    again = steps.bring_in(SECOND, columns={"source": "S"}, mark_gone="on")
    assert (again.created, again.updated, again.gone) == (1, 2, 1)


def test_what_was_edited_since_stays_and_is_named(steps, acme, ada):
    steps.bring_in(FIRST, columns={"source": "S"})
    batch = steps.bring_in(SECOND, columns={"source": "S"})
    with tenant_context(acme, by=ada):
        for name in ("Alder", "Dogwood"):
            Account.objects.get(name=name).change(by=ada, stage="Edited")
    batch = steps.undo(batch)
    assert (batch.restored, batch.kept) == (1, 2)
    html = steps.get("import_detail", batch)
    assert "2 were changed since and stay as they are" in html
    with tenant_context(acme):
        found = {account.name: account for account in Account.objects.all()}
        for name in ("Alder", "Dogwood"):
            assert acme.path_to("overlaps:account", pk=found[name].pk) in html
        assert (found["Alder"].owner_name, found["Birch"].population) == ("Linus", "prospects")
        assert {*found} == {"Alder", "Birch", "Cedar", "Dogwood"}
        assert AccountSource.objects.filter(account=found["Dogwood"]).exists()


def test_imports_that_follow_one_another_are_taken_back_in_turn(steps, acme):
    first = steps.bring_in(FIRST, columns={"source": "S"})
    between = state(acme)
    second = steps.bring_in(SECOND, columns={"source": "T"})
    third = steps.bring_in(SECOND.replace(b"Linus", b"Grace"), columns={"source": "T"})
    assert (third.updated, third.unchanged) == (1, 2)
    for batch in (third, second):
        assert steps.undo(batch).kept == 0
    assert state(acme) == between
    assert steps.undo(first).restored == 3
    assert state(acme) == [0, 0]


def test_the_older_one_of_two_leaves_what_the_newer_one_wrote(steps, acme):
    first = steps.bring_in(FIRST, columns={"source": "S"})
    steps.bring_in(SECOND, columns={"source": "S"})
    batch = steps.undo(first)
    assert (batch.restored, batch.kept) == (1, 2)  # Cedar went; Alder and Birch have been changed
    with tenant_context(acme):
        assert set(Account.objects.values_list("name", flat=True)) == {"Alder", "Birch", "Dogwood"}


def test_overlaps_follow_at_once_for_both(steps, ada, grace, acme, globex):
    for partner in connect(acme, globex):
        share(partner, NAMED)
    add(globex, "Alder", "prospects")
    add(globex, "Dogwood", "prospects")
    steps.bring_in(FIRST, columns={"source": "S"})
    batch = steps.bring_in(SECOND, columns={"source": "S"})
    assert {name for name, *_ in seen_by(globex)} == {"Alder", "Dogwood"}
    steps.undo(batch)
    for tenant in (acme, globex):
        assert {name for name, *_ in seen_by(tenant)} == {"Alder"}
        with tenant_context(tenant):
            assert Overlap.objects.count() == 1


def test_it_is_taken_back_once(steps, acme, ada):
    batch = steps.bring_in(FIRST)
    with tenant_context(acme, by=ada):
        stale = Import.objects.get(pk=batch.pk)
    steps.undo(batch)
    undo_import(**ids(batch))
    with tenant_context(acme, by=ada), pytest.raises(Import.NotNow):
        stale.undo(by=ada)
    with tenant_context(acme):
        assert AuditEvent.objects.filter(action="import.undone").count() == 1


def test_a_fault_of_ours_leaves_the_list_as_it_is_and_says_so(steps, acme, monkeypatch):
    batch = steps.bring_in(FIRST)
    before = state(acme)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(matching, "refresh", lambda: 1 / 0)
        steps.undo(batch)
    assert state(acme) == before
    batch = steps.again(batch)
    assert batch.state == "imported" and "It could not be taken back." in steps.get("import_detail", batch)
    assert steps.undo(batch).state == "undone"
