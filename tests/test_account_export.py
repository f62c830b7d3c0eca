"""Our own list as a file: what is on it, what it computes (nothing), and that an import reads it back."""

import json
import re
from decimal import Decimal
from urllib.parse import unquote

import pytest
from django.utils import timezone

from audit.models import AuditEvent
from core.models import Membership
from core.tenancy import tenant_context
from overlaps import exports
from overlaps.cells import Check
from overlaps.columns import LABELS, OURS, Mapping
from overlaps.models import Account
from overlaps.tables import read
from tests.sharing import add

EVIL = '=HYPERLINK("http://evil.example";"x")'


@pytest.fixture
def export(log_in):
    def _export(member, format: str = "csv", tenant=None, **data):
        path = (tenant or member.tenant).path_to("overlaps:accounts_export")
        response = log_in(member).post(path, {"all": "1", "query": "", "format": format, **data})
        return response, b"".join(response.streaming_content) if response.streaming else b""

    return _export


@pytest.fixture
def stark(acme) -> Account:
    return add(
        acme, "Stark", "customers", domain="stark.com", country="DE", company_number="DE811569869", owner_name=EVIL,
        owner_email="zoe@acme.example", stage="Won", amount=Decimal("1234.50"), currency="EUR", tags=["a", "b c"],
        contact_name="Pepper", contact_email="p@stark.com",
        extra={"Region": "EMEA", "Industry": "Steel", "-Note": "+1"},
    )  # fmt: skip


def rows_of(data: bytes) -> list[dict[str, str]]:
    table = read(data)
    return [dict(zip(table.header, cells, strict=True)) for _, cells in table.rows()]


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_an_import_reads_the_same_accounts_back(export, ada, acme, stark, format):
    add(acme, "Wayne")
    response, data = export(ada, format)
    assert response.status_code == 200
    table = read(data)
    assert table.recognised.source == OURS and table.recognised.fields.keys() >= set(LABELS.values())
    mapping = Mapping.proposed(table.recognised)
    mapping.columns.update({"Region": "custom:Region", "-Note": "custom:-Note"})
    check = Check(table.header, mapping)
    checked = {
        values["name"]: values
        for number, cells in table.rows()
        for values, _ in [check.values_of(number, cells)]
    }
    assert checked.keys() == {"Stark", "Wayne"}
    values = checked["Stark"]
    for name in ("domain", "country", "population", "owner_name", "owner_email", "stage", "amount", "currency", "tags",
                 "contact_name", "contact_email", "company_number"):  # fmt: skip
        assert values[name] == getattr(stark, name), name
    assert values["record_id"] == str(stark.pk) and values["industry"] == "Steel"
    assert values["custom"] == {"Region": "EMEA", "-Note": "+1"}


def test_nothing_in_it_is_computed(export, ada, stark):
    _, data = export(ada)
    assert "\"'=HYPERLINK(" in data.decode() and ',"=HYPERLINK' not in data.decode()
    assert ",'+1" in data.decode() and "'-Note" in data.decode()


def test_it_holds_what_the_filter_finds_or_what_was_chosen(export, ada, acme, stark):
    add(acme, "Wayne"), add(acme, "Alder", is_private=True)
    names = [row["Name"] for row in rows_of(export(ada)[1])]
    assert names == ["Alder", "Stark", "Wayne"]
    assert [row["Name"] for row in rows_of(export(ada, query="population=customers")[1])] == ["Stark"]
    assert [row["Name"] for row in rows_of(export(ada, all="", pick=str(stark.pk))[1])] == ["Stark"]


def test_it_says_how_many_and_is_recorded_before_it_leaves(export, ada, acme, stark):
    response, _ = export(ada, query="q=sta")
    name = re.search(r'filename="([^"]+)"', unquote(response.headers["Content-Disposition"]))[1]
    assert name == f"cosell-accounts-acme-{timezone.localdate()}-1.csv"
    with tenant_context(acme):
        event = AuditEvent.objects.get(action="account.exported")
    assert json.loads(event.changes) == {"accounts": 1, "format": "csv", "which": "all of q=sta"}


def test_a_viewer_may_take_what_a_viewer_may_see_and_nobody_else(export, vera, mallory, acme, stark):
    assert [row["Name"] for row in rows_of(export(vera)[1])] == ["Stark"]
    assert export(mallory, tenant=acme)[0].status_code == 404
    response, data = export(mallory, all="", pick=str(stark.pk))
    assert response.status_code == 302 and data == b""


def test_it_goes_on_batch_by_batch(export, monkeypatch, ada, acme):
    monkeypatch.setattr(exports, "BATCH", 2)
    for n in range(5):
        add(acme, f"Company {n}")
    assert [row["Name"] for row in rows_of(export(ada)[1])] == [f"Company {n}" for n in range(5)]


def test_who_loses_the_right_meanwhile_gets_no_whole_file(log_in, monkeypatch, vera, acme):
    monkeypatch.setattr(exports, "BATCH", 2)
    for n in range(5):
        add(acme, f"Company {n}")
    response = log_in(vera).post(acme.path_to("overlaps:accounts_export"), {"all": "1", "format": "csv"})
    parts = iter(response.streaming_content)
    assert next(parts) and b"Company 1" in next(parts)
    with tenant_context(acme):
        Membership.objects.filter(pk=vera.pk).update(is_active=False)
    with pytest.raises(PermissionError):
        list(parts)


def test_a_workbook_is_made_of_so_many_only(export, monkeypatch, ada, acme, stark):
    add(acme, "Wayne")
    monkeypatch.setattr(exports.Xlsx, "most", 1)
    response, _ = export(ada, "xlsx")
    assert response.status_code == 302
    with tenant_context(acme):
        assert not AuditEvent.objects.filter(action="account.exported").exists()


@pytest.mark.parametrize("format", ["", "pdf", "Csv"])
def test_another_format_is_none(export, ada, stark, format):
    assert export(ada, format)[0].status_code == 302


def test_the_columns_of_custom_fields_are_those_of_what_is_taken(export, ada, acme, stark):
    add(acme, "Wayne", extra={"Elsewhere": "1"})
    header = read(export(ada, query="q=sta")[1]).header
    assert header[len(LABELS) :] == ["-Note", "Region"]
