import re
from decimal import Decimal
from html import unescape
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from audit.models import AuditEvent
from core.tenancy import tenant_context
from overlaps import matching, populations
from overlaps.accounts import SORTS
from overlaps.filters import AccountFilter
from overlaps.models import Account, Source
from partners.models import Partner
from tests.counting import cost
from tests.sharing import NAMED, add, connect, seen_by, share

FURTHER = {"HX-Request": "true", "HX-Target": "tr#more"}


@pytest.fixture
def stark(acme) -> Account:
    return add(acme, "Stark", "prospects", country="US", amount="12.50", contact_email="pepper@stark.com")


def typed(account: Account, **changes) -> dict[str, str]:
    values = {name: getattr(account, name) for name in Account.EDITABLE}
    values["tags"] = ", ".join(account.tags)
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


# -- by hand ------------------------------------------------------------------------------------------------------

WRITTEN = {
    "name": "Wayne Enterprises",
    "domain": "wayne.com",
    "country": "DE",
    "population": "prospects",
    "company_number": "DE 811 569 869",
    "tags": "gotham, Key account, GOTHAM",
    "amount": "12.5",
    "currency": "€",
    "extra_name_0": "Region",
    "extra_value_0": "EMEA",
}


def test_a_new_account_is_matched_at_once(log_in, ada, acme, globex):
    partners = connect(acme, globex)
    add(globex, "Wayne Enterprises", domain="wayne.com")
    share(partners[1], NAMED)
    response = log_in(ada).post(acme.path_to("overlaps:account_new"), WRITTEN)
    with tenant_context(acme):
        account = Account.objects.get()
        event = AuditEvent.objects.get(action="account.made")
    assert response.headers["Location"] == acme.path_to("overlaps:account", pk=account.pk)
    assert (account.tags, account.currency, account.extra) == (
        ["GOTHAM", "Key account"],
        "EUR",
        {"Region": "EMEA"},
    )
    assert account.number_key and event.target == "Wayne Enterprises"
    assert account.origins["name"] == account.origins["extra"] == "Ada" and "stage" not in account.origins
    assert seen_by(acme) == {("Wayne Enterprises", "prospects", "prospects")}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": " "}, "This field is required."),
        ({"company_number": "LEI 5493001KJTIIGC8Y1R13"}, "a digit is wrong"),
        ({"currency": "much"}, "Write three letters"),
        ({"currency": "??"}, "Write three letters"),
        ({"tags": "x" * 60}, "At most 20 tags"),
        ({"tags": ",".join(f"t{n}" for n in range(30))}, "At most 20 tags"),
        ({"extra_name_0": ""}, "What is the field called?"),
        ({"extra_name_1": "Region", "extra_value_1": "APAC"}, "There is a field of this name already."),
        ({"extra_value_0": "x" * 1001}, "at most 1000 characters"),
        ({"owner_email": "nobody"}, "Enter a valid email address."),
    ],
)
def test_a_wrong_new_account_keeps_what_was_typed(log_in, ada, acme, changes, words):
    response = log_in(ada).post(acme.path_to("overlaps:account_new"), WRITTEN | {"stage": "kept"} | changes)
    assert response.status_code == 422 and words in response.text and 'value="kept"' in response.text
    with tenant_context(acme):
        assert not Account.objects.exists()


def test_what_matches_nothing_is_kept_and_told(log_in, ada, acme):
    client = log_in(ada)
    written = WRITTEN | {"domain": "gmail.com", "company_number": "HRB 12345"}
    html = client.post(acme.path_to("overlaps:account_new"), written, follow=True).text
    assert "“HRB 12345” is kept, but lists can’t be compared by it" in html
    assert "“gmail.com” is kept, but it matches nothing: mails of many companies come from there." in html
    with tenant_context(acme):
        assert Account.objects.get().company_number == "HRB 12345"


def test_custom_fields_are_changed_added_and_taken_away(edit, log_in, ada, acme, stark):
    with tenant_context(acme):
        Account.objects.filter(pk=stark.pk).update(extra={"Region": "EMEA", "Score": "7"})
    html = log_in(ada).get(acme.path_to("overlaps:account_edit", pk=stark.pk)).text
    assert re.findall(r'name="extra_(\w+)"[^>]*value="([^"]+)"', html) == [
        *(("name_0", "Region"), ("value_0", "EMEA"), ("name_1", "Score"), ("value_1", "7")),
    ]
    pairs = {"extra_name_0": "Region", "extra_value_0": "APAC", "extra_name_1": "Score", "extra_value_1": ""}
    edit(ada, again(stark), **pairs, extra_name_2="Fit", extra_value_2="good")
    after = again(stark)
    assert after.extra == {"Region": "APAC", "Fit": "good"} and after.origins == {"extra": "Ada"}


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


