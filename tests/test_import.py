"""From the file to the account list, page by page."""

import csv
import io
import json
import tracemalloc

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from audit.models import AuditEvent
from core.tenancy import tenant_context
from overlaps import imports, populations
from overlaps.columns import CUSTOM
from overlaps.filters import AccountFilter
from overlaps.models import Account, AccountSource, Import, ImportPart, ImportReject, Overlap, Source
from partners import offline
from partners.models import Level, Share, SharingRule
from tests.counting import cost
from tests.sharing import NAMED, add, connect, seen_by, share
from tests.test_import_files import HOSTILE, NAMELESS
from tests.wizard import Wizard, counts, file

LIST = b"""Company name,Company Domain Name,Lifecycle Stage,Company owner,Country/Region,Amount,Contact,Contact e-mail
Velatra,https://www.velatra.com/about,opportunity,Ada,Germany,"84,000",Vera Laan,vera@velatra.com
Quillpost,quillpost.com,lead,,United States,,,
Marrow Foods,,customer,Ada,FR,,,
"""


@pytest.fixture
def wizard(run_jobs):
    return lambda member, partner=None: Wizard(member, run_jobs, partner)


@pytest.fixture
def steps(wizard, ada) -> Wizard:
    return wizard(ada)


def accounts(tenant) -> list[Account]:
    with tenant_context(tenant):
        return list(Account.objects.order_by("name"))


def rejects(tenant) -> dict[int, str]:
    with tenant_context(tenant):
        return dict(ImportReject.objects.values_list("number", "reason"))


# -- step by step -------------------------------------------------------------------------------------------------


