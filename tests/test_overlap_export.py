"""The list of overlaps as a file: what may be seen when it is sent, and nothing that a spreadsheet computes."""

import json
import re
from decimal import Decimal
from urllib.parse import unquote

import pytest
from django.utils import timezone

from audit.models import AuditEvent
from core.models import Membership
from core.roles import Role
from core.tenancy import tenant_context
from overlaps import exports
from overlaps.models import Overlap
from overlaps.tables import read
from partners.models import Connection, Level, Partner, Population, Share, SharingRule, published
from tests.sharing import EVERYTHING, add, connect, share

EVIL = "=1+1"


@pytest.fixture
def partners(acme, globex):
    both = connect(acme, globex)
    share(both[1], EVERYTHING)
    return both


@pytest.fixture
def overlaps(acme, globex, partners) -> None:
    add(acme, "Stark", "open_opportunities", amount=Decimal("1234.50"), currency="EUR", owner_name="Ada")
    add(globex, "Stark Inc", "customers", domain="stark.com", owner_name=EVIL, contact_name="Canary")
    add(acme, "Wayne", "customers")
    add(globex, "Wayne", "customers")
    add(globex, "Only theirs")


@pytest.fixture
def export(log_in):
    def _export(member, format: str = "csv", tenant=None, **data):
        path = (tenant or member.tenant).path_to("overlaps:export")
        response = log_in(member).post(path, {"all": "1", "query": "", "format": format, **data})
        return response, b"".join(response.streaming_content) if response.streaming else b""

    return _export


def rows_of(data: bytes) -> list[dict[str, str]]:
    table = read(data)
    return [dict(zip(table.header, cells, strict=True)) for _, cells in table.rows()]


def named(data: bytes) -> set[str]:
    return {row["Their account"] for row in rows_of(data)}


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_ours_stands_beside_theirs(export, ada, overlaps, format):
    response, data = export(ada, format)
    assert response.status_code == 200
    row = next(row for row in rows_of(data) if row["Your account"] == "Stark")
    assert row["Their account"] == "Stark Inc" and row["Partner"] == "Globex"
    assert (row["Your population"], row["Their population"]) == ("Open opportunities", "Customers")
    assert float(row["Your amount"]) == 1234.5 and row["Your owner"] == "Ada"
    assert row["Match"] == "Same domain, related names" and row["State"] == "Open"
    assert row["Found"] == str(timezone.localdate())


def test_nothing_in_it_is_computed_and_no_contact_is_in_it(export, ada, overlaps):
    text = export(ada)[1].decode()
    assert "'=1+1" in text and ",=1+1" not in text and "Canary" not in text


def test_fields_that_the_partner_shows_are_columns_and_others_are_not(export, ada, acme, globex, partners):
    fields = ("stage", "extra:Region")
    with tenant_context(globex):
        SharingRule.write(partners[1], shares := {Population.CUSTOMERS: Share(Level.OVERLAPS, fields=fields)})
        Connection.objects.get().publish({globex.pk: published(shares)})
    add(acme, "Stark")
    add(globex, "Stark", "customers", stage="Won", amount=5, extra={"Region": "EMEA", "Secret": "Canary"})
    [row] = rows_of(export(ada)[1])
    assert (row["Their stage"], row["Their amount"], row["Their field: Region"]) == ("Won", "", "EMEA")
    assert "Their field: Secret" not in row and "Canary" not in row.values()


def test_it_holds_what_the_list_shows_or_what_was_chosen(export, ada, acme, overlaps):
    assert named(export(ada)[1]) == {"Stark Inc", "Wayne"}
    assert named(export(ada, query="view=ask")[1]) == {"Stark Inc"}
    assert named(export(ada, query="view=greenfield")[1]) == {"Only theirs"}
    assert named(export(ada, query="mine=customers&page=9")[1]) == {"Wayne"}
    assert export(ada, query="state=ignored")[0].status_code == 302
    with tenant_context(acme):
        pk = str(Overlap.objects.get(name="Wayne").pk)
    assert named(export(ada, all="", pick=pk)[1]) == {"Wayne"}
    assert export(ada, all="", pick="nonsense")[0].status_code == 302


