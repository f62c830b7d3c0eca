"""From the form to the account list."""

import csv
import io
import json
import threading
import tracemalloc
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from audit.models import AuditEvent
from core.models import Membership
from core.tenancy import tenant_context
from overlaps import imports, matching
from overlaps.imports import check
from overlaps.models import Account, Import, ImportPart, ImportReject
from overlaps.tasks import run_import
from tests.sharing import NAMED, add, connect, seen_by, share
from tests.test_import_files import HOSTILE

LIST = b"""Company name,Company Domain Name,Lifecycle Stage,Company owner,Country/Region,Amount,Contact,Contact e-mail
Velatra,https://www.velatra.com/about,opportunity,Ada,Germany,"84,000",Vera Laan,vera@velatra.com
Quillpost,quillpost.com,lead,,United States,,,
Marrow Foods,,customer,Ada,FR,,,
"""


def file(data: bytes, name: str = "hubspot.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, "text/csv")


@pytest.fixture
def send(log_in):
    def _send(member: Membership, data: bytes | None = None, **values):
        values = {"population": "prospects", **({"file": file(data)} if data is not None else {}), **values}
        return log_in(member).post(member.tenant.path_to("overlaps:import"), values)

    return _send


@pytest.fixture
def bring_in(send):
    """Upload and run the job: the import as it ended."""

    def _bring_in(member: Membership, data: bytes, **values) -> Import:
        assert send(member, data, **values).status_code == 302
        with tenant_context(member.tenant):
            batch = Import.objects.newest_first().first()
            run_import(tenant_id=str(batch.tenant_id), import_id=str(batch.pk))
            batch.refresh_from_db()
        return batch

    return _bring_in


def counts(batch: Import) -> tuple[int, int, int, int]:
    return batch.created, batch.updated, batch.unchanged, batch.rejected


def accounts(tenant) -> list[Account]:
    with tenant_context(tenant):
        return list(Account.objects.order_by("name"))


def test_the_upload_leads_to_a_page_that_follows_the_job(send, log_in, ada, acme):
    response = send(ada, LIST)

    with tenant_context(acme):
        batch = Import.objects.get()
        assert batch.bytes() == LIST
    assert response.headers["Location"] == acme.path_to("overlaps:import_detail", pk=batch.pk)
    assert (batch.state, batch.rows_total, batch.filename, batch.by_name) == (
        "uploaded",
        3,
        "hubspot.csv",
        "Ada",
    )
    job = ProcrastinateJob.objects.get(task_name="overlaps.run_import")
    assert job.args == {"tenant_id": str(acme.pk), "import_id": str(batch.pk)}

    client, path = log_in(ada), acme.path_to("overlaps:import_detail", pk=batch.pk)
    for headers in ({}, {"HX-Request": "true"}):
        html = client.get(path, headers=headers).content.decode()
        assert 'hx-trigger="every 1s"' in html and "0 of 3 rows" in html
        assert ("<html" in html) == (not headers)

    run_import(**job.args)
    for headers in ({}, {"HX-Request": "true"}):
        html = client.get(path, headers=headers).content.decode()
        assert "every 1s" not in html and "<dt>New accounts</dt><dd>3</dd>" in html


def test_a_hubspot_export_comes_in(bring_in, ada, acme):
    batch = bring_in(ada, LIST)

    assert (batch.state, counts(batch)) == ("imported", (3, 0, 0, 0))
    marrow, quillpost, velatra = accounts(acme)
    assert (velatra.domain, velatra.domain_key, velatra.country) == ("velatra.com", "velatra.com", "DE")
    assert (velatra.population, velatra.stage, velatra.amount) == ("open_opportunities", "opportunity", 84000)
    assert (velatra.owner_name, velatra.contact_name, velatra.contact_email) == (
        "Ada",
        "Vera Laan",
        "vera@velatra.com",
    )
    assert (quillpost.population, quillpost.amount, quillpost.country) == ("prospects", None, "US")
    assert (marrow.population, marrow.domain_key, marrow.country) == ("customers", "", "FR")
    with tenant_context(acme):
        assert not ImportPart.objects.exists()
        events = list(AuditEvent.objects.filter(action__startswith="import.").order_by("seq"))
    assert [event.action for event in events] == ["import.started", "import.done"]
    assert json.loads(events[1].changes) == {"created": 3, "rejected": 0, "unchanged": 0, "updated": 0}


def test_the_same_file_again_changes_nothing(bring_in, ada, acme):
    bring_in(ada, LIST)
    before = [(a.pk, a.updated_at) for a in accounts(acme)]
    batch = bring_in(ada, LIST)

    assert counts(batch) == (0, 0, 3, 0)
    assert [(a.pk, a.updated_at) for a in accounts(acme)] == before


def test_a_known_account_is_updated_and_an_empty_cell_leaves_what_is_there(bring_in, ada, acme):
    bring_in(ada, LIST)
    batch = bring_in(
        ada,
        b"Name,Domain,Stage,Owner,Country\n"
        b"Velatra SE,velatra.com,customer,,\n"  # by its domain
        b"marrow foods,marrow.com,,Linus,France\n"  # by name and country: it gets the domain
        b"Quillpost,,,,US\n",  # by name and country, though it has a domain
    )

    assert counts(batch) == (0, 2, 1, 0)
    quillpost, velatra, marrow = (
        next(a for a in accounts(acme) if a.domain_key.startswith(start))
        for start in ("quill", "velatra", "marrow")
    )
    assert (velatra.name, velatra.population, velatra.owner_name) == ("Velatra SE", "customers", "Ada")
    assert (velatra.amount, velatra.country, velatra.contact_email) == (84000, "DE", "vera@velatra.com")
    assert (marrow.name, marrow.domain, marrow.owner_name, marrow.population) == (
        "marrow foods", "marrow.com", "Linus", "customers",
    )  # fmt: skip
    assert quillpost.domain == "quillpost.com"


def test_the_chosen_population_is_for_new_accounts_without_a_known_stage(bring_in, ada, acme):
    bring_in(ada, b"Name,Domain\nAlder,alder.com\n", population="customers")
    bring_in(
        ada,
        b"Name,Domain,Stage\nAlder,alder.com,who knows\nBirch,birch.com,who knows\n",
        population="prospects",
    )

    assert {a.name: a.population for a in accounts(acme)} == {"Alder": "customers", "Birch": "prospects"}


def test_bad_rows_are_kept_with_reasons_and_the_others_come_in(bring_in, log_in, ada, acme):
    batch = bring_in(
        ada,
        b"Name,Domain,Amount,Contact e-mail,Country\n"
        b"Alder,alder.com,12,a@alder.com,Germany\n"
        b",gmail.com,,,\n"
        b"Birch,birch.com,much,,\n"
        b"Cedar,cedar.com,,nobody,\n"
        b"Alder twice,www.alder.com,,,\n"
        b"too,few\n"
        b"one,cell,too,many@x.com,DE,!\n"
        b"=HYPERLINK(1),fir.com,99999999999999,,\n"
        b"\n"
        b"Elder,elder.com,,,Atlantis\n"
        b"Free,free.gmail.com,,,\n",
    )

    assert counts(batch) == (3, 0, 0, 7)
    assert {a.name for a in accounts(acme)} == {"Alder", "Elder", "Free"}
    with tenant_context(acme):
        reasons = dict(ImportReject.objects.values_list("number", "reason"))
    assert {number: reason.partition(" ")[0] for number, reason in reasons.items()} == {
        3: "It", 4: "The", 5: "The", 6: "It", 7: "It", 8: "It", 9: "The",
    }  # fmt: skip
    assert reasons[6] == "It has the same domain as row 2."
    assert reasons[7] == "It has 2 cells, the first row has 5."
    assert batch.notes == [
        "In 1 row the country is not known and was left empty, such as “Atlantis”.",
        "In 1 row the domain is not one company’s own, so it matches nothing, such as “free.gmail.com”.",
    ]

    html = log_in(ada).get(acme.path_to("overlaps:import_detail", pk=batch.pk)).content.decode()
    assert "Download 7 rows" in html and "It has the same domain as row 2." in html
    response = log_in(ada).get(acme.path_to("overlaps:import_rejects", pk=batch.pk))
    lines = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert lines[0] == ["Row", "Reason", "Name", "Domain", "Amount", "Contact e-mail", "Country"]
    assert lines[3][2:6] == ["Cedar", "cedar.com", "", "nobody"]
    assert lines[-1][2] == "'=HYPERLINK(1)"  # no formula when a spreadsheet opens it
    assert response.headers["Content-Disposition"] == 'attachment; filename="rejected.csv"'

    corrected = response.content.replace(b"nobody", b"c@cedar.com")
    assert counts(bring_in(ada, corrected))[0] == 1


def test_formulas_are_text(bring_in, log_in, ada, acme):
    bring_in(ada, b"Name,Domain,Owner\n\"=cmd|' /C calc'!A0\",alder.com,@SUM(A1)\n")
    account = accounts(acme)[0]
    assert (account.name, account.owner_name) == ("=cmd|' /C calc'!A0", "@SUM(A1)")
    assert (
        "=cmd|&#x27; /C calc&#x27;!A0" in log_in(ada).get(acme.path_to("overlaps:accounts")).content.decode()
    )


def test_pasted_rows_come_in(send, ada, acme):
    response = send(ada, text="Name\tDomain\tStage\nVelatra\tvelatra.com\tcustomer\n")
    assert response.status_code == 302
    with tenant_context(acme):
        batch = Import.objects.get()
    assert (batch.filename, batch.read_as) == ("Pasted rows", "UTF-8, separated by tabs")


def test_the_template_is_a_file_that_comes_in(bring_in, log_in, ada, acme):
    response = log_in(ada).get(acme.path_to("overlaps:import_template"))
    assert all(check(response.content)[0].fields)
    assert counts(bring_in(ada, response.content)) == (1, 0, 0, 0)


# -- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_list_is_refused_beside_the_field(send, ada, acme, name):
    data, words = HOSTILE[name]
    response = send(ada, data, population="customers")

    assert response.status_code == 422
    html = response.content.decode()
    assert words in html.replace("&#x27;", "'") and 'aria-invalid="true"' in html
    assert '<option value="customers" selected>' in html
    with tenant_context(acme):
        assert not Import.objects.exists() and not Account.objects.exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Choose a file, or paste rows below."),
        ({"text": "Name\nAlder", "file": file(b"Name\nBirch")}, "Choose a file or paste rows, not both."),
        ({"text": "Colour\nred"}, "names no column for the company"),
        ({"text": "Name\nAlder", "population": "friends"}, "Select a valid choice"),
    ],
)
def test_a_wrong_form_keeps_what_was_typed(send, ada, values, words):
    response = send(ada, **values)
    html = response.content.decode()
    assert response.status_code == 422 and words in html
    assert values.get("text", "").partition("\n")[0] in html


