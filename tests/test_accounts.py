import re
from decimal import Decimal

import pytest

from audit.models import AuditEvent
from core.tenancy import tenant_context
from overlaps import matching
from overlaps.models import Account
from tests.sharing import NAMED, add, connect, seen_by, share


@pytest.fixture
def stark(acme) -> Account:
    return add(acme, "Stark", "prospects", country="US", amount="12.50", contact_email="pepper@stark.com")


def typed(account: Account, **changes) -> dict[str, str]:
    values = {name: getattr(account, name) for name in Account.EDITABLE}
    values |= {"seen": account.updated_at.isoformat()} | changes
    if not values["is_private"]:
        del values["is_private"]
    return {name: "" if value is None else value for name, value in values.items()}


@pytest.fixture
def edit(log_in):
    def _edit(member, account, **changes):
        path = member.tenant.path_to("overlaps:account_edit", pk=account.pk)
        return log_in(member).post(path, typed(account, **changes))

    return _edit


def again(account: Account) -> Account:
    with tenant_context(account.tenant_id):
        return Account.objects.get(pk=account.pk)


def test_an_edit_is_saved_and_recorded(edit, ada, acme, stark):
    response = edit(
        ada, stark, name="Stark Industries", domain="https://www.stark-industries.com/x", population="customers",
        amount="84000", contact_email="tony@stark.com", country="DE", is_private="on",
    )  # fmt: skip
    assert response.status_code == 302

    after = again(stark)
    assert (after.name, after.domain, after.domain_key) == ("Stark Industries",) + (
        "stark-industries.com",
    ) * 2
    assert (after.population, after.amount, after.country, after.is_private) == (
        "customers",
        84000,
        "DE",
        True,
    )
    with tenant_context(acme):
        event = AuditEvent.objects.get(action="account.changed")
    assert '"population": ["prospects", "customers"]' in event.changes
    assert "@stark.com" not in event.changes and "contact_email" in event.changes


def test_saving_without_a_change_leaves_no_trace(edit, ada, acme, stark):
    assert edit(ada, stark).status_code == 302
    with tenant_context(acme):
        assert not AuditEvent.objects.filter(action="account.changed").exists()
    assert again(stark).updated_at == stark.updated_at


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 201}, "at most 200 characters"),
        ({"name": "a\0b"}, "Null characters are not allowed."),
        ({"domain": "not a domain"}, "Write a domain such as acme.com."),
        ({"country": "ZZ"}, "Select a valid choice"),
        ({"population": "friends"}, "is not one of the available choices"),
        ({"amount": "much"}, "Enter a number."),
        ({"amount": "1e400"}, ""),
        ({"amount": "NaN"}, "Enter a number."),
        ({"amount": "9999999999999.00"}, "no more than"),
        ({"contact_email": "nobody"}, "Enter a valid email address."),
        ({"seen": ""}, "Please open this page again."),
        ({"seen": "2026-13-99T00:00"}, "Please open this page again."),
        ({"seen": "2026-01-01T00:00:00"}, "Please open this page again."),
    ],
)
def test_a_wrong_edit_keeps_what_was_typed(edit, ada, stark, changes, words):
    response = edit(ada, stark, owner_name="typed and kept", **changes)
    html = response.content.decode()
    assert response.status_code == 422 and words in html and "typed and kept" in html
    assert again(stark).owner_name == ""


def test_two_who_edit_at_once_see_both_versions(edit, ada, linus, stark):
    assert edit(linus, stark, population="customers", owner_name="Linus").status_code == 302
    response = edit(ada, stark, owner_name="Ada")

    html = response.content.decode()
    assert response.status_code == 409 and "Somebody changed this account" in html
    assert re.search(r"<td>Linus</td>\s*<td>Ada</td>", html)
    assert (again(stark).owner_name, again(stark).population) == ("Linus", "customers")

    seen = re.search(r'name="seen" value="([^"]+)"', html)[1]
    assert edit(ada, stark, owner_name="Ada", population="customers", seen=seen).status_code == 302
    assert again(stark).owner_name == "Ada"


def test_an_edit_moves_the_overlaps_at_once(edit, ada, acme, globex, stark):
    partners = connect(acme, globex)
    add(globex, "Stark", "customers")
    for partner in partners:
        share(partner, NAMED)
    edit(ada, stark, population="open_opportunities")
    assert seen_by(acme) == {("Stark", "open_opportunities", "customers")}
    assert seen_by(globex) == {("Stark", "customers", "open_opportunities")}

    edit(ada, again(stark), is_private="on")
    assert seen_by(acme) == seen_by(globex) == set()