def test_each_step_has_its_address_and_the_import_waits_there(steps, acme):
    response = steps.send(LIST)
    batch = steps.batch
    assert response.headers["Location"] == steps.path("import_columns", batch)
    assert (batch.state, batch.rows_total, batch.filename, batch.by_name) == (
        "uploaded",
        3,
        "hubspot.csv",
        "Ada",
    )
    with tenant_context(acme):
        assert b"".join(bytes(part.data) for part in ImportPart.objects.order_by("number")) == LIST
    html = steps.get("import_columns", batch)
    assert "looks like a HubSpot export" in html and "Velatra · Quillpost" in html
    assert "8 of 8 matched" in html

    response = steps.post("import_columns", batch, **steps.proposed(batch))
    assert response.headers["Location"] == steps.path("import_rows", batch)
    batch = steps.again(batch)
    assert (batch.state, batch.report["new"]) == ("checked", 3)
    assert accounts(acme) == []

    # Who comes back later finds the step that is next, from the list of imports.
    assert steps.client.get(steps.path("import_detail", batch)).url == steps.path("import_rows", batch)
    assert "hubspot.csv" in steps.client.get(steps.path("imports")).text
    html = steps.get("import_rows", batch)
    assert "<dt>New accounts</dt><dd>3</dd>" in html and "Import 3 rows" in html

    response = steps.post("import_rows", batch, **steps.told(batch))
    assert response.headers["Location"] == steps.path("import_detail", batch)
    job = ProcrastinateJob.objects.get(task_name="overlaps.run_import")
    assert job.args == {"tenant_id": str(acme.pk), "import_id": str(batch.pk)}
    for headers in ({}, {"HX-Request": "true"}):
        html = steps.client.get(steps.path("import_detail", batch), headers=headers).text
        assert 'hx-trigger="every 1s"' in html and ("<html" in html) == (not headers)

    steps.run_jobs()
    answer = steps.client.get(steps.path("import_detail", batch), headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == steps.path("import_detail", batch)
    html = steps.get("import_detail", batch)
    assert "every 1s" not in html and "<dt>New accounts</dt><dd>3</dd>" in html and "Take it back" in html


def test_a_hubspot_export_comes_in(steps, acme):
    batch = steps.bring_in(LIST)

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
        source = Source.objects.get(name="HubSpot")
        assert {account.source_id for account in (marrow, quillpost, velatra)} == {source.pk}
        assert AccountSource.objects.filter(source=source, created_in=batch.pk).count() == 3
        assert not ImportPart.objects.exists()
        events = list(AuditEvent.objects.filter(action__startswith="import.").order_by("seq"))
    assert [event.action for event in events] == ["import.started", "import.done"]
    assert json.loads(events[1].changes) == {
        "created": 3, "gone": 0, "rejected": 0, "unchanged": 0, "updated": 0,
    }  # fmt: skip


def test_the_same_file_again_changes_nothing(steps, acme):
    steps.bring_in(LIST)
    before = [(a.pk, a.updated_at) for a in accounts(acme)]
    batch = steps.check(LIST)
    assert "No account that you have changes." in steps.get("import_rows", batch)

    assert counts(steps.start(batch)) == (0, 0, 3, 0)
    assert [(a.pk, a.updated_at) for a in accounts(acme)] == before


def test_before_and_after_are_shown_and_an_empty_cell_leaves_what_is_there(steps, acme):
    steps.bring_in(LIST)
    batch = steps.check(
        b"Name,Domain,Stage,Owner,Country\n"
        b"Velatra SE,velatra.com,customer,,\n"  # by its domain
        b"marrow foods,marrow.com,,Linus,France\n"  # by name and country: it gets the domain
        b"Quillpost,,,,US\n",  # by name and country, though it has a domain
    )
    html = " ".join(steps.get("import_rows", batch).split())
    assert "<del>Velatra</del> <ins>Velatra SE</ins>" in html
    assert "<del>Open opportunities</del> <ins>Customers</ins>" in html
    assert "<del>(empty)</del> <ins>marrow.com</ins>" in html

    assert counts(steps.start(batch)) == (0, 2, 1, 0)
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


def test_many_changes_are_shown_in_pages(steps):
    rows = [f"Company {n},company{n}.com" for n in range(25)]
    steps.bring_in(("Name,Domain\n" + "\n".join(rows)).encode())
    batch = steps.check(
        ("Name,Domain,Owner\n" + "\n".join(f"{row},Linus" for row in rows)).encode(), name="b.csv"
    )
    html = steps.get("import_rows", batch)
    assert html.count("<ins>Linus</ins>") == 10 and "?after=11" in html
    assert steps.get("import_rows", batch, after="21").count("<ins>Linus</ins>") == 5
    assert steps.get("import_rows", batch, after="1e9").count("<ins>Linus</ins>") == 10


# -- columns ------------------------------------------------------------------------------------------------------


def test_what_was_decided_on_columns_is_kept_and_remembered_for_the_source(steps, acme):
    data = b"Firm,Website,Phase,Region\nAlder,alder.com,Zero,North\nBirch,birch.com,One,South\n"
    batch = steps.upload(data, name="crm.csv")
    assert batch.source_name == "crm"
    proposed = steps.proposed(batch)
    chosen = proposed | {"c0": "name", "c1": "domain", "c2": "stage", "c3": CUSTOM, "source": "Our CRM"}
    looked = steps.post("import_columns", batch, look="1", **chosen)
    assert looked.status_code == 200 and "Values of Phase" in looked.text
    chosen |= {"v2-0": "customers", "v2-1": "skip", "default": "prospects"}
    batch = steps.columns(batch, **chosen)
    assert (batch.report["new"], batch.report["skipped"]) == (1, 1)
    steps.start(batch)

    (alder,) = accounts(acme)
    assert (alder.population, alder.stage, alder.extra) == ("customers", "Zero", {"Region": "North"})

    batch = steps.upload(data.replace(b"Firm,Website", b"Website,Firm"), name="other.csv")
    assert (batch.source_name, steps.proposed(batch)["c2"]) == ("Our CRM", "stage")
    assert steps.proposed(batch)["v2-0"] == "customers" and steps.proposed(batch)["c3"] == CUSTOM


def test_values_of_a_stage_are_asked_before_it_goes_on(steps):
    """Without JavaScript nothing shows them when the column is chosen."""
    batch = steps.upload(b"Name,Thing\nAlder,Zero\n")
    response = steps.post("import_columns", batch, **steps.proposed(batch) | {"c1": "stage"})
    assert response.status_code == 422
    assert "look at what the stages mean" in response.text and "Population for Zero" in response.text
    assert steps.again(batch).state == "uploaded"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"c0": "", "c1": ""}, "Choose a column for the name or the domain"),
        ({"c1": "name"}, "is chosen for 2 columns: one can fill it."),
        ({"c0": "salary"}, "Select a valid choice"),
        ({"source": ""}, "This field is required."),
        ({"default": "friends"}, "Select a valid choice"),
        ({"seen": "77"}, "Somebody went on with this import meanwhile."),
    ],
)
def test_columns_that_make_no_list_are_told_and_what_was_chosen_stays(steps, changed, words):
    batch = steps.upload(b"Name,Domain,Owner\nAlder,alder.com,Linus\n")
    values = steps.proposed(batch) | {"c2": "contact_name", "seen": batch.revision} | changed
    response = steps.client.post(steps.path("import_columns", batch), values)
    assert response.status_code == (409 if "seen" in changed else 422)
    assert words in response.text and '<option value="contact_name" selected>' in response.text
    assert steps.again(batch).state == "uploaded"