def test_a_file_past_the_limit_is_refused_and_never_held(send, ada, acme, settings):
    tracemalloc.start()
    response = send(ada, b"Name,Domain\n" + b"x" * 100 * 1024 * 1024)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert response.status_code == 422
    assert "is 100.0\xa0MB large; 20.0\xa0MB are the most" in response.content.decode()
    # The test client itself holds the file, and once more as the request's body.
    assert peak < 5 * 100 * 1024 * 1024


def test_what_the_headers_say_of_the_size_is_not_asked(log_in, ada, acme, settings):
    settings.UPLOAD_MAX_BYTES = settings.IMPORT_MAX_BYTES = 1000
    boundary = "b"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="population"\r\n\r\nprospects\r\n',
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
        "Content-Type: text/csv\r\nContent-Length: 3\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    ]
    body = "".join(parts).encode() + b"TmFtZQpB" * 500 + f"\r\n--{boundary}--\r\n".encode()
    response = log_in(ada).generic(
        "POST",
        acme.path_to("overlaps:import"),
        body,
        content_type=f"multipart/form-data; boundary={boundary}",
    )
    assert response.status_code == 422 and "are the most. Please split it" in response.content.decode()


def test_too_much_pasted_text_is_refused(send, ada):
    response = send(ada, text="Name\n" + "x" * 3 * 1024 * 1024)
    assert response.status_code == 400 and "too large" in response.content.decode()


