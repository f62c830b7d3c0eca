import pytest

from conftest import member
from core.models import Membership
from core.roles import Role
from core.tenancy import tenant_context
from overlaps.models import Account
from tests.counting import cost
from tests.intros import do, draft_of, overlap_of
from tests.pairs import invite
from workspaces.models import Invitation


def home(client) -> str:
    response = client.get("/w/acme/")
    assert response.status_code == 200
    return response.content.decode()


def test_an_empty_workspace_shows_the_way(log_in, ada):
    html = home(log_in(ada))

    assert "1 of 4 done" in html
    for path in ("imports/new/", "partners/invite/", "members/invite/"):
        assert f'href="/w/acme/{path}"' in html
    assert "Overlap matrix" not in html
    assert html.count("<h1") == 1


def test_each_step_that_is_done_says_so(log_in, ada, acme):
    client = log_in(ada)
    with tenant_context(acme, by=ada):
        Account.objects.create(name="Stark")
    assert "2 of 4 done" in home(client)
    with tenant_context(acme, by=ada):
        Invitation.send(by=ada, email="new@acme.example")
    assert "3 of 4 done" in home(client)

    invite(ada)

    html = home(client)
    assert "Get started" not in html
    assert "Overlap matrix" in html


@pytest.mark.parametrize(
    ("who", "may"),
    [
        ("ada", {"imports/new/", "partners/invite/", "members/invite/"}),
        ("linus", {"imports/new/"}),
        ("vera", set()),
    ],
)
def test_nobody_is_sent_where_they_may_not_go(request, log_in, acme, who, may):
    html = home(log_in(request.getfixturevalue(who)))
    steps = html[html.index("Get started") :]

    for path in ("imports/new/", "partners/invite/", "members/invite/"):
        assert (f'href="/w/acme/{path}"' in steps) == (path in may)


def test_what_waits_and_what_is_new_stands_on_the_first_page(log_in, ada, grace):
    do("request", draft_of(overlap_of(grace, ada), by=grace), grace)

    html = home(log_in(ada))

    assert "1 intro request waits for your answer" in html
    assert "Intro to Stark" in html
    assert html.count("<h1") == 1


def test_it_costs_the_same_with_many_people_and_accounts(log_in, ada, acme, grace):
    overlap_of(ada, grace)
    client = log_in(ada)
    client.get("/w/acme/")
    before = cost(client, "/w/acme/")
    for n in range(5):
        member(f"P{n}", acme, Role.MEMBER)
        overlap_of(ada, grace, f"Company {n}")

    assert cost(client, "/w/acme/") == before <= 14


def test_the_start_costs_little(log_in, ada):
    client = log_in(ada)
    client.get("/w/acme/")

    assert cost(client, "/w/acme/") <= 12


def test_a_former_member_finds_nothing(log_in, ada, alan, acme):
    client = log_in(alan)
    client.get("/w/acme/")
    with tenant_context(acme):
        Membership.objects.filter(pk=alan.pk).update(is_active=False)

    assert client.get("/w/acme/").status_code == 404
