import pytest

from core.models import Membership, Tenant
from core.roles import Role
from core.tenancy import person_context, tenant_context
from intros import figures
from partners.models import Connection, Partner
from tests.counting import cost
from tests.intros import do, draft_of, overlap_of

OVERVIEW = "/workspaces/overview/"


@pytest.fixture
def client(log_in, ada):
    return log_in(ada)


@pytest.fixture
def asked(ada, grace):
    """Grace asks Ada."""
    return do("request", draft_of(overlap_of(grace, ada), by=grace), grace)


def join(user, tenant, role=Role.MEMBER) -> Membership:
    with tenant_context(tenant):
        return Membership.objects.create(tenant=tenant, user=user, role=role)


def rows(response) -> dict[str, figures.Figures]:
    return {place.tenant.name: place.figures for place in response.context["page"].object_list}


def figures_of(membership) -> figures.Figures | None:
    with person_context(membership.user):
        return figures.of_places([membership], whole=True).get(membership.tenant_id)


def test_all_workspaces_stand_on_one_page_with_their_figures(client, ada, alan, grace, asked):
    join(ada.user, grace.tenant)

    response = client.get(OVERVIEW)

    assert response.status_code == 200
    measured = rows(response)
    assert measured["Acme"] == (2, 1, 0, 1)
    assert measured["Globex"] == (2, 1, 1, 0)


def test_the_open_work_leads_to_the_intro(client, asked):
    html = client.get(OVERVIEW).content.decode()

    assert "Intro to Stark" in html
    assert f'href="/w/acme/intros/{asked.pk}/"' in html


def test_a_filter_is_in_the_address(client, ada, grace, asked):
    join(ada.user, grace.tenant)

    response = client.get(OVERVIEW + "?q=glob")

    assert rows(response).keys() == {"Globex"}
    assert "Intro to Stark" not in response.content.decode()


def test_a_viewer_has_nothing_to_answer(asked, vera):
    assert figures_of(vera).waiting == 0
    with person_context(vera.user):
        assert figures.work_in([vera], most=20) == []


def test_a_restricted_partner_counts_for_those_who_may_see_it(asked, ada, alan, linus, acme):
    with tenant_context(acme):
        Partner.objects.update(is_restricted=True)

    assert figures_of(alan) == (3, 1, 0, 1)
    assert figures_of(linus) == (3, 0, 0, 0)
    with person_context(linus.user):
        assert figures.work_in([linus], most=20) == []


def test_the_door_opens_for_active_members_only(ada, grace, mallory, asked):
    for place in (grace, ada):
        with person_context(mallory.user):
            assert figures.of_places([place], whole=True) == {}
            assert figures.work_in([place], most=20) == []
    former = join(mallory.user, grace.tenant)
    assert figures_of(former).people == 2
    with tenant_context(grace.tenant):
        Membership.objects.filter(pk=former.pk).update(is_active=False)
    assert figures_of(former) is None


def test_nor_in_a_workspace_that_is_closed(ada, acme):
    with tenant_context(acme):
        Tenant.objects.update(is_active=False)

    assert figures_of(ada) is None


def test_what_a_paused_or_ended_connection_showed_does_not_count(ada, grace, asked):
    assert figures_of(grace).overlaps == 1
    with tenant_context(grace.tenant):
        Connection.objects.update(state="paused")
    assert figures_of(grace).overlaps == 0


def test_it_costs_the_same_with_thirty_workspaces(client, ada, asked):
    before = cost(client, OVERVIEW)
    for n in range(29):
        Tenant.found(owner=ada.user, name=f"Number {n}")

    assert cost(client, OVERVIEW) == before <= 9
    assert len(rows(client.get(OVERVIEW + "?page=2"))) == 10