# -- who may ----------------------------------------------------------------------------------------------------


def test_a_viewer_may_not_import(send, log_in, vera, ada, bring_in, acme):
    batch = bring_in(ada, LIST)
    assert send(vera, LIST).status_code == 403
    client = log_in(vera)
    for name, kwargs in [
        ("import", {}), ("import_template", {}), ("import_detail", {"pk": batch.pk}),
        ("import_rejects", {"pk": batch.pk}),
    ]:  # fmt: skip
        assert client.get(acme.path_to(f"overlaps:{name}", **kwargs)).status_code == 403


def test_to_mallory_it_does_not_exist(log_in, mallory, ada, bring_in, acme, initech):
    batch = bring_in(ada, LIST)
    client = log_in(mallory)
    for tenant in (acme, initech):
        for name in ("import_detail", "import_rejects"):
            assert client.get(tenant.path_to(f"overlaps:{name}", pk=batch.pk)).status_code == 404


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": "viewer"}])
def test_who_may_no_longer_import_does_not(send, linus, acme, change):
    send(linus, LIST)
    with tenant_context(acme):
        Membership.objects.filter(pk=linus.pk).update(**change)
        batch = Import.objects.get()
    run_import(tenant_id=str(acme.pk), import_id=str(batch.pk))

    with tenant_context(acme):
        batch.refresh_from_db()
        assert (batch.state, Account.objects.count(), ImportPart.objects.count()) == ("failed", 0, 0)
        assert AuditEvent.objects.filter(action="import.failed").count() == 1
    assert "may no longer import" in batch.error