def test_the_file_can_be_read_in_another_way(steps):
    data = "Name;Stage\nM\u00fcller;customer\n".encode("cp1252")
    batch = steps.upload(data)
    assert batch.facts["read_as"] == "Windows-1252 (Western European), separated by semicolons"
    response = steps.post("import_read", batch, encoding="cp1251", separator=";")
    assert response.status_code == 302
    batch = steps.again(batch)
    assert (batch.encoding, batch.facts["samples"][0]) == ("cp1251", ["M\u044cller"])

    response = steps.post("import_read", batch, encoding="utf-16", separator=";")
    assert response.status_code == 422 and 'role="alert"' in response.text
    assert steps.again(batch).encoding == "cp1251"


def test_a_file_that_turns_out_unreadable_further_down_goes_back_with_the_reason(steps, monkeypatch):
    monkeypatch.setattr(imports, "LOOKED_AT", 2)
    batch = steps.upload(b"Name\n" + b"Alder\n" * 5 + b"\x81\x8d\n", name="a.csv")
    steps.post("import_read", batch, encoding="utf-8", separator=",")
    batch = steps.again(batch)
    assert batch.rows_total == 0  # more than were looked at
    batch = steps.columns(batch)
    assert batch.state == "uploaded" and "Row 7" in batch.error
    assert "The file can’t be read like this." in steps.get("import_columns", batch)


# -- rows ---------------------------------------------------------------------------------------------------------

BAD = (
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
    b"Free,free.gmail.com,,,\n"
)


def test_bad_rows_are_kept_with_reasons_and_the_others_come_in(steps, acme):
    batch = steps.check(BAD)
    assert (batch.report["new"], batch.rejected) == (3, 7)
    found = rejects(acme)
    assert {number: reason.partition(" ")[0] for number, reason in found.items()} == {
        3: "It", 4: "The", 5: "The", 6: "It", 7: "It", 8: "It", 9: "The",
    }  # fmt: skip
    assert found[6] == "It is the same account as row 2."
    assert found[7] == "It has 2 cells, the first row has 5."
    html = steps.get("import_rows", batch)
    for title in ("1 row: the amount is not a number", "2 rows: another number of cells than columns"):
        assert title in html
    assert "1 row: the country is not known" in html and "Atlantis" in html

    assert counts(steps.start(batch)) == (3, 0, 0, 7)
    assert {a.name for a in accounts(acme)} == {"Alder", "Elder", "Free"}
    html = steps.get("import_detail", batch)
    assert "Download 7 rows" in html and "It is the same account as row 2." in html
    response = steps.client.get(steps.path("import_rejects", batch))
    lines = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert lines[0] == ["Row", "Reason", "Name", "Domain", "Amount", "Contact e-mail", "Country"]
    assert lines[3][2:6] == ["Cedar", "cedar.com", "", "nobody"]
    assert lines[-1][2] == "'=HYPERLINK(1)"  # no formula when a spreadsheet opens it
    assert response.headers["Content-Disposition"] == 'attachment; filename="rejected.csv"'

    corrected = response.content.replace(b"nobody", b"c@cedar.com")
    assert counts(steps.bring_in(corrected))[0] == 1


