import re
from html import unescape
from urllib.parse import urlencode

import pytest
from django.http import QueryDict

from core.models import Membership
from core.roles import Permission
from core.tenancy import tenant_context
from overlaps import inbox, matching
from overlaps.models import Account, Overlap
from partners.models import Partner
from tests.sharing import COUNTED, EVERYTHING, NAMED, add, connect, share

OPEN = "open_opportunities"


@pytest.fixture
def partners(acme, globex):
    return connect(acme, globex)


@pytest.fixture
def html_of(client, log_in):
    def get(member: Membership, name: str = "overlaps:list", query: str = "", **kwargs):
        response = log_in(member).get(member.tenant.path_to(name, **kwargs) + query)
        assert response.status_code == 200, response.status_code
        return response.content.decode()

    return get


def tabs(html: str) -> dict[str, int]:
    return {
        view: int(count)
        for view, count in re.findall(r'id="view-(\w+)".*?class="count">(\d+)<', html, re.DOTALL)
    }


def shown(html: str) -> list[str]:
    return re.findall(
        r'class="who__name">([^<]+)</span><span class="who__sub">[^<]+</span></span></a></th>', html
    )


@pytest.fixture
def three_plays(acme, globex, partners):
    add(acme, "Alder", OPEN, amount=84000)
    add(globex, "Alder Inc", "customers", domain="alder.com", owner_name="Tom Weller")
    add(acme, "Birch", "customers")
    add(globex, "Birch", OPEN)
    add(acme, "Cedar", "customers")
    add(globex, "Cedar", "customers")
    add(globex, "Only theirs", "prospects")
    share(partners[1], EVERYTHING)


def test_saved_views_count_and_show_the_same(html_of, ada, three_plays):
    html = html_of(ada)
    assert tabs(html) == {"ask": 1, "offer": 1, "shared": 1, "greenfield": 1, "all": 3}
    assert sorted(shown(html)) == ["Alder Inc", "Birch", "Cedar"]
    for view, names in {
        "ask": ["Alder Inc"],
        "offer": ["Birch"],
        "shared": ["Cedar"],
        "greenfield": ["Only theirs"],
    }.items():
        assert shown(html_of(ada, query=f"?view={view}")) == names


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?q=ald", ["Alder Inc"]),
        ("?q=https://www.alder.com/x", ["Alder Inc"]),
        ("?q=inc", []),
        ("?mine=customers", ["Birch", "Cedar"]),
        ("?mine=customers&theirs=customers", ["Cedar"]),
        ("?view=greenfield&theirs=prospects", ["Only theirs"]),
        (
            "?view=nonsense&mine=nonsense&page=nonsense&partner=nonsense",
            ["Alder Inc", "Birch", "Cedar"],
        ),
        ("?partner=00000000-0000-4000-8000-000000000000", []),
        ("?q=%00", ["Alder Inc", "Birch", "Cedar"]),
        ("?q=%25", []),
        ("?page=99", ["Alder Inc", "Birch", "Cedar"]),
    ],
)
def test_filters_stand_in_the_address(html_of, ada, three_plays, query, names):
    assert sorted(shown(html_of(ada, query=query))) == names


def test_a_fragment_is_the_same_list(log_in, ada, acme, three_plays):
    response = log_in(ada).get(acme.path_to("overlaps:list") + "?q=ald", headers={"HX-Request": "true"})
    html = response.content.decode()
    assert "<html" not in html and shown(html) == ["Alder Inc"]


def test_the_page_of_an_overlap_says_why(html_of, ada, acme, three_plays):
    with tenant_context(acme):
        overlap = Overlap.objects.get(name="Alder Inc")
    html = html_of(ada, "overlaps:detail", pk=overlap.pk)
    assert "Same domain, related names" in html and "<dt>Theirs, as compared</dt><dd>alder.com</dd>" in html
    assert "Tom Weller" in html and "84k" in html
    assert acme.path_to("intros:ask", pk=overlap.pk) in html


def test_the_page_of_an_account_has_both_sides(html_of, ada, acme, three_plays):
    with tenant_context(acme):
        account = Account.objects.get(name="Alder")
    html = html_of(ada, "overlaps:account", pk=account.pk)
    assert "Same domain, related names <b>alder.com</b>" in html and "Tom Weller" in html and "84,000" in html


# -- it goes on by what the last row was -------------------------------------------------------------------------


@pytest.fixture
def many(acme, globex, partners):
    """55, many of which are found at one moment; Firm 00 is of another population."""
    share(partners[1], NAMED)
    for start, stop in ((0, 30), (30, 55)):
        for tenant in (acme, globex):
            with tenant_context(tenant):
                Account.objects.bulk_create(
                    Account(name=f"Firm {n:02}", domain=f"firm{n}.com", population="prospects" if n else OPEN)
                    for n in range(start, stop)
                )
                matching.refresh()
    return partners


