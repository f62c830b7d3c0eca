"""The search of a workspace: in all its rooms, of what the person who looks may see, and of nothing else."""

import re

import pytest
from django.db import connection

from conftest import member
from core.roles import Role
from core.tenancy import tenant_context
from overlaps import matching
from overlaps.models import Account, Overlap
from partners.models import Partner
from tests.counting import cost
from tests.intros import do, draft_of, overlap_of
from tests.sharing import COUNTED, EVERYTHING, NAMED, add, connect, share

HTMX = {"headers": {"HX-Request": "true"}}


@pytest.fixture
def partners(acme, globex):
    return connect(acme, globex)


@pytest.fixture
def found(log_in):
    """found(ada, "ald"): {label of the kind: [(title, more)]}."""

    def _found(who, words: str, **kwargs) -> dict[str, list[tuple[str, str]]]:
        response = log_in(who).get(who.tenant.path_to("intros:search"), {"q": words}, **kwargs)
        assert response.status_code == 200
        sections = re.findall(r'<section aria-label="([^"]+)">(.*?)</section>', response.text, re.DOTALL)
        hits = r'who__name">([^<]+)</span>(?:<span class="who__sub">([^<]*))?'
        return {label: re.findall(hits, section) for label, section in sections}

    return _found


def test_each_room_answers(found, ada, grace, acme, globex):
    do("request", draft_of(overlap_of(grace, ada, "Stark"), by=grace), grace)
    add(acme, "Starling", "customers")
    with tenant_context(acme):
        Partner.objects.update(name="Star Partner")
    member("Starla", acme, Role.MEMBER)

    said = found(ada, "star")

    assert said["Your accounts"] == [("Stark", "stark.com"), ("Starling", "starling.com")]
    assert said["Partners"][0][0] == "Star Partner"
    assert said["Intros"] == [("Stark", "Star Partner")]
    assert said["People"] == [("Starla", "starla@acme.example")]
    assert "Pages" not in said


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("ald", ["Alder Robotics"]),
        ("ALDER  R", ["Alder Robotics"]),
        ("alder r", ["Alder Robotics"]),
        ("https://www.alder.com/about", ["Alder Robotics"]),
        ("robotics", []),
        ("%", []),
        ("_lder", []),
        ("\0ald", ["Alder Robotics"]),
        ("ald" * 50, []),
        ("' OR 1=1 --", []),
    ],
)
def test_accounts_are_found_by_their_beginnings_and_domains(found, ada, acme, words, names):
    add(acme, "Alder Robotics", domain="alder.com")
    add(acme, "Birch")
    assert [title for title, _ in found(ada, words).get("Your accounts", [])] == names


def test_an_account_is_found_once_and_no_more_than_six(found, ada, acme):
    for n in range(9):
        add(acme, f"Alder {n}", domain="alder.com")
    names = [title for title, _ in found(ada, "alder")["Your accounts"]]
    assert names == [f"Alder {n}" for n in range(6)]
    assert len(found(ada, "alder.com")["Your accounts"]) == 6


def test_what_a_partner_shows_is_found_by_its_own_name(found, ada, acme, globex, partners):
    add(acme, "IBM", "customers", domain="ibm.com", company_number="123456789", country="DE")
    add(
        globex,
        "International Machines",
        "customers",
        domain="ibm.com",
        company_number="123456789",
        country="DE",
    )
    add(globex, "Internal Only", "prospects")
    share(partners[1], EVERYTHING)
    said = found(ada, "inter")
    assert said["Overlaps, as partners call them"] == [
        ("Internal Only", "Globex"),
        ("International Machines", "Globex"),
    ]


def test_nothing_is_found_that_is_not_shown(found, ada, acme, globex, partners):
    add(acme, "Alder", "customers")
    add(globex, "Elder counted", "customers", domain="alder.com")
    add(globex, "Elder not ours", "customers")
    add(globex, "Elder private", "prospects", is_private=True)
    for levels in (COUNTED, {}):
        share(partners[1], levels)
        assert found(ada, "elder") == {}
    share(partners[1], EVERYTHING)
    assert len(found(ada, "elder")["Overlaps, as partners call them"]) == 2
    with tenant_context(acme):
        from partners.models import Connection

        Connection.objects.update(state="paused")
    assert found(ada, "elder") == {}


