"""What intros put into other rooms' pages, loaded by name."""

import pytest
from django.db import connection
from django.template import engines
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from core.tenancy import person_context, tenant_context
from intros.models import Intro
from overlaps.models import Account
from tests.intros import brought_to, draft_of, overlap_of


@pytest.fixture
def requested(ada, grace):
    return brought_to("requested", draft_of(overlap_of(ada, grace), ada), ada, grace)


def rendered(source: str, membership, **context) -> tuple[str, list[str]]:
    request = RequestFactory().get("/")
    request.user, request.membership, request.tenant = membership.user, membership, membership.tenant
    with tenant_context(membership.tenant, by=membership), CaptureQueriesContext(connection) as asked:
        text = engines["django"].from_string("{% load intros %}" + source).render(context, request)
        return text, [query["sql"] for query in asked]


def test_what_waits_is_asked_once(requested, grace, ada, globex):
    both = (
        "{% waiting_count %} {% waiting_count as n %}{{ n }} {% waiting_elsewhere as all %}{{ all|length }}"
    )
    assert rendered(both, grace)[0] == "1 1 1"
    assert len(rendered(both, grace)[1]) == 1
    assert rendered(both, ada)[0] == "0 0 0"


def test_outside_of_a_workspace_the_counts_are_there_too(requested, grace, globex):
    with person_context(grace.user):
        assert Intro.waiting_everywhere() == {globex.pk: 1}
    with person_context(None):
        assert Intro.waiting_everywhere() == {}


def test_the_panel_shows_five_with_requests_and_alarms_in_three_queries(requested, grace, ada, vera):
    page, asked = rendered("{% waiting_panel %}", grace)
    assert "Intro to Stark" in page
    assert f"/w/globex/intros/{requested.pk}/accept/" in page
    assert f"/w/globex/intros/{requested.pk}/#decline" in page
    assert len(asked) == 3
    assert "Nothing waits" in rendered("{% waiting_panel %}", ada)[0]
    assert "Nothing waits" in rendered("{% waiting_panel %}", vera)[0]


@pytest.mark.parametrize(("who", "words"), [("ada", "We ask Globex"), ("grace", "Acme asks")])
def test_an_account_lists_its_intros_in_both_directions(requested, ada, grace, who, words):
    membership = {"ada": ada, "grace": grace}[who]
    with tenant_context(membership.tenant):
        account, other = Account.objects.get(), Account.objects.create(name="Wayne")
    page, asked = rendered("{% intros_of_account account %}", membership, account=account)
    assert words in page
    assert len(asked) == 1
    assert "Nobody has asked" in rendered("{% intros_of_account account %}", membership, account=other)[0]