def next_of(html: str) -> str:
    return unescape(found[1]) if (found := re.search(r'id="load-more" href="([^"]+)"', html)) else ""


def test_each_overlap_comes_once_newest_first(html_of, ada, acme, many):
    query, seen, pages = "", [], 0
    while query or not pages:
        html = html_of(ada, query=query)
        query, seen, pages = next_of(html), seen + shown(html), pages + 1
    with tenant_context(acme):
        assert seen == list(Overlap.objects.newest_first().values_list("name", flat=True))
    assert pages == 3 and len(seen) == 55 and "51 to 55 of 55" in html and "From the beginning" in html


def test_further_rows_keep_what_the_list_was_asked_for(log_in, ada, acme, globex, many):
    asked = {
        "view": "all", "state": "any", "q": "firm", "mine": "prospects", "theirs": "prospects",
        "partner": str(many[0].pk),
    }  # fmt: skip
    client, path = log_in(ada), acme.path_to("overlaps:list")
    html = client.get(path, asked).text
    assert "1 to 25 of 54" in html and 'value="1">All 54' in html
    query = next_of(html)
    assert {*asked} - {"view"} | {"after"} == set(QueryDict(query[1:]))  # "all" is what it is without saying
    rows = client.get(path + query, headers={"HX-Request": "true", "HX-Target": "tr#more"}).text
    assert "<html" not in rows and "<h2" not in rows and rows.count('name="pick"') == 25
    assert rows.count("autofocus") == 1 and "50 shown" in rows and next_of(rows)
    assert not {*shown(html)} & {*shown(rows)} and "Firm 00" not in shown(html) + shown(rows)


def test_chips_and_forms_lead_to_the_beginning(log_in, ada, acme, many):
    client, path = log_in(ada), acme.path_to("overlaps:list")
    html = client.get(path + next_of(client.get(path, {"theirs": "prospects", "q": "firm"}).text)).text
    assert 'id="without-theirs" href="?q=firm"' in html
    assert 'name="query" value="q=firm&amp;theirs=prospects"' in html and 'name="after"' not in html


def test_all_that_fit_are_marked_from_a_further_page_and_come_back(log_in, ada, acme, many):
    client, path = log_in(ada), acme.path_to("overlaps:list")
    query = next_of(client.get(path, {"mine": "prospects"}).text)[1:]
    response = client.post(
        acme.path_to("overlaps:mark"), {"all": "1", "state": "ignored", "query": "mine=prospects"}
    )
    html = client.get(response.url).text
    assert "54 overlaps marked." in html and "No overlap fits" in html
    html = client.get(f"{path}?{query}").text  # an address from before
    assert "No further overlaps" in html and 'href="?mine=prospects">From the beginning' in html
    client.post(acme.path_to("overlaps:mark_undo"), {"query": "mine=prospects"})
    assert "1 to 25 of 54" in client.get(path, {"mine": "prospects"}).text


@pytest.mark.parametrize(
    "mark",
    ["x", "[]", "{}", '[25, "a", "b"]', "[25, null, null]", '["25", "2026-01-01", "x"]', "[" * 999,
     '[25, "2026-01-01T00:00:00", "00000000-0000-4000-8000-000000000000"]',
     '[25, "\\u0000", "00000000-0000-4000-8000-000000000000"]'],
)  # fmt: skip
def test_a_mark_that_makes_no_sense_begins_at_the_beginning(html_of, ada, three_plays, mark):
    html = html_of(ada, query=f"?{urlencode({'after': mark})}")
    assert len(shown(html)) == 3 and "3 overlaps" in html


def test_what_fits_is_counted_so_far_only(monkeypatch, html_of, ada, many):
    monkeypatch.setattr(inbox, "COUNTED", 30)
    monkeypatch.setattr(inbox.OverlapList, "most", 30)
    html = html_of(ada, query="?q=firm")
    assert "1 to 25 of more than 30" in html and "All that fit" in html
    assert tabs(html)["all"] == 55  # the tabs know it


# -- what is not disclosed stands nowhere ------------------------------------------------------------------------

CANARY = "canary"