# -- all or nothing, once ---------------------------------------------------------------------------------------


def test_a_job_that_is_run_twice_or_for_nothing_does_nothing(bring_in, ada, acme):
    batch = bring_in(ada, LIST)
    run_import(tenant_id=str(acme.pk), import_id=str(batch.pk))
    run_import(tenant_id=str(acme.pk), import_id=str(uuid4()))

    assert len(accounts(acme)) == 3
    with tenant_context(acme):
        assert AuditEvent.objects.filter(action="import.done").count() == 1


@pytest.mark.parametrize("at", ["_stage", "_read_rows"])
def test_one_that_was_killed_starts_over(send, ada, acme, monkeypatch, at):
    class Killed(BaseException):
        """What no handler sees."""

    def killed(*args):
        raise Killed

    send(ada, LIST)
    with tenant_context(acme):
        batch = Import.objects.get()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(imports, at, killed)
        run_import(tenant_id=str(acme.pk), import_id=str(batch.pk))
    with tenant_context(acme):
        batch.refresh_from_db()
        assert (batch.state, Account.objects.count()) == ("importing", 0)

    run_import(tenant_id=str(acme.pk), import_id=str(batch.pk))
    assert len(accounts(acme)) == 3


def test_a_fault_of_ours_imports_nothing_and_says_so(send, ada, acme, monkeypatch):
    send(ada, LIST)
    with tenant_context(acme):
        batch = Import.objects.get()
    monkeypatch.setattr(matching, "refresh", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_import(tenant_id=str(acme.pk), import_id=str(batch.pk))

    with tenant_context(acme):
        batch.refresh_from_db()
        assert (batch.state, Account.objects.count()) == ("failed", 0)
    assert "on our side" in batch.error


@pytest.mark.django_db(transaction=True)
def test_one_file_many_times_at_one_moment_is_one_list(ada, acme):
    with tenant_context(acme, by=ada):
        batches = [
            Import.start(
                by=ada, data=LIST, filename=f"{n}.csv", read_as="", header=[], columns=[], rows_total=3
            )
            for n in range(6)
        ]
    start = threading.Barrier(len(batches))

    def job(batch):
        try:
            start.wait(timeout=20)
            run_import(tenant_id=str(acme.pk), import_id=str(batch.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=job, args=[batch]) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(accounts(acme)) == 3
    with tenant_context(acme):
        assert sorted(Import.objects.values_list("state", "created")) == [("imported", 0)] * 5 + [
            ("imported", 3)
        ]


# -- overlaps follow --------------------------------------------------------------------------------------------


def test_partners_see_what_came_in_at_once(bring_in, ada, grace, acme, globex):
    partners = connect(acme, globex)
    add(globex, "Velatra", "customers")
    for partner in partners:
        share(partner, NAMED)
    bring_in(ada, LIST)

    assert seen_by(acme) == {("Velatra", "open_opportunities", "customers")}
    assert seen_by(globex) == {("Velatra", "customers", "open_opportunities")}


def test_an_import_says_nothing_about_other_lists(bring_in, send, ada, mallory, acme, initech):
    """R15: a domain that only another workspace has behaves as one that nobody has."""
    bring_in(ada, LIST)
    known, unknown = (
        bring_in(mallory, b"Name,Domain\nX," + domain + b"\n") for domain in (b"velatra.com", b"nobody.com")
    )
    assert counts(known) == counts(unknown) == (1, 0, 0, 0)
    assert (known.notes, known.error) == (unknown.notes, unknown.error)


@pytest.mark.django_db(transaction=True)
def test_twenty_thousand_rows_take_seconds(ada, acme, globex):
    import time

    partners = connect(acme, globex)
    share(partners[0], NAMED)
    lines = "\n".join(f"Company {n},company{n}.com,customer,Ada,Germany,{n}" for n in range(20_000))
    data = f"Name,Domain,Stage,Owner,Country,Amount\n{lines}\n".encode()
    with tenant_context(globex):
        Account.objects.bulk_create(
            [
                Account(name=f"C {n}", domain=f"company{n}.com", domain_key=f"company{n}.com")
                for n in range(0, 40_000, 2)
            ],
            batch_size=5_000,
        )
    begun = time.perf_counter()
    check(data)
    checked = time.perf_counter()
    with tenant_context(acme, by=ada):
        batch = Import.start(
            by=ada, data=data, filename="x.csv", read_as="", header=[], columns=[], rows_total=20_000
        )
    run_import(tenant_id=str(acme.pk), import_id=str(batch.pk))
    first = time.perf_counter()
    with tenant_context(acme, by=ada):
        again = Import.start(
            by=ada, data=data, filename="x.csv", read_as="", header=[], columns=[], rows_total=20_000
        )
    run_import(tenant_id=str(acme.pk), import_id=str(again.pk))
    second = time.perf_counter()

    print(f"check {checked - begun:.2f} s, first {first - checked:.2f} s, again {second - first:.2f} s")
    assert second - begun < 120  # some three seconds on a machine that does nothing else
    assert len(seen_by(globex)) == 10_000
    with tenant_context(acme):
        batch.refresh_from_db()
        again.refresh_from_db()
    assert (counts(batch), counts(again)) == ((20_000, 0, 0, 0), (0, 0, 20_000, 0))
    assert batch.rows_done == 20_000


def test_an_anonymous_visitor_is_led_to_the_door(acme):
    assert Client().get(acme.path_to("overlaps:import")).status_code == 302