def group(batch: Import, code: str) -> int:
    return next(n for n, found in enumerate(batch.report["problems"]) if found["code"] == code)


def test_problems_are_repaired_for_all_rows_like_this_and_one_by_one(steps, acme):
    batch = steps.check(BAD)

    def repair(code: str, **values):
        batch = steps.batch
        response = steps.post("import_repair", batch, group=group(batch, code), **values)
        assert response.status_code == 302, response.text

    repair("bad_amount", choice="empty")
    repair("bad_email", v0="c@cedar.com")
    repair("wrong_cell_count", choice="fit")
    repair("no_name", r3="Gmail Users")
    repair("unknown_country", choice="use:", use="Greece")
    repair("large_amount", v0="7")
    batch = steps.batch
    assert rejects(acme) == {6: "It is the same account as row 2."}
    assert "Drop all repairs" in steps.get("import_rows", batch)
    steps.start(batch)

    found = {account.name: account for account in accounts(acme)}
    assert {*found} == {
        "Alder", "Birch", "Cedar", "Gmail Users", "too", "one", "=HYPERLINK(1)", "Elder", "Free",
    }  # fmt: skip
    assert (found["Birch"].amount, found["=HYPERLINK(1)"].amount) == (None, 7)
    assert (found["Cedar"].contact_email, found["Elder"].country) == ("c@cedar.com", "GR")


def test_repairs_can_be_dropped(steps):
    batch = steps.check(BAD)
    steps.post("import_repair", batch, group=group(batch, "bad_amount"), choice="empty")
    assert steps.batch.rejected == 6
    assert steps.post("import_repairs_drop", steps.batch).status_code == 302
    assert (steps.batch.rejected, steps.batch.corrections) == (7, {})


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        ("bad_amount", {}, "Choose what is to be done, or write another value."),
        ("bad_amount", {"choice": "use:"}, "Write the value that is to stand there."),
        ("bad_amount", {"v0": "lots"}, "is not a number"),
        ("bad_amount", {"choice": "fit"}, "Select a valid choice"),
        ("no_name", {"r3": "x" * 300}, "at most 200 characters"),
        ("bad_amount", {"choice": "empty", "seen": "77"}, "Somebody went on with this import meanwhile."),
    ],
)
def test_a_repair_that_is_none_is_told_beside_its_rows(steps, code, values, words):
    batch = steps.check(BAD)
    data = {"seen": batch.revision, "group": group(batch, code)} | values
    response = steps.client.post(steps.path("import_repair", batch), data)
    assert response.status_code == (409 if "seen" in values else 422) and words in response.text
    assert steps.again(batch).revision == batch.revision


def test_accounts_that_the_file_has_no_more_are_marked_where_that_is_chosen(steps, acme):
    steps.bring_in(LIST)
    with tenant_context(acme, by=steps.member):
        add(acme, "Typed", "customers")
    shorter = b"\n".join(LIST.splitlines()[:3])
    batch = steps.check(shorter)
    assert batch.report["gone"] == 1
    assert counts(steps.start(batch)) == (0, 0, 2, 0)
    assert all(account.gone_at is None for account in accounts(acme))

    batch = steps.start(steps.check(shorter), mark_gone="on")
    assert batch.gone == 1
    assert {a.name for a in accounts(acme) if a.gone_at} == {"Marrow Foods"}
    assert counts(steps.bring_in(LIST)) == (0, 1, 2, 0)  # it is there again
    assert all(account.gone_at is None for account in accounts(acme))


