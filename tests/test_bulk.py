"""Many accounts at once: changed or deleted, with the number and the consequence told before."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEvent
from core.tenancy import tenant_context
from overlaps import matching, populations
from overlaps.filters import AccountFilter
from overlaps.models import Account
from tests.counting import OF_TESTS
from tests.sharing import COUNTED, EVERYTHING, NAMED, add, connect, seen_by, share

ALL = {"all": "1", "query": ""}


@pytest.fixture
def five(acme) -> dict[str, Account]:
    accounts = {name: add(acme, name, owner_name="Zoe") for name in ("Alder", "Birch", "Cedar", "Douglas")}
    return accounts | {"Elm": add(acme, "Elm", "customers", tags=["old", "wood"], country="DE")}


@pytest.fixture
def send(log_in):
    def _send(member, what: str, data: dict, **kwargs):
        return log_in(member).post(member.tenant.path_to(f"overlaps:accounts_{what}"), data, **kwargs)

    return _send


def picked(*accounts: Account) -> dict:
    return {"pick": [str(account.pk) for account in accounts]}


def all_of(tenant) -> dict[str, Account]:
    with tenant_context(tenant):
        return {account.name: account for account in Account.objects.all()}


def do(number: int, **changes) -> dict:
    return {"step": "do", "seen": str(number), **changes}


# -- change -----------------------------------------------------------------------------------------------------------


def test_chosen_ones_are_changed_and_the_others_are_not(send, ada, acme, five):
    chosen = picked(five["Alder"], five["Birch"])
    page = send(ada, "change", chosen)
    assert page.status_code == 200 and "Change 2 accounts" in page.text and str(five["Birch"].pk) in page.text

    look = send(ada, "change", chosen | {"step": "look", "population": "customers", "owner_name": "Ada"})
    assert look.status_code == 200 and "Change 2 accounts?" in look.text and "Customers" in look.text
    assert {account.population for account in all_of(acme).values() if account.name != "Elm"} == {"prospects"}

    done = send(ada, "change", chosen | do(2, population="customers", owner_name="Ada", stage="", add=""))
    assert done.status_code == 302
    after = all_of(acme)
    assert {name for name, account in after.items() if account.owner_name == "Ada"} == {"Alder", "Birch"}
    assert after["Alder"].population == "customers" and after["Cedar"].population == "prospects"
    assert (
        after["Alder"].origins == {"population": "Ada", "owner_name": "Ada"} and after["Cedar"].origins == {}
    )
    assert after["Alder"].updated_at > five["Alder"].updated_at
    with tenant_context(acme):
        event = AuditEvent.objects.get(action="account.many_changed")
    assert json.loads(event.changes) == {
        "accounts": 2, "which": "chosen", "population": "customers", "owner_name": "Ada",
    }  # fmt: skip


def test_all_that_the_filter_finds_are_changed_without_their_ids(send, ada, acme, five):
    chosen = {"all": "1", "query": "owner=Zoe&q=c"}
    page = send(ada, "change", chosen)
    assert "Change 1 account" in page.text and str(five["Cedar"].pk) not in page.text
    response = send(ada, "change", chosen | do(1, stage="Talks"))
    assert response.headers["Location"].endswith("/accounts/?owner=Zoe&q=c")
    assert {name for name, account in all_of(acme).items() if account.stage} == {"Cedar"}
    with tenant_context(acme):
        assert "all of q=c&owner=Zoe" in AuditEvent.objects.get(action="account.many_changed").changes


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"population": "open_opportunities"}, "population", "open_opportunities"),
        ({"owner_name": "Ada"}, "owner_name", "Ada"),
        ({"stage": "Won"}, "stage", "Won"),
        ({"empty": ["owner_name"]}, "owner_name", ""),
        ({"country": "FR"}, "country", "FR"),
        ({"empty": ["country"]}, "country", ""),
        ({"is_private": "yes"}, "is_private", True),
        ({"add": "new, wood"}, "tags", ["old", "new", "wood"]),
        ({"remove": "old, other"}, "tags", ["wood"]),
        ({"add": "new", "remove": "wood"}, "tags", ["old", "new"]),
    ],
)
def test_each_field_can_be_changed(send, ada, acme, five, changes, field, value):
    assert send(ada, "change", picked(five["Elm"]) | do(1, **changes)).status_code == 302
    assert getattr(all_of(acme)["Elm"], field) == value


def test_a_company_number_is_read_anew_for_another_country(send, ada, acme):
    account = add(acme, "Elm", company_number="811569869", country="US")
    assert account.number_key == ""
    other = add(acme, "Oak", company_number="552100554", country="US")
    send(ada, "change", ALL | do(2, country="FR"))
    after = all_of(acme)
    assert after["Oak"].number_key == "FR:552100554" != other.number_key
    with tenant_context(acme):
        for changed in Account.objects.all():
            kept = changed.number_key
            changed.take_keys()
            assert changed.number_key == kept


def test_what_is_so_already_is_not_touched(send, ada, acme, five):
    before = all_of(acme)["Elm"].updated_at
    html = send(ada, "change", ALL | do(5, population="customers"), follow=True).text
    assert "4 accounts changed." in html and all_of(acme)["Elm"].updated_at == before
    assert "0 accounts changed." in send(ada, "change", ALL | do(5, population="customers"), follow=True).text
    with tenant_context(acme):
        assert AuditEvent.objects.filter(action="account.many_changed").count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Say what is to change."),
        ({"population": "friends"}, "Select a valid choice"),
        ({"owner_name": "Ada", "empty": ["owner_name"]}, "not both"),
        ({"add": "a", "remove": "a"}, "can’t be added and removed"),
        ({"add": ",".join(f"t{n}" for n in range(30))}, "At most 20 tags"),
        ({"empty": ["name"]}, "Select a valid choice"),
        ({"owner_name": "x" * 201}, "at most 200 characters"),
    ],
)
def test_a_wrong_change_keeps_what_was_typed(send, ada, acme, five, changes, words):
    for step in ("look", "do"):
        response = send(ada, "change", ALL | {"stage": ""} | changes | {"step": step, "seen": "5"})
        assert response.status_code == 422 and words in response.text
    assert {account.owner_name for account in all_of(acme).values()} == {"Zoe", ""}


def test_back_from_the_question_keeps_what_was_typed(send, ada, five):
    response = send(ada, "change", ALL | {"step": "edit", "owner_name": "Ada", "add": "a, b"})
    assert response.status_code == 200 and 'value="Ada"' in response.text and 'value="a, b"' in response.text


def test_another_number_than_was_told_is_told_again(send, ada, acme, five):
    add(acme, "Fir")
    response = send(ada, "change", ALL | do(5, stage="Won"))
    assert response.status_code == 409 and "The list changed meanwhile" in response.text
    assert 'name="seen" value="6"' in response.text and "Won" in response.text
    assert {account.stage for account in all_of(acme).values()} == {""}


def test_a_change_moves_the_overlaps_and_own_populations_at_once(send, ada, acme, globex, five):
    partners = connect(acme, globex)
    add(globex, "Alder"), add(globex, "Birch")
    for partner in partners:
        share(partner, NAMED)
    with tenant_context(acme, by=ada):
        populations.make(name="Won", conditions=AccountFilter.of({"stage": ["Won"]}), by=ada)
    send(ada, "change", ALL | do(5, population="customers", stage="Won"))
    assert seen_by(acme) == {("Alder", "customers", "prospects"), ("Birch", "customers", "prospects")}
    assert {tuple(account.segments) for account in all_of(acme).values()} == {("c1",)}
    send(ada, "change", ALL | do(5, is_private="yes"))
    assert seen_by(acme) == seen_by(globex) == set()


# -- what is told before ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "changes", "told"),
    [
        (NAMED, {"population": "customers"}, ["4 accounts in Customers: 1 partner may see those that they have too."]),
        (EVERYTHING, {"population": "customers"}, ["4 accounts in Customers: 1 partner will see all of them."]),
        (COUNTED, {"population": "customers"}, []),
        ({}, {"population": "customers"}, []),
        (NAMED, {"owner_name": "Ada"}, ["1 partner may see the new owner, where they see one of these accounts."]),
        (NAMED, {"stage": "Won"}, []),
        (NAMED, {"is_private": "yes"}, ["No partner sees them any more, and you see no overlap of theirs."]),
        (NAMED, {"is_private": "no"}, ["1 account in Customers: 1 partner may see those that they have too."]),
        (NAMED, {"is_private": "no", "population": "prospects"},
         ["1 account in Prospects: 1 partner may see those that they have too."]),
    ],
)  # fmt: skip
def test_the_consequence_is_an_upper_bound_from_our_own_list(
    send, ada, acme, globex, five, levels, changes, told
):
    ours, _theirs = connect(acme, globex)
    share(ours, levels)
    with tenant_context(acme):
        Account.objects.filter(name="Elm").update(is_private=True)
        matching.refresh()
    sent = ALL | {"step": "look", **changes}
    without = send(ada, "change", sent).text
    assert [words for words in told if f"<li>{words}</li>" not in without] == []
    assert without.count("<li>") - without.partition("<main")[0].count("<li>") >= len(told)
    assert bool(told) == ("What partners may see, at most" in without)
    # Whatever the partner has: the same words.
    add(globex, "Alder"), add(globex, "Elm")
    assert send(ada, "change", sent).text.partition("<main")[2][:3000].count("1 partner") == (
        without.partition("<main")[2][:3000].count("1 partner")
    )


# -- delete -----------------------------------------------------------------------------------------------------------


def test_many_are_deleted_when_the_number_is_typed(send, ada, acme, globex, five):
    for partner in connect(acme, globex):
        share(partner, NAMED)
    add(globex, "Alder")
    assert seen_by(globex)
    chosen = {"all": "1", "query": "owner=Zoe"}
    page = send(ada, "delete", chosen)
    assert page.status_code == 200 and "Delete 4 accounts?" in page.text
    wrong = send(ada, "delete", chosen | {"number": "5"})
    assert wrong.status_code == 422 and "There are 4 accounts now." in wrong.text and len(all_of(acme)) == 5
    assert send(ada, "delete", chosen | {"number": "4"}).status_code == 302
    assert all_of(acme).keys() == {"Elm"} and seen_by(globex) == set()
    with tenant_context(acme):
        event = AuditEvent.objects.get(action="account.many_deleted")
    assert json.loads(event.changes) == {"accounts": 4, "which": "all of owner=Zoe"}


# -- who, and what it costs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["change", "delete"])
def test_who_may_not_changes_nothing(send, vera, mallory, acme, initech, five, what):
    data = ALL | do(5, stage="Won") | {"number": "5"}
    assert send(vera, what, data).status_code == 403
    assert send(mallory, what, data).status_code == 302  # nothing is chosen in a list of none
    theirs = picked(*five.values()) | do(5, stage="Won") | {"number": "5"}
    assert send(mallory, what, theirs).status_code == 302
    assert {account.stage for account in all_of(acme).values()} == {""} and len(all_of(acme)) == 5


@pytest.mark.parametrize("what", ["change", "delete", "merge", "export"])
@pytest.mark.parametrize("data", [{}, {"pick": "x"}, {"all": "1", "query": "q=nobody"}, {"pick": ["", "\0"]}])
def test_nothing_chosen_is_told(send, ada, five, what, data):
    html = send(ada, what, data, follow=True).text
    assert "Select" in html.partition('id="toasts"')[2]


@pytest.mark.parametrize(("country", "more"), [({}, 0), ({"country": "DE"}, 2)], ids=["", "country"])
def test_it_costs_the_same_whatever_the_number(log_in, ada, acme, globex, five, country, more):
    connect(acme, globex)
    client, path = log_in(ada), acme.path_to("overlaps:accounts_change")
    data = do(5, population="customers", owner_name="Ada", add="a", is_private="no") | country

    def cost(number: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.post(path, ALL | data | {"seen": str(number)}).status_code == 302
        return sum(not OF_TESTS.search(query["sql"]) for query in queries)

    client.post(path, ALL)
    few = cost(5)
    with tenant_context(acme):
        Account.objects.bulk_create(Account(name=f"Company {n}", company_number="12") for n in range(50))
        matching.refresh()
    assert few <= 12 + more and cost(55) <= 12 + more  # a country reads the company numbers anew