def test_no_page_holds_what_is_not_disclosed(log_in, ada, acme, globex, partners):
    secret = {
        "stage": f"{CANARY} stage", "amount": "777777.77", "contact_name": f"{CANARY} contact",
        "contact_email": f"{CANARY}@birch.com",
    }  # fmt: skip
    for name in ("Alder", "Birch", "Cedar", "Dogwood"):
        add(acme, name, OPEN)
    add(globex, "Alder", "customers", **secret)
    add(globex, f"{CANARY} counted", OPEN, domain="birch.com", owner_name=CANARY)
    add(globex, f"{CANARY} hidden", "prospects", domain="cedar.com", owner_name=CANARY)
    add(globex, f"{CANARY} private", "customers", domain="dogwood.com", owner_name=CANARY, is_private=True)
    add(globex, f"{CANARY} not ours", "customers")
    share(partners[1], customers="overlaps", open_opportunities="counts")
    with tenant_context(acme):
        overlap, accounts = Overlap.objects.get(), list(Account.objects.all())

    client = log_in(ada)
    pages = [("overlaps:list", {}), ("workspaces:home", {}), ("overlaps:detail", {"pk": overlap.pk})]
    pages += [("overlaps:account", {"pk": account.pk}) for account in accounts]
    for name, kwargs in pages:
        html = client.get(acme.path_to(name, **kwargs)).content.decode()
        assert CANARY not in html and "777777" not in html and "777,777" not in html and "778k" not in html


def test_a_search_says_nothing_of_what_is_not_disclosed(html_of, ada, acme, globex, partners):
    add(globex, "Elder", "customers")
    share(partners[1], COUNTED)
    for query in ("?q=elder", "?q=elder.com", "?view=greenfield"):
        assert shown(html_of(ada, query=query)) == []
        assert set(tabs(html_of(ada, query=query)).values()) == {0}


def test_an_overlap_of_another_workspace_is_not_there(
    log_in, mallory, grace, acme, initech, globex, three_plays
):
    with tenant_context(acme):
        overlap, account = Overlap.objects.first(), Account.objects.first()
    for member in (mallory, grace):
        client = log_in(member)
        for tenant in (acme, member.tenant):
            assert client.get(tenant.path_to("overlaps:detail", pk=overlap.pk)).status_code == 404
            for name in ("account", "account_edit", "account_delete"):
                assert client.get(tenant.path_to(f"overlaps:{name}", pk=account.pk)).status_code == 404


def test_a_restricted_partner_shows_nothing_to_others(
    html_of, log_in, ada, linus, acme, partners, three_plays
):
    with tenant_context(acme):
        Partner.objects.filter(pk=partners[0].pk).update(is_restricted=True)
        overlap, account = Overlap.objects.get(name="Alder Inc"), Account.objects.get(name="Alder")

    assert len(shown(html_of(ada))) == 3
    html = html_of(linus)
    assert shown(html) == [] and set(tabs(html).values()) == {0} and "Globex" not in html
    assert "Globex" not in html_of(linus, "overlaps:account", pk=account.pk)
    assert log_in(linus).get(acme.path_to("overlaps:detail", pk=overlap.pk)).status_code == 404


def test_a_viewer_sees_and_does_not_ask(html_of, vera, three_plays):
    html = html_of(vera)
    assert len(shown(html)) == 3 and "Ask for an intro<" not in html.partition("<tbody>")[2]


# -- a constant number of queries --------------------------------------------------------------------------------


@pytest.fixture
def queries(django_assert_max_num_queries, log_in):
    def count(member, path, limit, **headers):
        client = log_in(member)
        client.get(path)  # the workspace is remembered in the session
        with django_assert_max_num_queries(limit) as asked:
            assert client.get(path, headers=headers).status_code == 200
        # Below a test's own transaction the contexts are left as they are entered, in savepoints.
        asked = [q["sql"] for q in asked if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
        return len(asked) - sum("core_enter" in sql for sql in asked) + 2

    return count


@pytest.mark.parametrize(
    "name", ["overlaps:list", "overlaps:accounts", "overlaps:account", "overlaps:detail"]
)
def test_pages_ask_as_often_for_thirty_rows_as_for_one(queries, ada, acme, globex, partners, name):
    share(partners[1], NAMED)
    add(acme, "Alder", OPEN)
    add(globex, "Alder", "customers")
    with tenant_context(acme):
        pk = {"overlaps:account": Account.objects.get().pk, "overlaps:detail": Overlap.objects.get().pk}.get(
            name
        )
    path = acme.path_to(name, **({"pk": pk} if pk else {}))
    few = queries(ada, path, 30)
    for tenant in (acme, globex):
        with tenant_context(tenant):
            Account.objects.bulk_create(Account(name=f"C{n}", domain=f"c{n}.com") for n in range(30))
            Account.objects.bulk_create(Account(name="Alder", domain="alder.com") for _ in range(15))
            matching.refresh()
    many = queries(ada, path, 30)
    assert many == few <= 12


@pytest.mark.parametrize(("name", "most"), [("overlaps:list", 8), ("overlaps:accounts", 8)])
def test_fragments_need_few_queries(queries, ada, acme, three_plays, name, most):
    """Two of them open the workspace, two are of the session and its person."""
    assert queries(ada, acme.path_to(name), 30, **{"HX-Request": "true"}) <= most


def test_every_page_names_a_permission():
    from overlaps.urls import urlpatterns

    for pattern in urlpatterns:
        assert isinstance(pattern.callback.permission, Permission)