def test_gone_is_what_no_other_source_has_and_counts_once(steps, acme):
    steps.bring_in(b"Record ID,Name,Domain\n1,Alder,alder.com\n2,Birch,birch.com\n", columns={"source": "S"})
    steps.bring_in(b"Record ID,Name,Domain\nx1,Alder,alder.com\n", columns={"source": "T"})
    with tenant_context(acme, by=steps.member):
        of_birch = AccountSource.objects.get(record_id="2")
        again = {"source": of_birch.source, "created_in": of_birch.created_in}
        AccountSource.objects.create(account=of_birch.account, record_id="9", **again)  # as after a merge
    other = b"Record ID,Name,Domain\n3,Cedar,cedar.com\n"
    assert steps.check(other, columns={"source": "S"}).report["gone"] == 1
    batch = steps.start(steps.batch, mark_gone="on")
    assert batch.gone == 1
    assert {a.name for a in accounts(acme) if a.gone_at} == {"Birch"}


def test_what_a_source_says_of_an_account_follows_its_file(steps, acme):
    said = []
    for stage in (b"customer", b"lead", b"lead", b""):
        data = b"Name,Domain,Stage\nAlder,alder.com,%b\nBirch,birch.com,lead\n" % stage
        steps.bring_in(data, columns={"source": "S"})
        with tenant_context(acme):
            said.append(dict(AccountSource.objects.values_list("account__name", "population")))
    customer, lead = (
        {"Alder": "customers", "Birch": "prospects"},
        dict.fromkeys(["Alder", "Birch"], "prospects"),
    )
    assert said == [customer, lead, lead, lead]


def test_a_record_is_found_again_whatever_its_name_and_domain_are_by_now(steps, acme):
    steps.bring_in(b"Record ID,Name,Domain\n1,Alder,alder.com\n2,Birch,birch.com\n", columns={"source": "S"})
    batch = steps.bring_in(
        b"Record ID,Name,Domain\n1,Alder Holding,alder-holding.com\n3,Birch,birch.com\n",
        columns={"source": "S"},
    )
    # Another record with the domain of the second: to this source, another account.
    assert counts(batch) == (1, 1, 0, 0)
    assert [a.name for a in accounts(acme)] == ["Alder Holding", "Birch", "Birch"]
    other = steps.bring_in(
        b"Record ID,Name,Domain\nx9,Alder Holding,alder-holding.com\n", columns={"source": "T"}
    )
    assert counts(other) == (0, 0, 1, 0)
    with tenant_context(acme):
        holding = Account.objects.get(name="Alder Holding")
        assert set(holding.sources.values_list("source__name", "record_id")) == {("S", "1"), ("T", "x9")}


def test_a_value_of_another_source_than_the_accounts_own_says_where_it_is_from(steps, acme):
    steps.bring_in(b"Name,Domain,Owner\nAlder,alder.com,Ada\n", columns={"source": "S"})
    steps.bring_in(b"Name,Domain,Owner\nAlder,alder.com,Linus\n", columns={"source": "T"})
    with tenant_context(acme):
        sources = dict(Source.objects.values_list("name", "pk"))
    (alder,) = accounts(acme)
    assert (alder.source_id, alder.origins) == (sources["S"], {"owner_name": str(sources["T"])})


def test_formulas_are_text(steps, acme, log_in):
    steps.bring_in(b"Name,Domain,Owner\n\"=cmd|' /C calc'!A0\",alder.com,@SUM(A1)\n")
    account = accounts(acme)[0]
    assert (account.name, account.owner_name) == ("=cmd|' /C calc'!A0", "@SUM(A1)")
    assert "=cmd|&#x27; /C calc&#x27;!A0" in steps.client.get(acme.path_to("overlaps:accounts")).text


