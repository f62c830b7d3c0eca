import pytest
from django.test import Client

from conftest import member
from core.models import Membership, Tenant
from core.roles import Role
from core.tenancy import tenant_context
from tests.counting import cost
from tests.intros import do, draft_of, overlap_of
from workspaces.models import Invitation

HTMX = {"HX-Request": "true"}
SWITCHER = "/workspaces/switcher/?at=acme&section=intros"
CHOOSER = "/workspaces/"


@pytest.fixture
def client(log_in, ada):
    return log_in(ada)


def join(user, tenant, role=Role.MEMBER, **fields) -> Membership:
    with tenant_context(tenant):
        return Membership.objects.create(tenant=tenant, user=user, role=role, **fields)


def more(ada, count):
    for n in range(count):
        Tenant.found(owner=ada.user, name=f"Number {n:04}")


def invite(by, email, role=Role.MEMBER) -> Invitation:
    with tenant_context(by.tenant, by=by):
        return Invitation.send(by=by, email=email, role=role)


def panel(client, url=SWITCHER) -> str:
    response = client.get(url, headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


# -- the panel -------------------------------------------------------------------------------------------------


def test_the_workspace_at_hand_comes_first_with_its_size(client, ada, alan, grace, globex):
    join(ada.user, globex)

    html = panel(client)

    assert "Owner · 2 people · 0 partners" in html
    assert html.index("Acme") < html.index("Globex")
    assert "Member · 2 people" in html


def test_what_may_be_done_here_stands_there(client, log_in, ada, vera):
    assert 'href="/w/acme/settings/"' in panel(client)
    assert 'href="/w/acme/members/invite/"' in panel(client)

    html = panel(log_in(vera))
    assert 'href="/w/acme/settings/"' not in html
    assert 'href="/w/acme/members/invite/"' not in html


def test_the_section_is_kept_and_nothing_more(client, ada, globex):
    join(ada.user, globex, Role.VIEWER)

    assert 'href="/w/globex/intros/"' in panel(client)
    assert 'href="/w/globex/overlaps/"' in panel(client, "/workspaces/switcher/?at=acme&section=overlaps")
    assert 'href="/w/globex/members/"' in panel(client, "/workspaces/switcher/?at=acme&section=settings")
    for other in ("", "home", "../../evil", "javascript:alert(1)"):
        assert 'href="/w/globex/"' in panel(client, f"/workspaces/switcher/?at=acme&section={other}")


def test_the_order_is_by_last_use_then_by_name(client, ada, globex, initech):
    for tenant in (globex, initech):
        join(ada.user, tenant)
    assert panel(client).index("Globex") < panel(client).index("Initech")

    client.get("/w/initech/members/")
    client.get("/w/acme/members/")

    assert panel(client).index("Initech") < panel(client).index("Globex")


def test_search_appears_with_six(client, ada):
    more(ada, 4)
    assert "Find a workspace" not in panel(client)

    more(ada, 1)
    assert "Find a workspace" in panel(client)


def test_a_search_answers_with_the_rows_only(client, ada, globex):
    more(ada, 6)
    join(ada.user, globex)

    html = panel(client, SWITCHER + "&q=gLOb")

    assert "Globex" in html
    assert "Number" not in html
    assert "1 found" in html
    assert "Your workspaces" not in html
    assert "No workspace of that name" in panel(client, SWITCHER + "&q=100%25")


def test_twenty_are_enough_for_a_panel(client, ada):
    more(ada, 25)

    html = panel(client)

    assert html.count("Number ") == 20
    assert f'href="{CHOOSER}"' in html


def test_a_stranger_is_in_no_list(client, ada, grace, globex, mallory):
    gone = join(ada.user, globex, is_active=False)
    html = panel(client) + panel(client, SWITCHER + "&q=") + client.get(CHOOSER).content.decode()

    assert gone.tenant.name not in html
    assert "Initech" not in html


def test_at_names_nothing_that_is_not_ones_own(client, ada, grace):
    assert "Acme" in panel(client, "/workspaces/switcher/?at=%00&section=%00")
    html = panel(client, "/workspaces/switcher/?at=globex")

    assert "Globex" not in html
    assert "Acme" in html


def test_opened_as_a_page_it_is_the_chooser(client):
    assert client.get(SWITCHER).url == CHOOSER


def test_after_the_session_htmx_is_led_to_sign_in(db):
    response = Client().get(SWITCHER, headers=HTMX)

    assert response.status_code == 401
    assert response["HX-Redirect"].startswith("/accounts/login/")


def test_what_waits_elsewhere_is_counted(client, log_in, ada, grace):
    do("request", draft_of(overlap_of(grace, ada), by=grace), grace)
    join(ada.user, grace.tenant)

    html = panel(client, "/workspaces/switcher/?at=globex")
    assert '<span class="count count--new">1<span class="sr"> waiting</span></span>' in html
    page = client.get("/w/globex/members/").content.decode()
    assert 'count--new">1<span class="sr"> waiting in other workspaces' in page
    assert "waiting in other workspaces" not in client.get("/w/acme/members/").content.decode()


def test_a_viewer_is_not_called(log_in, ada, grace, vera):
    do("request", draft_of(overlap_of(grace, ada), by=grace), grace)

    assert "count--new" not in panel(log_in(vera), "/workspaces/switcher/?at=nowhere")


# -- invitations -----------------------------------------------------------------------------------------------


def test_an_invitation_can_be_joined_in_place(client, ada, grace):
    invitation = invite(grace, ada.user.email)
    html = panel(client)
    assert "Grace invites you as Member" in html
    assert f'hx-post="/invitations/{invitation.pk}/join/"' in html
    assert 'count--new">1<' in client.get("/w/acme/members/").content.decode()

    joined = client.post(f"/invitations/{invitation.pk}/join/", headers=HTMX)

    assert joined["HX-Redirect"] == "/w/globex/"
    assert client.get("/w/globex/members/").status_code == 200


def test_or_declined_without_javascript_in_the_chooser(client, ada, grace):
    invitation = invite(grace, ada.user.email)
    page = client.get(CHOOSER).content.decode()
    assert f'formaction="/invitations/{invitation.pk}/decline/"' in page

    assert client.post(f"/invitations/{invitation.pk}/decline/").status_code == 302

    assert "Globex" not in client.get(CHOOSER).content.decode().replace("invitation to Globex", "")


# -- the chooser -----------------------------------------------------------------------------------------------


def test_the_chooser_pages_and_searches(client, ada, globex):
    more(ada, 25)
    join(ada.user, globex, Role.VIEWER)

    first = client.get(CHOOSER)
    second = client.get(CHOOSER + "?page=2")
    assert len(first.context["page"].object_list) == 20
    assert len(second.context["page"].object_list) == 7
    found = client.get(CHOOSER + "?q=globex").content.decode()
    assert "Viewer · 2 people" in found
    assert "Number" not in found
    assert client.get(CHOOSER + "?q=%00&page=x").status_code == 200


def test_one_workspace_needs_no_default(client, ada):
    assert "Open first" not in client.get(CHOOSER).content.decode()

    more(ada, 1)
    page = client.get(CHOOSER).content.decode()
    assert page.count("Open first<") == 1
    assert "Opens first" in page


# -- cost ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [SWITCHER, SWITCHER + "&q=n", CHOOSER])
def test_it_costs_the_same_with_thirty_workspaces_and_thirty_people(client, ada, path):
    headers = HTMX if path != CHOOSER else {}
    before = cost(client, path, headers=headers)
    more(ada, 29)
    for n in range(5):
        member(f"P{n}", ada.tenant, Role.MEMBER)

    # One more than the application counts: the test's own transaction is around it.
    assert cost(client, path, headers=headers) == before <= (7 if path != CHOOSER else 8)