def many(acme, number: int = 60) -> None:
    with tenant_context(acme):
        Account.objects.bulk_create(
            Account(name=f"Company {n:03}", amount=n % 7 or None, owner_name=f"Owner {n % 3}")
            for n in range(number)
        )
        matching.refresh()


def next_of(html: str) -> str:
    return unescape(found[1]) if (found := re.search(r'id="load-more" href="([^"]+)"', html)) else ""


@pytest.mark.parametrize("sort", list(SORTS))
def test_each_order_goes_on_where_it_stopped(log_in, ada, acme, sort):
    many(acme)
    with tenant_context(acme):
        in_order = list(SORTS[sort].sort(Account.objects.all()).values_list("name", flat=True))
    client, query, seen, marks = log_in(ada), f"?sort={sort}", [], 0
    while query:
        html = client.get(acme.path_to("overlaps:accounts") + query).text
        seen += listed(client, acme, query)
        query, marks = next_of(html), marks + 1
    assert seen == in_order and marks == 3


def test_names_are_sorted_and_found_whatever_their_case(log_in, ada, acme):
    for name in ("adidas", "Zalando", "eBay", "Böhler"):
        add(acme, name)
    assert listed(log_in(ada), acme) == ["adidas", "Böhler", "eBay", "Zalando"]
    assert listed(log_in(ada), acme, "?q=EBA") == ["eBay"]
    assert listed(log_in(ada), acme, "?q=bohl") == ["Böhler"]


def test_further_rows_come_for_the_row_that_led_to_them(log_in, ada, acme):
    many(acme, 30)
    client, path = log_in(ada), acme.path_to("overlaps:accounts")
    html = client.get(path).text
    assert "1 to 25 of 30" in html
    rows = client.get(path + next_of(html), headers={"HX-Request": "true", "HX-Target": "tr#more"}).text
    assert "<html" not in rows and "<h2" not in rows and rows.count('name="pick"') == 5
    assert rows.count("autofocus") == 1 and "30 shown" in rows and "load-more" not in rows
    alone = client.get(path + next_of(html)).text
    assert "26 to 30 of 30" in alone and "From the beginning" in alone


@pytest.mark.parametrize(
    "mark",
    ["x", "[]", "{}", "[1]", '[25, "a"]', '["25", "a", "b"]', '[25, null, null]', "[25, 1, 2]", "null", "[" * 999,
     '[-5, "company 010", "00000000-0000-4000-8000-000000000000"]',
     '[25, "\\u0000", "00000000-0000-4000-8000-000000000000"]'],
)  # fmt: skip
@pytest.mark.parametrize("sort", ["name", "-amount", "-changed"])
def test_a_mark_that_makes_no_sense_is_no_error(log_in, ada, acme, mark, sort):
    many(acme, 30)
    assert len(listed(log_in(ada), acme, "?" + urlencode({"after": mark, "sort": sort}))) >= 15


@pytest.mark.parametrize("amount", ["NaN", "1e999999", "Infinity", "x", "99999999999999999999"])
def test_an_amount_that_makes_no_sense_begins_at_the_beginning(log_in, ada, acme, amount):
    many(acme, 30)
    mark = f'[25, "{amount}", "00000000-0000-4000-8000-000000000000"]'
    assert len(listed(log_in(ada), acme, "?" + urlencode({"after": mark, "sort": "-amount"}))) == 25


def test_the_list_costs_the_same_with_more_rows(log_in, ada, acme, globex):
    client, path = log_in(ada), acme.path_to("overlaps:accounts")
    partners = connect(acme, globex)
    share(partners[1], NAMED)
    add(acme, "Stark", tags=["a"]), add(globex, "Stark")
    client.get(path)
    few = (
        cost(client, path),
        cost(client, f"{path}?tag=a&sort=owner&partner={partners[0].pk}"),
        cost(client, path, headers=FURTHER),
    )
    many(acme, 30)
    for n in range(30):
        add(acme, f"Shared {n}", tags=["a"]), add(globex, f"Shared {n}")
    assert few == (
        cost(client, path),
        cost(client, f"{path}?tag=a&sort=owner&partner={partners[0].pk}"),
        cost(client, path, headers=FURTHER),
    )
    assert few[0] <= 12 and few[1] <= 12 and few[2] <= 6


# -- filters ------------------------------------------------------------------------------------------------------