def test_pasted_rows_come_in(steps):
    assert steps.send(text="Name\tDomain\tStage\nVelatra\tvelatra.com\tcustomer\n").status_code == 302
    batch = steps.batch
    assert (batch.filename, batch.facts["read_as"]) == ("Pasted rows", "UTF-8, separated by tabs")
    assert counts(steps.start(steps.columns(batch))) == (1, 0, 0, 0)


def test_the_template_is_a_file_that_comes_in(steps, acme):
    response = steps.client.get(steps.path("import_template"))
    batch = steps.upload(response.content)
    assert all(batch.decided.columns.values())
    assert counts(steps.start(steps.columns(batch))) == (1, 0, 0, 0)
    (velatra,) = accounts(acme)
    assert velatra.extra == {"Industry": "Logistics", "Employees": "250"}
    assert velatra.tags == ["Logistics", "Key account"]


def test_the_history_asks_as_much_for_thirty_as_for_one(steps, acme, ada):
    def more(count: int) -> int:
        with tenant_context(acme, by=ada):
            for _ in range(count):
                imports.receive(ContentFile(b"Name\nAlder\n", "a.csv"), partner=None, by=ada)
        cost(steps.client, steps.path("imports"))  # who they are is known from then on
        return cost(steps.client, steps.path("imports"))

    assert more(1) == more(29) <= 12
    assert "1 to 25 of 30" in steps.client.get(steps.path("imports")).text


# -- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_list_is_refused_beside_the_field(steps, acme, name):
    data, words = HOSTILE[name]
    response = steps.send(data)

    assert response.status_code == 422
    html = response.content.decode()
    assert words in html.replace("&#x27;", "'") and 'aria-invalid="true"' in html
    with tenant_context(acme):
        assert not Import.objects.exists() and not Account.objects.exists()


@pytest.mark.parametrize("data", NAMELESS)
def test_where_no_column_is_known_the_person_chooses_one(steps, acme, data):
    batch = steps.upload(data, name="b.csv")
    response = steps.post("import_columns", batch, **steps.proposed(batch))
    assert response.status_code == 422 and "Choose a column for the name or the domain" in response.text
    assert steps.columns(batch, c0="name").report["new"] > 0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Choose a file, or paste rows below."),
        ({"text": "Name\nAlder", "file": file(b"Name\nBirch")}, "Choose a file or paste rows, not both."),
        ({"text": "Name"}, "this file has no rows"),
    ],
)
def test_a_wrong_form_keeps_what_was_typed(steps, values, words):
    response = steps.send(**values)
    html = response.content.decode()
    assert response.status_code == 422 and words in html
    assert values.get("text", "").partition("\n")[0] in html


def test_a_file_past_the_limit_is_refused_and_never_held(steps, settings):
    settings.IMPORT_MAX_BYTES = 20 * 1024 * 1024
    tracemalloc.start()
    response = steps.send(b"Name,Domain\n" + b"x" * 50 * 1024 * 1024)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert response.status_code == 422
    assert "is 50.0\xa0MB large; 20.0\xa0MB are the most" in response.content.decode()
    # The test client itself holds the file, and once more as the request's body.
    assert peak < 5 * 50 * 1024 * 1024