def test_a_restricted_partner_is_in_no_answer(found, ada, linus, grace, acme, partners):
    do("request", draft_of(overlap_of(grace, ada, "Stark"), by=grace), grace)
    with tenant_context(acme):
        Partner.objects.update(is_restricted=True)
    share(partners[1], NAMED)
    assert {"Intros", "Your accounts"} <= found(ada, "stark").keys()
    assert found(linus, "stark").keys() == {"Your accounts"}
    assert "Partners" in found(ada, "globex") and found(linus, "globex") == {}


def test_many_of_a_restricted_partner_do_not_crowd_out_the_others(
    found, linus, grace, acme, globex, initech, partners
):
    """Nor does it show that there are many."""
    hidden, theirs = connect(acme, initech)
    share(theirs, EVERYTHING)
    share(partners[1], NAMED)
    for tenant in (acme, globex):
        add(tenant, "Starz")
    with tenant_context(initech):
        Account.objects.bulk_create(Account(name=f"Stara {n:03}") for n in range(101))
        matching.refresh()
    with tenant_context(acme):
        assert Overlap.objects.filter(partner=hidden).count() == 101
        Partner.objects.filter(pk=hidden.pk).update(is_restricted=True)
    assert found(linus, "star")["Overlaps, as partners call them"] == [("Starz", "Globex")]


def test_the_outsider_finds_nothing(found, log_in, mallory, ada, grace, acme, globex, partners):
    do("request", draft_of(overlap_of(grace, ada, "Stark"), by=grace), grace)
    assert found(mallory, "stark") == found(mallory, "ada") == found(mallory, "globex") == {}
    assert log_in(mallory).get(acme.path_to("intros:search"), {"q": "stark"}).status_code == 404


def test_the_door_opens_only_on_the_workspace_at_hand(ada, grace, mallory, acme, globex, partners):
    add(acme, "Alder")
    add(globex, "Alder")
    share(partners[1], NAMED)

    def named(tenant) -> int:
        with tenant_context(tenant), connection.cursor() as cursor:
            every = [*Partner.across_tenants.values_list("pk", flat=True), *(p.pk for p in partners)]
            cursor.execute("SELECT count(*) FROM overlaps_named('ald', %s::uuid[])", [every])
            return cursor.fetchone()[0]

    assert [named(tenant) for tenant in (acme, globex, mallory.tenant)] == [1, 0, 0]


def test_pages_are_those_that_the_person_may_open(found, ada, vera):
    assert found(ada, "import")["Pages"] == [("Import accounts", "")]
    assert found(vera, "import") == {}
    assert found(vera, "overl")["Pages"] == [("Overlaps", "")]


def test_people_who_left_are_not_found(found, ada, linus, acme):
    assert found(ada, "linus")["People"] == [("Linus", "linus@acme.example")]
    with tenant_context(acme):
        type(linus).objects.filter(pk=linus.pk).update(is_active=False)
    assert found(ada, "linus") == {}


def test_while_somebody_types_only_what_was_found_comes(log_in, ada, acme):
    add(acme, "Alder")
    client, path = log_in(ada), acme.path_to("intros:search")
    html = client.get(path, {"q": "ald"}, **HTMX).text
    assert "<html" not in html and "Alder" in html and "1 found" in html
    dialog = client.get(path, **HTMX).text
    assert "<html" not in dialog and 'id="dialog-title"' in dialog and 'id="palette-found"' in dialog
    page = client.get(path).text
    assert page.count("<h1") == 1 and 'id="palette-found"' not in page


def test_every_page_has_the_field_and_the_switch_to_another_workspace(log_in, ada, acme):
    client = log_in(ada)
    assert f'action="{acme.path_to("intros:search")}"' in client.get(acme.path_to("partners:list")).text
    html = client.get(acme.path_to("intros:search"), {"q": "a b&c"}).text
    assert 'href="/workspaces/?q=a%20b%26c"' in html


def test_it_costs_the_same_however_much_is_found(log_in, ada, acme, globex, partners):
    share(partners[1], NAMED)
    add(acme, "Alder")
    add(globex, "Alder")
    client, path = log_in(ada), acme.path_to("intros:search") + "?q=ald"
    client.get(path)
    few = cost(client, path, **HTMX)
    for n in range(15):
        add(acme, f"Alder {n}")
        add(globex, f"Alder {n}")
    assert cost(client, path, **HTMX) == few <= 6
    assert cost(client, path) <= 12


def test_names_are_found_by_an_index(ada, acme, globex, partners):
    share(partners[1], NAMED)
    add(acme, "Alder")
    add(globex, "Alder")
    with tenant_context(acme), connection.cursor() as cursor:
        assert Overlap.objects.count() == 1
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'overlap_by_their_name'")
        assert "lower((name)::text)" in cursor.fetchone()[0]