def test_the_page_offers_what_it_shows(log_in, ada, acme, overlaps):
    path = acme.path_to("overlaps:list") + "?view=ask&q=sta&page=1&x=y"
    for headers in ({}, {"HX-Request": "true"}):
        html = log_in(ada).get(path, headers=headers).text
        assert '<input type="hidden" name="query" value="view=ask&amp;q=sta" form="export-form">' in html


def test_it_says_how_many_and_is_recorded_before_it_leaves(export, ada, acme, overlaps):
    response, _ = export(ada, query="q=sta")
    name = re.search(r'filename="([^"]+)"', unquote(response.headers["Content-Disposition"]))[1]
    assert name == f"cosell-overlaps-acme-{timezone.localdate()}-1.csv"
    export(ada)
    with tenant_context(acme):
        events = AuditEvent.objects.filter(action="overlaps.exported").order_by("seq")
        first, second = (json.loads(event.changes) for event in events)
    assert first == {"overlaps": 1, "format": "csv", "which": "all of q=sta"}
    assert second["which"] == "all that are open"


def test_only_what_may_be_seen_is_in_it(export, vera, mallory, grace, acme, partners, overlaps):
    assert named(export(vera)[1]) == {"Stark Inc", "Wayne"}
    with tenant_context(acme):
        pk = str(Overlap.objects.get(name="Wayne").pk)
        Partner.objects.filter(pk=partners[0].pk).update(is_restricted=True)
    assert export(vera)[0].status_code == export(vera, all="", pick=pk)[0].status_code == 302
    for member in (mallory, grace):
        assert export(member, tenant=acme)[0].status_code == 404
        response, data = export(member, all="", pick=pk)
        assert response.status_code == 302 and data == b""


def in_parts(log_in, monkeypatch, member):
    """A file of which the first row has left."""
    monkeypatch.setattr(exports, "BATCH", 1)
    path = member.tenant.path_to("overlaps:export")
    response = log_in(member).post(path, {"all": "1", "format": "csv"})
    parts = iter(response.streaming_content)
    return next(parts) + next(parts), parts


def test_it_goes_on_batch_by_batch(log_in, monkeypatch, ada, overlaps):
    first, parts = in_parts(log_in, monkeypatch, ada)
    assert named(first + b"".join(parts)) == {"Stark Inc", "Wayne"}


def test_what_is_hidden_meanwhile_does_not_leave(log_in, monkeypatch, ada, partners, overlaps):
    first, parts = in_parts(log_in, monkeypatch, ada)
    share(partners[1], {})
    assert len(named(first)) == 1 and b"".join(parts) == b""


def test_nor_do_restricted_partners_to_an_admin_who_is_none_any_more(
    log_in, monkeypatch, ada, acme, partners, overlaps
):
    with tenant_context(acme):
        Partner.objects.filter(pk=partners[0].pk).update(is_restricted=True)
    _, parts = in_parts(log_in, monkeypatch, ada)
    with tenant_context(acme):
        Membership.objects.filter(pk=ada.pk).update(role=Role.MEMBER)
    assert b"".join(parts) == b""


def test_who_loses_the_right_meanwhile_gets_no_whole_file(log_in, monkeypatch, vera, acme, overlaps):
    _, parts = in_parts(log_in, monkeypatch, vera)
    with tenant_context(acme):
        Membership.objects.filter(pk=vera.pk).update(is_active=False)
    with pytest.raises(PermissionError):
        list(parts)


def test_a_workbook_is_made_of_so_many_only(export, monkeypatch, ada, acme, overlaps):
    monkeypatch.setattr(exports.Xlsx, "most", 1)
    assert export(ada, "xlsx")[0].status_code == 302
    with tenant_context(acme):
        assert not AuditEvent.objects.filter(action="overlaps.exported").exists()


@pytest.mark.parametrize("format", ["", "pdf", "Csv"])
def test_another_format_is_none(export, ada, overlaps, format):
    assert export(ada, format)[0].status_code == 302