def test_what_the_headers_say_of_the_size_is_not_asked(log_in, ada, acme, settings):
    settings.UPLOAD_MAX_BYTES = settings.IMPORT_MAX_BYTES = 1000
    boundary = "b"
    parts = [
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


def test_too_much_pasted_text_is_refused(steps):
    response = steps.send(text="Name\n" + "x" * 3 * 1024 * 1024)
    assert response.status_code == 400 and "too large" in response.content.decode()


# -- who may ----------------------------------------------------------------------------------------------------

PAGES = ("import_detail", "import_columns", "import_rows", "import_undo", "import_rejects")
ACTS = (
    "import_columns",
    "import_read",
    "import_rows",
    "import_repair",
    "import_repairs_drop",
    "import_cancel",
)


@pytest.mark.parametrize("reached", ["uploaded", "checked", "imported"])
def test_a_viewer_may_not_import_and_to_mallory_there_is_none(steps, wizard, vera, mallory, reached):
    batch = steps.upload(LIST)
    if reached != "uploaded":
        batch = steps.columns(batch)
    if reached == "imported":
        batch = steps.start(batch)
    assert wizard(vera).send(LIST).status_code == 403
    for who, status in ((wizard(vera), 403), (wizard(mallory), 404)):
        for tenant in (steps.member.tenant, who.member.tenant):
            expected = status if tenant == steps.member.tenant else 404
            for name in PAGES:
                path = tenant.path_to(f"overlaps:{name}", pk=batch.pk)
                assert who.client.get(path).status_code == expected, name
            for name in (*ACTS, "import_undo"):
                path = tenant.path_to(f"overlaps:{name}", pk=batch.pk)
                data = {"seen": batch.revision, "group": "0", "choice": "empty"}
                assert who.client.post(path, data).status_code == expected, name
        if who.member == vera:
            assert who.client.get(who.path("imports")).status_code == 403
    assert steps.again(batch).state == reached


def test_an_anonymous_visitor_is_led_to_the_door(acme):
    assert Client().get(acme.path_to("overlaps:import")).status_code == 302


# -- what partners see ------------------------------------------------------------------------------------------


def test_partners_see_what_came_in_at_once(steps, grace, acme, globex):
    partners = connect(acme, globex)
    add(globex, "Velatra", "customers")
    for partner in partners:
        share(partner, NAMED)
    steps.bring_in(LIST)

    assert seen_by(acme) == {("Velatra", "open_opportunities", "customers")}
    assert seen_by(globex) == {("Velatra", "customers", "open_opportunities")}


def test_the_consequence_is_told_before_from_our_own_list_alone(steps, grace, acme, globex):
    """R15: whether the partner has such accounts changes no word of it."""
    partners = connect(acme, globex)
    share(partners[0], NAMED)
    first = steps.get("import_rows", steps.check(LIST))
    assert "1 account in Customers: 1 partner may see those that they have too." in first
    add(globex, "Velatra", "customers")
    second = steps.get("import_rows", steps.check(LIST))
    words = [html.partition("Who may see it")[2].partition("<button")[0] for html in (first, second)]
    assert words[0] == words[1]


def test_what_was_not_told_before_does_not_happen(steps, grace, acme, globex):
    partner, _ = connect(acme, globex)
    add(globex, "Velatra", "customers")
    batch = steps.check(LIST)
    told = steps.told(batch)
    share(partner, NAMED)
    response = steps.post("import_rows", batch, **told)
    assert response.status_code == 409 and "Please look again." in response.text
    assert steps.again(batch).state == "checked" and seen_by(globex) == set()
    assert steps.start(batch).state == "imported"


def test_a_file_without_stages_leaves_known_accounts_in_their_populations(steps, acme):
    steps.bring_in(b"Name,Domain,Stage\nAlder,alder.com,customer\n")
    batch = steps.bring_in(
        b"Name,Domain\nAlder,alder.com\nBirch,birch.com\n", columns={"default": "prospects"}
    )
    assert counts(batch) == (1, 0, 1, 0)
    assert {a.name: a.population for a in accounts(acme)} == {"Alder": "customers", "Birch": "prospects"}


def test_repairs_are_dropped_by_who_sees_them(steps):
    batch = steps.check(BAD)
    steps.post("import_repair", batch, group=group(batch, "bad_amount"), choice="empty")
    response = steps.client.post(steps.path("import_repairs_drop", batch), {"seen": batch.revision})
    assert response.status_code == 409 and "Somebody went on" in response.text
    assert steps.batch.corrections != {}
    waiting = steps.upload(b"Colour\nred\n")
    steps.post("import_repairs_drop", waiting)
    assert steps.again(waiting).state == "uploaded"


def test_populations_of_our_own_count_at_most(steps, grace, acme, globex):
    """Which accounts will be in one shows when they are there."""
    partner, _ = connect(acme, globex)
    with tenant_context(acme, by=steps.member):
        german = populations.make(
            name="German", conditions=AccountFilter.of({"country": ["DE"]}), by=steps.member
        )
        SharingRule.write(partner, {german.code: Share(Level.ALL)})
    html = steps.get("import_rows", steps.check(LIST))
    assert "Up to 3 accounts in German: 1 partner will see all of them." in html


def test_an_import_says_nothing_about_other_lists(steps, wizard, mallory):
    """R15: a domain that only another workspace has behaves as one that nobody has."""
    steps.bring_in(LIST)
    known, unknown = (
        wizard(mallory).bring_in(b"Name,Domain\nX," + domain + b"\n")
        for domain in (b"velatra.com", b"nobody.com")
    )
    assert counts(known) == counts(unknown) == (1, 0, 0, 0)
    assert (known.facts["notes"], known.error) == (unknown.facts["notes"], unknown.error)


# -- an offline partner -------------------------------------------------------------------------------------------


@pytest.fixture
def umbrella(ada, acme):
    with tenant_context(acme, by=ada):
        return offline.add(name="Umbrella", domain="umbrella.example", by=ada)


def test_the_list_of_an_offline_partner_comes_in_and_is_matched(wizard, steps, ada, acme, umbrella):
    steps.bring_in(LIST)
    theirs = wizard(ada, umbrella)
    batch = theirs.bring_in(b"Name,Domain,Stage\nVelatra,velatra.com,customer\nOther,other.com,lead\n")
    assert (batch.partner, counts(batch)) == (umbrella, (2, 0, 0, 0))
    assert "Account list of Umbrella" in theirs.get("import_detail", batch)
    assert {account.name for account in accounts(acme)} == {"Velatra", "Quillpost", "Marrow Foods"}
    with tenant_context(acme):
        met = Overlap.objects.filter(partner=umbrella, account__isnull=False)
        assert list(met.values_list("name", "account__name")) == [("Velatra", "Velatra")]
    undone = theirs.undo(batch)
    assert (undone.state, undone.restored) == ("undone", 2)
    with tenant_context(acme):
        assert not Overlap.objects.filter(partner=umbrella).exists()


def test_who_may_not_manage_the_partner_imports_nothing_for_it(wizard, linus, vera, mallory, ada, umbrella):
    batch = wizard(ada, umbrella).upload(LIST)
    for who, status in ((linus, 403), (vera, 403), (mallory, 404)):
        other = wizard(who, umbrella)
        path = ada.tenant.path_to("overlaps:partner_import", pk=umbrella.pk)
        assert other.client.post(path, {"file": file(LIST)}).status_code == status
        for name in ACTS:
            answer = other.client.post(ada.tenant.path_to(f"overlaps:{name}", pk=batch.pk))
            assert answer.status_code == status, name
    assert "hubspot.csv" in wizard(linus).client.get(ada.tenant.path_to("overlaps:imports")).text


def test_an_offline_partner_that_ends_leaves_no_import_behind(wizard, ada, acme, umbrella):
    theirs = wizard(ada, umbrella)
    done, open_one = theirs.bring_in(LIST), theirs.upload(LIST)
    with tenant_context(acme, by=ada):
        umbrella.end(by=ada)
    for step in ("import_columns", "import_rows", "import_read", "import_cancel"):
        assert theirs.post(step, open_one).status_code == 302, step
    assert theirs.again(open_one).state == "failed"
    assert theirs.post("import_undo", done).status_code == 302
    assert theirs.again(done).state == "imported"
    assert "Take it back" not in theirs.get("import_detail", done)


def test_a_connected_partner_keeps_its_own_list(wizard, ada, grace, acme, globex):
    partner, _ = connect(acme, globex)
    response = wizard(ada, partner).send(LIST)
    assert response.status_code == 302 and response.url == acme.path_to("partners:detail", pk=partner.pk)
    with tenant_context(acme):
        assert not Import.objects.exists()