@pytest.fixture
def forest(acme, globex):
    with tenant_context(acme):
        source = Source.objects.create(name="HubSpot", kind="hubspot")
    add(acme, "Alder", "customers", amount=Decimal(5), owner_name="Zoe", country="DE", tags=["wood", "old"])
    add(
        acme,
        "Birch",
        "open_opportunities",
        amount=Decimal(9),
        owner_name="Ada",
        stage="Proposal",
        is_private=True,
    )
    add(acme, "Cedar", "prospects", country="FR", extra={"Region": "EMEA"}, source_id=source.pk)
    add(acme, "Douglas", "prospects", gone_at=timezone.now(), owner_name="Ada")
    partners = connect(acme, globex)
    add(globex, "Cedar"), share(partners[1], NAMED)
    return {"source": source.pk, "partner": partners[0].pk}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("population=customers&population=prospects", ["Alder", "Cedar", "Douglas"]),
        ("country=DE&country=FR", ["Alder", "Cedar"]),
        ("owner=Ada", ["Birch", "Douglas"]),
        ("owner=Ada&gone=no", ["Birch"]),
        ("stage=Proposal", ["Birch"]),
        ("tag=old&tag=new", ["Alder"]),
        ("source={source}", ["Cedar"]),
        ("amount_from=6", ["Birch"]),
        ("amount_to=6", ["Alder"]),
        ("amount_from=nonsense", ["Alder", "Birch", "Cedar", "Douglas"]),
        ("private=yes", ["Birch"]),
        ("private=no&gone=no", ["Alder", "Cedar"]),
        ("gone=yes", ["Douglas"]),
        ("partner={partner}", ["Cedar"]),
        ("partner=00000000-0000-4000-8000-000000000000", []),
        ("partner=x", ["Alder", "Birch", "Cedar", "Douglas"]),
        ("extra.Region=EMEA", ["Cedar"]),
        ("extra_name=Region&extra_value=EMEA", ["Cedar"]),
        ("extra.Region=APAC", []),
        ("segment=c1", []),
    ],
)
def test_each_filter_finds_what_it_says(log_in, ada, acme, forest, query, names):
    assert listed(log_in(ada), acme, "?" + query.format(**forest)) == names


def test_a_chip_stands_for_each_value_and_takes_it_off(log_in, ada, acme, forest):
    client = log_in(ada)
    query = "?country=DE&country=FR&extra.Region=EMEA&private=no&partner={partner}&source={source}"
    html = client.get(acme.path_to("overlaps:accounts") + query.format(**forest)).text
    chips = re.findall(r'href="([^"]+)" aria-label="Remove the filter ([^"]+)"', html)
    assert [words for _, words in chips] == [
        *("Germany", "France", "Region: EMEA", "Not private", "HubSpot", "Known to Globex"),
    ]
    without = {words: unescape(address) for address, words in chips}["Germany"]
    assert "country=FR" in without and "country=DE" not in without and "private=no" in without


def test_the_form_shows_what_is_chosen_and_leads_back_to_the_list(log_in, ada, acme, forest):
    client, path = log_in(ada), acme.path_to("overlaps:account_filter")
    html = client.get(f"{path}?owner=Ada&country=DE&population=customers&sort=-name").text
    assert re.search(r'name="owner" value="Ada" checked', html)
    assert re.search(r'name="population" value="customers" checked', html)
    assert '<option value="Zoe">' in html and "HubSpot" in html and "Globex" in html
    sent = client.get(
        f"{path}?go=1&sort=-name&owner=Ada&owner=&country=&extra_name=Region&extra_value=EMEA&q="
    )
    assert sent.headers["Location"].endswith("/accounts/?extra.Region=EMEA&owner=Ada&sort=-name")


def test_a_tab_counts_without_reading_the_list(log_in, ada, acme, forest, django_assert_max_num_queries):
    with tenant_context(acme, by=ada):
        populations.make(name="Ours", conditions=AccountFilter.of({"owner": ["Ada"]}), by=ada)
    html = log_in(ada).get(acme.path_to("overlaps:accounts") + "?segment=c1").text
    tabs = dict(re.findall(r'class="tabs__item"[^>]*>([^<]+) <span class="count">(\d+)<', html))
    assert tabs == {"All": "4", "Customers": "1", "Open opportunities": "1", "Prospects": "2", "Ours": "2"}
    assert re.search(r'id="population-c1"[^>]*aria-current="page"', html)


def test_a_row_names_the_partners_that_know_it(log_in, ada, acme, forest):
    html = log_in(ada).get(acme.path_to("overlaps:accounts")).text
    rows = {re.search(r'who__name">([^<]+)<', row)[1]: row for row in html.split("<tr>")[2:]}
    assert "Globex" in rows["Cedar"] and "Globex" not in rows["Alder"]


def test_a_partner_that_is_restricted_is_not_named(log_in, vera, acme, forest):
    with tenant_context(acme):
        Partner.objects.update(is_restricted=True)
    client, path = log_in(vera), acme.path_to("overlaps:accounts")
    html = client.get(f"{path}?partner={forest['partner']}").text
    assert "No account fits" in html and "Globex" not in html
    assert "Globex" not in client.get(path).text
    assert "Globex" not in client.get(acme.path_to("overlaps:account_filter")).text


def test_an_empty_list_says_what_will_be_here(log_in, ada, vera, acme):
    assert "Import accounts" in log_in(ada).get(acme.path_to("overlaps:accounts")).content.decode()
    assert "can import them" in log_in(vera).get(acme.path_to("overlaps:accounts")).content.decode()
