import csv
import io
import json
import re

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from audit import export
from audit.actions import Action
from audit.models import AuditEvent
from audit.origin import Origin, current_origin
from audit.verifier import verify_audit_export as script
from core.models import Membership
from core.spreadsheets import FORMULA
from core.tenancy import tenant_context

URL = "/w/acme/audit/"
EXPORT = "/w/acme/audit/export/"
HTMX = {"HX-Request": "true"}


def fill(member, events: int, **kwargs) -> None:
    with tenant_context(member.tenant, by=member):
        for number in range(events):
            facts = {"target": member.tenant, "changes": {"name": [f"before {number}", f"after {number}"]}}
            AuditEvent.record(Action.WORKSPACE_CHANGED, by=member, **{**facts, **kwargs})


def numbers(response) -> list[int]:
    return [int(number) for number in re.findall(r'id="event-(\d+)"', response.content.decode())]


def body(response) -> str:
    return b"".join(response.streaming_content).decode()


def confirmed(client, member):
    """As after typing the password once more."""
    request = client.get(URL).wsgi_request
    record_authentication(request, member.user, method="password", reauthenticated=True)
    request.session.save()
    return client


def newest(tenant) -> AuditEvent:
    with tenant_context(tenant):
        return AuditEvent.objects.newest_first()[0]


def exports(tenant) -> int:
    with tenant_context(tenant):
        return AuditEvent.objects.filter(action="audit.exported").count()


@pytest.fixture
def ada_in(log_in, ada):
    return confirmed(log_in(ada), ada)


# -- the page ------------------------------------------------------------------------------------------------


def test_newest_first_as_sentences(ada_in, ada, linus):
    fill(ada, 1)
    with tenant_context(ada.tenant, by=ada):
        AuditEvent.record(
            Action.MEMBER_ROLE_CHANGED,
            by=ada,
            target=linus,
            changes={"role": ["member", "admin"], "by_hand": True},
        )

    response = ada_in.get(URL)

    shown = numbers(response)
    assert shown == sorted(shown, reverse=True)
    assertContains(response, "<strong>Ada</strong> changed the role of <strong>Linus</strong>")
    assertContains(response, '<th scope="row">Role</th><td>member</td><td>admin</td>', html=False)
    assertContains(response, '<th scope="row">By hand</th><td colspan="2">yes</td>', html=False)
    assertContains(response, "changed the settings: name from before 0 to after 0")
    assertContains(response, newest(ada.tenant).hash)


def test_only_the_own_trail(ada_in, grace):
    fill(grace, 3, changes={"canary": "globex only"})

    assertNotContains(ada_in.get(URL), "globex only")
    assert ada_in.get("/w/globex/audit/").status_code == 404


@pytest.mark.parametrize("who", ["linus", "vera"])
def test_members_and_viewers_are_refused(log_in, request, who):
    client = log_in(request.getfixturevalue(who))

    assert client.get(URL).status_code == 403
    assert client.post(EXPORT, {"format": "csv"}).status_code == 403
    assert client.get(f"{URL}verify_audit_export.py").status_code == 403


def test_a_shared_event_says_in_whose_trail_it_stands_too(ada_in, ada, grace):
    fill(ada, 1, seen_by=[ada.tenant, grace.tenant])

    assertContains(ada_in.get(URL), "also in the trail of Globex")


def test_one_reads_from_page_to_page_while_more_is_recorded(ada_in, ada):
    fill(ada, 60)
    last = newest(ada.tenant).seq
    first_page = numbers(ada_in.get(URL))
    fill(ada, 5)

    second = ada_in.get(URL, {"before": first_page[-1]})
    third = numbers(ada_in.get(URL, {"before": numbers(second)[-1]}))

    assert [*first_page, *numbers(second), *third] == list(range(last, 0, -1))
    assert numbers(ada_in.get(URL, {"after": numbers(second)[0]})) == first_page
    assert numbers(ada_in.get(URL, {"before": 1})) == []


