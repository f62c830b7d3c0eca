"""Populations: what is in them, who sees them, and how those of our own making come, change and go."""

import re

import pytest

from audit.models import AuditEvent
from core.tenancy import tenant_context
from overlaps import populations
from overlaps.filters import AccountFilter
from overlaps.models import Account, Source
from partners.models import CustomPopulation, Level, Partner, Share, SharingRule, stamp
from tests.counting import cost
from tests.sharing import COUNTED, NAMED, add, connect, seen_by, share


@pytest.fixture
def list_of_three(acme):
    add(acme, "Alder", "customers", country="DE", owner_name="Zoe")
    add(acme, "Birch", "prospects", country="DE")
    add(acme, "Cedar", "prospects", country="FR", is_private=True)


@pytest.fixture
def germans(ada, acme, list_of_three) -> CustomPopulation:
    with tenant_context(acme, by=ada):
        return populations.make(name="Germans", conditions=AccountFilter.of({"country": ["DE"]}), by=ada)


def page(log_in, member, name: str = "populations", query: str = "", **kwargs) -> str:
    response = log_in(member).get(member.tenant.path_to(f"overlaps:{name}", **kwargs) + query)
    assert response.status_code == 200
    return response.text


def rows(html: str) -> dict[str, str]:
    return {re.search(r'who__name" href="[^"]*">([^<]+)<', row)[1]: row for row in html.split("<tr>")[2:]}


def in_it(acme) -> set[str]:
    with tenant_context(acme):
        return {account.name for account in Account.objects.filter(segments__contains=["c1"])}


def test_each_is_shown_with_its_number_and_who_sees_it(log_in, ada, acme, globex, germans):
    share(
        connect(acme, globex)[0], {**NAMED, **{p: level for p, level in COUNTED.items() if p == "prospects"}}
    )
    found = rows(page(log_in, ada))
    assert list(found) == ["Customers", "Open opportunities", "Prospects", "Germans"]
    assert ">1<" in found["Customers"] and ">2<br>" in found["Prospects"]
    assert "1 without private and gone ones" in found["Prospects"]
    assert "Globex</a>: the accounts that both have, by name" in found["Customers"]
    assert "Globex</a>: how many accounts overlap, rounded; no names" in found["Prospects"]
    assert "No partner sees anything of it." in found["Germans"] and "Germany" in found["Germans"]


def test_a_partner_that_is_restricted_is_not_named(log_in, ada, vera, acme, globex, list_of_three):
    share(connect(acme, globex)[0], NAMED)
    with tenant_context(acme):
        Partner.objects.update(is_restricted=True)
    assert "Globex" in page(log_in, ada) and "Globex" not in page(log_in, vera)


def test_it_costs_the_same_with_more_rows(log_in, ada, acme, globex, initech, germans):
    share(connect(acme, globex)[0], NAMED)
    client, path = log_in(ada), acme.path_to("overlaps:populations")
    client.get(path)
    few = cost(client, path)
    share(connect(acme, initech)[0], NAMED)
    with tenant_context(acme, by=ada):
        source = Source.objects.create(name="CRM", kind="file")
        for n in range(20):
            conditions = AccountFilter.of({"tag": [f"t{n}"], "source": [str(source.pk)]})
            populations.make(name=f"Own {n}", conditions=conditions, by=ada)
    assert cost(client, path) == few + 1 <= 12  # the names of sources


# -- making -----------------------------------------------------------------------------------------------------------


def test_a_filter_becomes_a_population(log_in, ada, acme, list_of_three):
    html = page(log_in, ada, "population_new", "?country=DE&owner=Zoe&segment=c9")
    assert re.search(r'name="country" value="DE" checked', html)
    assert re.search(r'name="owner" value="Zoe" checked', html) and "c9" not in html.partition("<main")[2]
    assert "<b>1 account</b> fit now." in html
    response = log_in(ada).post(
        acme.path_to("overlaps:population_new"), {"name": "Ours", "country": ["DE", ""], "owner": ["", ""]}
    )
    assert response.headers["Location"] == acme.path_to("overlaps:populations")
    assert in_it(acme) == {"Alder", "Birch"}
    with tenant_context(acme):
        assert AuditEvent.objects.get(action="population.made").target == "Ours"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": "", "country": "DE"}, "This field is required."),
        ({"name": "x" * 61, "country": "DE"}, "at most 60 characters"),
        ({"name": "Ours"}, "Choose at least one condition."),
        ({"name": "Ours", "amount_from": "much", "source": "x"}, "Choose at least one condition."),
        ({"name": "Germans", "country": "FR"}, "There is a population of this name already."),
    ],
)
def test_a_wrong_one_keeps_what_was_typed(log_in, ada, acme, germans, data, words):
    response = log_in(ada).post(acme.path_to("overlaps:population_new"), data)
    assert response.status_code == 422 and words in response.text
    if "country" in data:
        assert f'value="{data["country"]}" checked' in response.text
    with tenant_context(acme):
        assert CustomPopulation.objects.count() == 1


def test_there_are_so_many_at_most(log_in, monkeypatch, ada, acme, germans):
    monkeypatch.setattr(populations, "MOST", 1)
    response = log_in(ada).post(acme.path_to("overlaps:population_new"), {"name": "Two", "country": "FR"})
    assert response.status_code == 422 and "There are 1 populations of your own making." in response.text


def test_the_number_follows_the_conditions(log_in, ada, acme, germans):
    words = page(log_in, ada, "population_preview", "?country=FR&name=x")
    assert "<html" not in words and "<b>1 account</b> fit now." in words
    assert "Choose a condition" in page(log_in, ada, "population_preview")
    words = page(log_in, ada, "population_preview", f"?country=FR&of={germans.pk}")
    assert "1 would come in, 2 would leave" in words


