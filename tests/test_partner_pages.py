"""The list, the page of a partner, the sidebar: found, filtered, paged, and within their queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from audit.models import AuditEvent
from core.models import Membership
from core.tenancy import tenant_context
from partners.models import Connection, Grant, Partner, Population
from tests.pairs import NAMES_OF_CUSTOMERS, connect, invite

A_PAGE = 12  # queries


@pytest.fixture
def ours(ada, grace) -> Partner:
    return connect(ada, grace, shows=NAMES_OF_CUSTOMERS, shown=NAMES_OF_CUSTOMERS)[0]


def queries(client, url: str, **headers: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url, headers=headers).status_code == 200
    # A request is one transaction; in a test it is nested, and tells the database twice more where it was before.
    return len([query for query in captured if "SAVEPOINT" not in query["sql"]]) - 1


@pytest.fixture
def many(acme, ada, initech, mallory):
    """Thirty partners in all states, each connected one with a connection of its own."""
    with tenant_context(acme):
        for n in range(30):
            state = list(Partner.State)[n % len(Partner.State)]
            link = None
            if state in {Partner.State.CONNECTED, Partner.State.PAUSED}:
                link = Connection.objects.create(inviter=acme, invitee=initech, state="ended").pk
            Partner.objects.create(name=f"Company {n:02}", state=state, connection_id=link, owner=ada.user)


@pytest.mark.parametrize("name", ["partners:detail", "overlaps:sharing", "partners:change", "partners:end"])
@pytest.mark.parametrize("who", ["ada", "linus"])
def test_the_pages_of_a_partner_keep_to_their_queries(name, who, request, log_in, ada, linus, ours, acme):
    with tenant_context(acme):
        ours.grant(Grant.MANAGER, to=linus, by=ada)

    assert queries(log_in(request.getfixturevalue(who)), acme.path_to(name, pk=ours.pk)) <= A_PAGE


def test_so_does_the_page_of_an_invited_one(log_in, ada, acme):
    partner = invite(ada).partner

    assert queries(log_in(ada), acme.path_to("partners:detail", pk=partner.pk)) <= A_PAGE


@pytest.mark.parametrize("who", ["ada", "linus"])
def test_one_or_thirty_partners_cost_the_same(who, request, log_in, ada, linus, ours, acme):
    client, url = log_in(request.getfixturevalue(who)), acme.path_to("partners:list")
    page, fragment = queries(client, url), queries(client, url, HX_Request="true")
    assert fragment < page <= A_PAGE

    request.getfixturevalue("many")

    assert (queries(client, url), queries(client, url, HX_Request="true")) == (page, fragment)


def test_a_team_costs_the_same_however_large(log_in, ada, ours, acme, linus, alan, vera):
    client, url = log_in(ada), acme.path_to("partners:detail", pk=ours.pk)
    before = queries(client, url)
    with tenant_context(acme):
        for member in (linus, alan, vera):
            ours.grant(Grant.VIEWER, to=member, by=ada)

    assert queries(client, url) == before


def test_the_list_is_filtered_by_its_address(log_in, ada, many, ours, acme):
    client, url = log_in(ada), acme.path_to("partners:list")

    assert client.get(url).context["page"].paginator.count == 31
    assertContains(client.get(url), "1 to 25 of 31")
    assert len(client.get(url, {"page": "2"}).context["page"]) == 6
    for state, found in [
        ("connected", 6),
        ("invited", 5),
        ("offline", 4),
        ("paused", 4),
        ("ended", 12),
        ("nonsense", 31),
    ]:
        assert client.get(url, {"state": state}).context["page"].paginator.count == found
    assert client.get(url, {"q": "globex"}).context["page"].paginator.count == 1
    assert client.get(url, {"q": "company 1", "state": "ended"}).context["page"].paginator.count == 5
    assertContains(client.get(url, {"q": "nobody"}), "No partner fits")
    assertContains(client.get(url, {"q": "<b>\0"}), "&lt;b&gt;")


def test_the_list_is_filtered_by_what_partners_are(log_in, ada, linus, acme):
    with tenant_context(acme):
        Partner.objects.create(name="One", kind="reseller", tier="Gold", tags=["EMEA"], owner=ada.user)
        Partner.objects.create(name="Two", kind="agency", tier="Silver", tags=["EMEA", "New"])
    client, url = log_in(ada), acme.path_to("partners:list")

    def found(**asked: str) -> list[str]:
        return [partner.name for partner in client.get(url, asked).context["page"]]

    assert found(kind="reseller") == found(tier="Gold") == found(owner=str(ada.user.pk)) == ["One"]
    assert found(tag="New") == ["Two"]
    assert found(tag="EMEA", kind="agency") == ["Two"]
    assert found(owner=str(linus.user.pk)) == found(tag="x") == []
    assert found(owner="x", kind="x") == ["One", "Two"]


def test_filters_name_nothing_of_a_restricted_partner(log_in, ada, linus, acme):
    with tenant_context(acme):
        Partner.objects.create(name="Secret", tier="Hidden tier", tags=["hidden tag"], is_restricted=True)

    assertContains(log_in(ada).get(acme.path_to("partners:list")), "Hidden tier")
    page = log_in(linus).get(acme.path_to("partners:list"))
    assertNotContains(page, "Hidden tier")
    assertNotContains(page, "hidden tag")


def test_an_offline_partner_is_added_and_invited_later(log_in, ada, grace, acme):
    client = log_in(ada)
    client.post(acme.path_to("partners:offline_new"), {"name": "Globex", "domain": "globex.example"})
    with tenant_context(acme):
        partner = Partner.objects.get()
        assert partner.state == Partner.State.OFFLINE
    page = acme.path_to("partners:detail", pk=partner.pk)
    assertContains(client.get(page), "has no workspace here")
    assert queries(client, page) <= A_PAGE
    asked = {"email": "grace@globex.example", "note": "", **dict.fromkeys(Population, "default")}

    client.post(acme.path_to("partners:invite_again", pk=partner.pk), asked)

    assertContains(client.get(page), "Copy link")
    with tenant_context(acme):
        assert Partner.objects.get().state == Partner.State.OFFLINE


@pytest.mark.parametrize("state", Partner.State)
def test_there_is_a_page_for_each_state(state, log_in, ada, grace, acme, ours):
    with tenant_context(acme):
        Partner.objects.update(state=state)

    assertContains(log_in(ada).get(acme.path_to("partners:detail", pk=ours.pk)), "Globex")


def test_the_fragment_is_the_list_and_no_page(log_in, ada, ours, acme):
    response = log_in(ada).get(acme.path_to("partners:list"), headers={"HX-Request": "true"})

    assertContains(response, "Globex")
    assertNotContains(response, "<html")


def test_nobody_yet(log_in, ada, vera, acme):
    url = acme.path_to("partners:list")
    assertContains(log_in(ada).get(url), "No partner yet")
    assertNotContains(log_in(vera).get(url), acme.path_to("partners:invite"))


def test_the_sidebar_shows_eight_connected_ones(log_in, ada, acme, initech, grace, globex):
    with tenant_context(acme):
        for n in range(10):
            link = Connection.objects.create(inviter=acme, invitee=initech, state="ended")
            Partner.objects.create(name=f"Company {n}", state="connected", connection_id=link.pk)
        Partner.objects.create(name="A company that is only invited")

    page = log_in(ada).get(acme.path_to("partners:invite"))

    assertContains(page, "Company 7")
    assertNotContains(page, "Company 8")
    assertNotContains(page, "A company that is only invited")
    assertNotContains(log_in(grace).get(globex.path_to("partners:list")), "Company")


def test_both_sides_levels_stand_on_the_page(log_in, grace, ours, globex):
    with tenant_context(globex):
        theirs = Partner.objects.get()
    page = log_in(grace).get(globex.path_to("partners:detail", pk=theirs.pk))

    assertContains(page, "Overlapping accounts", count=2)


def test_the_profile_is_edited(log_in, ada, linus, ours, acme):
    url = acme.path_to("partners:change", pk=ours.pk)
    asked = {
        "name": "Globex Inc",
        "domain": "https://globex.com/",
        "owner": str(linus.user.pk),
        "notes": "Met at the fair.",
        "is_restricted": "on",
        "kind": "reseller",
        "tier": "Gold",
        "tags": "EMEA, new, EMEA",
    }

    assertRedirects(log_in(ada).post(url, asked), acme.path_to("partners:detail", pk=ours.pk))

    with tenant_context(acme):
        partner = Partner.objects.get()
        assert (partner.name, partner.domain, partner.owner) == ("Globex Inc", "globex.com", linus.user)
        assert partner.is_restricted
        assert (partner.kind, partner.tier, partner.tags) == ("reseller", "Gold", ["EMEA", "new"])
        event = AuditEvent.objects.get(action="partner.changed")
    assert "Met at the fair" not in event.changes
    assert '"name": ["Globex", "Globex Inc"]' in event.changes


def test_the_other_side_keeps_its_own_record(log_in, ada, ours, acme, globex):
    asked = {"name": "Nickname", "domain": "", "owner": "", "notes": ""}
    log_in(ada).post(acme.path_to("partners:change", pk=ours.pk), asked)

    with tenant_context(globex):
        assert Partner.objects.get().name == "Acme"
        assert not AuditEvent.objects.filter(action="partner.changed").exists()


def test_nobody_of_another_workspace_manages_it(log_in, ada, mallory, ours, acme):
    asked = {"name": "Globex", "domain": "x y", "owner": str(mallory.user.pk), "notes": "Kept"}

    response = log_in(ada).post(acme.path_to("partners:change", pk=ours.pk), asked)

    assertContains(response, "Kept", status_code=422)
    assert set(response.context["form"].errors) == {"domain", "owner"}
    assertNotContains(response, "Mallory", status_code=422)


def test_a_member_who_left_is_gone_from_the_choice(log_in, ada, linus, ours, acme):
    with tenant_context(acme):
        Membership.objects.filter(pk=linus.pk).update(is_active=False)

    page = log_in(ada).get(acme.path_to("partners:detail", pk=ours.pk))

    assertNotContains(page, "Linus")