@pytest.mark.parametrize(
    "query",
    [
        {"actor": "alan"},
        {"action": "member.role_changed"},
        {"target": "inu"},
        {"ip": "192.0.2."},
        {"actor": "alan", "action": "member.role_changed", "until": "2999-01-01", "since": "2020-01-01"},
    ],
)
def test_the_filter_stands_in_the_address(ada_in, ada, alan, linus, query, log_in):
    fill(ada, 3)
    with tenant_context(ada.tenant, by=alan):
        token = current_origin.set(Origin("192.0.2.9", ""))
        AuditEvent.record(Action.MEMBER_ROLE_CHANGED, by=alan, target=linus)
        current_origin.reset(token)

    response = ada_in.get(URL, query)

    assert numbers(response) == [newest(ada.tenant).seq]
    assert numbers(ada_in.get(URL, query, headers=HTMX)) == numbers(response)
    (value, *_) = query.values()
    assertContains(response, f'value="{value}"')


BAD = [
    ("action", "person.signed_in"),
    ("action", "nonsense"),
    ("since", "yesterday"),
    ("until", "2026-02-31"),
    ("ip", "x' OR 1=1"),
    ("actor", "x" * 255),
    ("actor", "a\x00b"),
    ("before", "abc"),
    ("before", "0"),
    ("after", "9" * 30),
]


@pytest.mark.parametrize("name, value", BAD)
def test_a_wrong_filter_is_a_message(ada_in, ada, name, value):
    for headers in ({}, HTMX):
        response = ada_in.get(URL, {name: value}, headers=headers)
        assert response.status_code == 422
        assertContains(response, "Nothing is shown until the filter is right.", status_code=422)
    assert ada_in.post(f"{EXPORT}?{name}={value[:50]}x", {"format": "csv"}).status_code in (200, 422)


def test_the_wrong_value_is_kept_and_explained_beside_the_field(ada_in):
    response = ada_in.get(URL, {"since": "2026-03-01", "until": "2026-02-01", "actor": "Zoë"})

    assertContains(response, "This is before the first day.", status_code=422)
    assertContains(response, 'aria-invalid="true"', status_code=422)
    assertContains(response, 'value="Zoë"', status_code=422)


def test_nothing_matches(ada_in):
    response = ada_in.get(URL, {"actor": "nobody at all"})

    assertContains(response, "No event matches this filter.")


def test_htmx_gets_the_list_and_a_restored_history_the_page(ada_in):
    assertNotContains(ada_in.get(URL, headers=HTMX), "<html")
    assertContains(ada_in.get(URL, headers={**HTMX, "HX-History-Restore-Request": "true"}), "<html")


def test_the_queries_do_not_grow_with_the_rows(ada_in, ada, django_assert_max_num_queries):
    def cost(**headers) -> int:
        with django_assert_max_num_queries(20) as queries:
            ada_in.get(URL, headers=headers)
        return len([query for query in queries if query["sql"].startswith('SELECT "')])

    fill(ada, 1)
    few = cost(), cost(**HTMX)
    fill(ada, 40)
    assert (cost(), cost(**HTMX)) == few
    assert few[1] == 4  # session, person, membership, events; and entering the context


def test_hostile_names_are_text(ada_in, ada):
    ada.tenant.name = "<script>alert(1)</script>"
    fill(ada, 1, changes={"<b>": ["<i>x</i>", "{{ 7 }}"]})

    response = ada_in.get(URL)
    assertNotContains(response, "<script>alert")
    assertNotContains(response, "<i>x</i>")


# -- the export ----------------------------------------------------------------------------------------------


def test_the_password_is_asked_first_and_the_way_leads_back(log_in, ada):
    response = log_in(ada).post(f"{EXPORT}?actor=ada", {"format": "csv"})

    assertRedirects(
        response,
        f"{reverse('account_reauthenticate')}?next=%2Fw%2Facme%2Faudit%2F%3Factor%3Dada",
        fetch_redirect_response=False,
    )
    assert exports(ada.tenant) == 0