def test_deleting_asks_and_is_recorded(log_in, ada, acme, stark):
    client, path = log_in(ada), acme.path_to("overlaps:account_delete", pk=stark.pk)
    assert "This can’t be undone" in client.get(path).content.decode()
    assert client.post(path).headers["Location"] == acme.path_to("overlaps:accounts")
    with tenant_context(acme):
        assert not Account.objects.exists()
        assert AuditEvent.objects.get(action="account.deleted").target == "Stark"
    assert client.post(path).status_code == 404


def test_a_viewer_only_looks(log_in, vera, acme, stark):
    client = log_in(vera)
    for name in ("account_edit", "account_delete"):
        path = acme.path_to(f"overlaps:{name}", pk=stark.pk)
        assert client.get(path).status_code == client.post(path).status_code == 403
    html = client.get(acme.path_to("overlaps:account", pk=stark.pk)).content.decode()
    assert "Stark" in html and "Edit" not in html and "Delete" not in html
    assert (
        "Import" not in client.get(acme.path_to("overlaps:accounts")).content.decode().partition("<main")[2]
    )


def test_the_acts_of_the_model_keep_to_their_workspace(grace, globex, stark):
    """Handed a stranger's row, in the own context: nothing is written."""
    with tenant_context(globex, by=grace):
        with pytest.raises(Account.ChangedMeanwhile):
            stark.change(by=grace, name="Taken over")
        stark.remove(by=grace)
    assert again(stark).name == "Stark"


# -- the list -----------------------------------------------------------------------------------------------------


def listed(client, acme, query="") -> list[str]:
    html = client.get(acme.path_to("overlaps:accounts") + query).content.decode()
    return re.findall(
        r'class="who__name">([^<]+)</span><span class="who__sub">', html.partition("<tbody>")[2]
    )


@pytest.fixture
def three(acme):
    add(acme, "Alder", "customers", amount=Decimal(5), owner_name="Zoe")
    add(acme, "Birch", "open_opportunities", amount=Decimal(9), owner_name="Ada")
    add(acme, "Cedar", "prospects", domain="https://www.sub.birch-trees.com")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Alder", "Birch", "Cedar"]),
        ("?sort=-name", ["Cedar", "Birch", "Alder"]),
        ("?sort=-amount", ["Birch", "Alder", "Cedar"]),
        ("?sort=owner", ["Cedar", "Birch", "Alder"]),
        ("?sort=population", ["Alder", "Birch", "Cedar"]),
        ("?sort=-changed", ["Cedar", "Birch", "Alder"]),
        ("?sort=amount;DROP", ["Alder", "Birch", "Cedar"]),
        ("?population=customers", ["Alder"]),
        ("?population=nonsense", ["Alder", "Birch", "Cedar"]),
        ("?q=bIr", ["Birch"]),
        ("?q=birch-trees.com", ["Cedar"]),
        ("?q=https://birch-trees.com/x", ["Cedar"]),
        ("?q=%25", []),
        ("?q=_", []),
        ("?q=%00alder", ["Alder"]),
        ("?page=0", ["Alder", "Birch", "Cedar"]),
        ("?page=-1", ["Alder", "Birch", "Cedar"]),
        ("?page=99999999999999", ["Alder", "Birch", "Cedar"]),
    ],
)
def test_the_list_answers_whatever_it_is_asked(log_in, ada, acme, three, query, names):
    assert listed(log_in(ada), acme, query) == names


def test_the_list_has_pages(log_in, ada, acme):
    with tenant_context(acme):
        Account.objects.bulk_create(Account(name=f"Company {n:03}") for n in range(60))
        matching.refresh()
    client = log_in(ada)
    pages = [listed(client, acme, f"?page={page}") for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [25, 25, 10, 10] and pages[2] == pages[3]
    assert pages[0][0] == "Company 000" and pages[2][-1] == "Company 059"
    html = client.get(acme.path_to("overlaps:accounts") + "?page=2").content.decode()
    assert "26 to 50 of 60" in html


def test_an_empty_list_says_what_will_be_here(log_in, ada, vera, acme):
    assert "Import accounts" in log_in(ada).get(acme.path_to("overlaps:accounts")).content.decode()
    assert "can import them" in log_in(vera).get(acme.path_to("overlaps:accounts")).content.decode()