# -- changing and removing --------------------------------------------------------------------------------------------


def test_while_nobody_sees_it_a_change_is_made_at_once(log_in, ada, acme, germans):
    path = acme.path_to("overlaps:population_edit", pk=germans.pk)
    assert 'name="country" value="DE" checked' in log_in(ada).get(path).text
    assert log_in(ada).post(path, {"name": "French", "country": "FR"}).status_code == 302
    assert in_it(acme) == {"Cedar"}
    with tenant_context(acme):
        assert '"name": ["Germans", "French"]' in AuditEvent.objects.get(action="population.changed").changes


def test_a_change_of_one_that_partners_see_is_confirmed(log_in, ada, acme, globex, germans):
    ours, _ = connect(acme, globex)
    with tenant_context(acme, by=ada):
        SharingRule.objects.create(partner=ours, population="c1", level="overlaps")
    add(acme, "Douglas", country="FR")
    path = acme.path_to("overlaps:population_edit", pk=germans.pk)
    data = {"name": "Europe", "country": ["DE", "FR"]}
    asked = log_in(ada).post(path, data)
    assert asked.status_code == 409 and "2 accounts would come in, 0 would leave" in asked.text
    assert "This newly reveals at most 1 account" in asked.text  # of the other list we are shown nothing
    shown = stamp_in(asked.text)
    assert in_it(acme) == {"Alder", "Birch"}

    add(acme, "Elm", country="FR")  # another number than was told
    again = log_in(ada).post(path, data | {"shown": shown})
    assert again.status_code == 409 and "at most 2 accounts" in again.text
    assert log_in(ada).post(path, data | {"shown": stamp_in(again.text)}).status_code == 302
    assert in_it(acme) == {"Alder", "Birch", "Cedar", "Douglas", "Elm"}


def stamp_in(html: str) -> str:
    return re.search(r'name="shown" value="([0-9a-f]{16})"', html)[1]


def test_what_it_takes_from_partners_is_confirmed_too(log_in, ada, acme, globex, germans):
    ours, theirs = connect(acme, globex)
    for name in ("Alder", "Birch"):
        add(globex, name)
    share(theirs, NAMED)
    with tenant_context(acme, by=ada):
        ours.share({germans.code: Share(Level.OVERLAPS)}, seen=stamp(ours.shares_now()), by=ada)
    path, data = acme.path_to("overlaps:population_edit", pk=germans.pk), {"name": "Germans", "owner": "Zoe"}
    asked = log_in(ada).post(path, data)
    assert asked.status_code == 409 and "No longer shown: 1 account." in asked.text
    assert {name for name, *_ in seen_by(globex)} == {"Alder", "Birch"}
    assert log_in(ada).post(path, data | {"shown": stamp_in(asked.text)}).status_code == 302
    assert {name for name, *_ in seen_by(globex)} == {"Alder"}


def test_of_a_partner_that_is_restricted_nothing_is_said(log_in, ada, linus, acme, globex, germans):
    ours, _ = connect(acme, globex)
    with tenant_context(acme, by=ada):
        SharingRule.objects.create(partner=ours, population="c1", level="overlaps")
        Partner.objects.update(is_restricted=True)
    add(acme, "Douglas", country="FR")
    path, data = acme.path_to("overlaps:population_edit", pk=germans.pk), {"name": "X", "country": "FR"}
    assert log_in(ada).post(path, data).status_code == 409
    assert log_in(linus).post(path, data).status_code == 302


def test_where_no_partner_saw_any_of_it_no_question_is_asked(log_in, ada, acme, globex, germans):
    ours, _ = connect(acme, globex)
    with tenant_context(acme, by=ada):
        SharingRule.objects.create(partner=ours, population="c1", level="overlaps")
    path = acme.path_to("overlaps:population_edit", pk=germans.pk)
    assert log_in(ada).post(path, {"name": "Germans", "owner": "Zoe"}).status_code == 302
    assert in_it(acme) == {"Alder"}


def test_removing_says_who_sees_it_and_takes_it_from_them(log_in, ada, acme, globex, germans):
    ours, _ = connect(acme, globex)
    add(globex, "Alder")
    with tenant_context(acme, by=ada):
        SharingRule.objects.create(partner=ours, population="c1", level="overlaps")
    path = acme.path_to("overlaps:population_remove", pk=germans.pk)
    assert "1 partner sees this population now" in log_in(ada).get(path).text
    assert log_in(ada).post(path).status_code == 302
    assert in_it(acme) == set() and seen_by(globex) == set()
    with tenant_context(acme):
        assert not SharingRule.objects.exists() and not CustomPopulation.objects.exists()
    assert log_in(ada).post(path).status_code == 404


def test_who_may_not_edit_only_looks(log_in, vera, mallory, acme, initech, germans):
    html = page(log_in, vera)
    assert "Germans" in html and "New population" not in html and "Remove" not in html
    for name in ("population_edit", "population_remove"):
        path = acme.path_to(f"overlaps:{name}", pk=germans.pk)
        assert log_in(vera).get(path).status_code == log_in(vera).post(path).status_code == 403
        assert log_in(mallory).post(path).status_code == 404
        assert log_in(mallory).post(initech.path_to(f"overlaps:{name}", pk=germans.pk)).status_code == 404
    assert log_in(vera).post(acme.path_to("overlaps:population_new")).status_code == 403
    assert "Germans" not in page(log_in, mallory)
    words = page(log_in, mallory, "population_preview", f"?country=DE&of={germans.pk}")
    assert "<b>0 accounts</b> fit now." in words