def test_an_export_is_recorded_before_it_starts(ada_in, ada, alan):
    response = ada_in.post(f"{EXPORT}?actor=Ada&since=2026-01-01", {"format": "jsonl"})

    event = newest(ada.tenant)
    assert (event.action, json.loads(event.changes)) == (
        "audit.exported",
        {"format": "jsonl", "actor": "Ada", "since": "2026-01-01"},
    )
    assert json.loads(body(response).splitlines()[-2])["hash"] == event.hash


def test_json_lines_can_be_checked_offline(ada_in, ada, monkeypatch):
    monkeypatch.setattr(export, "BATCH", 7)
    fill(ada, 40)

    response = ada_in.post(EXPORT, {"format": "jsonl"})
    fill(ada, 3)  # recorded while the file is under way: not in it
    lines = body(response).splitlines()

    end = script.parse(lines[-1], script.END)
    assert list(script.Export(lines, end, {}).problems()) == []
    assert (end["count"], end["filtered"]) == (len(lines) - 1, False)
    assert json.loads(lines[-2])["action"] == "audit.exported"


def test_the_export_holds_what_the_filter_chose(ada_in, ada, alan):
    fill(ada, 3)
    fill(alan, 2)

    lines = body(ada_in.post(f"{EXPORT}?actor=alan&before=3", {"format": "jsonl"})).splitlines()

    assert {json.loads(line)["actor"] for line in lines[:-1]} == {"Alan"}
    assert json.loads(lines[-1]) == {
        "end": True,
        "format": script.FORMAT,
        "count": 2,
        "head": json.loads(lines[1])["hash"],
        "filtered": True,
    }


def test_csv_is_named_whole_and_no_formula(ada_in, ada):
    formula = '=HYPERLINK("https://evil.example","x")'
    ada.user.name = formula
    fill(ada, 1, changes={"note": 'quote " and , comma'})

    response = ada_in.post(EXPORT, {"format": "csv"})

    assert re.fullmatch(
        r'attachment; filename="cosell-audit-acme-\d{4}-\d\d-\d\d.csv"', response["Content-Disposition"]
    )
    assert "no-store" in response["Cache-Control"]
    text = body(response)
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text[1:])))
    assert rows[-1] == ["# end", str(len(rows) - 2)]
    row = dict(zip(rows[0], rows[-3], strict=True))
    assert row["Who"] == "'" + formula
    assert json.loads(row["Changes"]) == {"note": 'quote " and , comma'}
    assert not [cell for line in rows[1:] for cell in line if cell.startswith(FORMULA)]


def test_who_loses_the_right_gets_no_further_and_no_end_line(ada_in, ada, alan, monkeypatch, log_in):
    monkeypatch.setattr(export, "BATCH", 10)
    fill(ada, 40)
    client = confirmed(log_in(alan), alan)
    for format in ("jsonl", "csv"):
        stream = iter(client.post(EXPORT, {"format": format}).streaming_content)
        got = [next(stream)]
        with tenant_context(alan.tenant):
            Membership.objects.filter(pk=alan.pk).update(role="member")
        got += stream
        with tenant_context(alan.tenant):
            Membership.objects.filter(pk=alan.pk).update(role="admin")
        text = b"".join(got).decode()
        assert "end" not in text.splitlines()[-1]
        assert len(text.splitlines()) <= 11


@pytest.mark.parametrize("data", [{}, {"format": "xml"}, {"format": ["csv\x00"]}])
def test_another_format_is_refused(ada_in, ada, data):
    assert ada_in.post(EXPORT, data).status_code == 422
    assert exports(ada.tenant) == 0


def test_reading_the_export_address_is_no_export(ada_in):
    assert ada_in.get(EXPORT).status_code == 405


def test_the_script_is_offered(ada_in):
    response = ada_in.get(f"{URL}verify_audit_export.py")

    assert response["Content-Disposition"] == 'attachment; filename="verify_audit_export.py"'
    compile(body(response), "verify_audit_export.py", "exec")
