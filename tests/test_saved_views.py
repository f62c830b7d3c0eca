"""Lists under a name: one's own, or of all members."""

import re
from html import unescape

import pytest
from django.core.exceptions import PermissionDenied

from audit.models import AuditEvent
from core.tenancy import tenant_context
from overlaps import savedviews
from overlaps.models import SavedView
from tests.sharing import add

VIEW = {"name": "Germans", "place": "accounts", "query": "country=DE&sort=-amount"}


@pytest.fixture
def save(log_in):
    def _save(member, **data):
        return log_in(member).post(member.tenant.path_to("overlaps:view_new"), VIEW | data)

    return _save


def tabs(log_in, member) -> list[str]:
    html = log_in(member).get(member.tenant.path_to("overlaps:accounts")).text
    return re.findall(r'id="view-[^>]*>([^<]+?) *<', html)


def views(tenant) -> list[SavedView]:
    with tenant_context(tenant):
        return list(SavedView.objects.order_by("name"))


def test_a_view_becomes_a_tab_that_finds_the_same(save, log_in, ada, acme):
    add(acme, "Stark", country="DE"), add(acme, "Wayne", country="US")
    client = log_in(ada)
    html = client.get(acme.path_to("overlaps:accounts") + "?country=DE&sort=-amount").text
    link = re.search(r'href="([^"]+views/new/[^"]+)"', html)[1].replace("&amp;", "&")
    assert 'value="country=DE&amp;sort=-amount"' in client.get(link).text

    assert save(ada).headers["Location"] == acme.path_to("overlaps:accounts") + "?country=DE&sort=-amount"
    assert tabs(log_in, ada) == ["Germans"]
    html = client.get(acme.path_to("overlaps:accounts") + "?country=DE&sort=-amount").text
    assert re.search(r'id="view-[^>]+aria-current="page"', html) and "Remove this view" in html
    assert "Stark" in html and "Wayne" not in html.partition("<tbody")[2]
    with tenant_context(acme):
        assert AuditEvent.objects.get(action="view.saved").target == "Germans"


def test_ones_own_is_seen_by_oneself_and_one_for_all_by_all(save, log_in, ada, linus, mallory):
    save(ada), save(ada, name="All", for_all="on"), save(linus, name="Mine")
    assert tabs(log_in, ada) == ["All", "Germans"] and tabs(log_in, linus) == ["All", "Mine"]
    assert tabs(log_in, mallory) == []


def test_a_viewer_keeps_views_for_oneself_only(save, log_in, ada, vera, acme):
    assert 'name="for_all"' not in log_in(vera).get(acme.path_to("overlaps:view_new")).text
    save(vera, for_all="on")
    assert tabs(log_in, vera) == ["Germans"] and tabs(log_in, ada) == []
    with pytest.raises(PermissionDenied), tenant_context(acme, by=vera):
        savedviews.save("accounts", name="x", query="", for_all=True, by=vera)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 61}, "at most 60 characters"),
        ({"place": "nowhere"}, "Select a valid choice"),
        ({"query": "q=" + "x" * 1000}, "at most 1000 characters"),
    ],
)
def test_a_wrong_one_is_not_saved(save, ada, acme, data, words):
    response = save(ada, **data)
    assert response.status_code == 422 and words in response.text and views(acme) == []


def test_a_name_is_taken_once_by_a_person(save, log_in, ada, linus, acme):
    assert save(ada).status_code == save(linus).status_code == 302
    again = save(ada)
    assert again.status_code == 422 and "There is a view of this name already." in again.text
    assert save(ada, place="overlaps").headers["Location"].startswith(acme.path_to("overlaps:list"))
    assert len(views(acme)) == 3


def test_there_are_so_many_at_most(save, monkeypatch, ada):
    monkeypatch.setattr(savedviews, "MOST", 1)
    save(ada)
    assert "There are 1 views of this list." in save(ada, name="Two").text


def test_it_is_removed_by_whose_it_is(save, log_in, ada, linus, vera, mallory, acme, initech):
    save(ada), save(ada, name="All", for_all="on")
    shared, own = views(acme)
    path = acme.path_to("overlaps:view_remove", pk=own.pk)
    for member in (linus, vera):
        assert log_in(member).get(path).status_code == log_in(member).post(path).status_code == 404
    assert log_in(mallory).post(path).status_code == 404
    assert log_in(mallory).post(initech.path_to("overlaps:view_remove", pk=own.pk)).status_code == 404
    assert log_in(vera).post(acme.path_to("overlaps:view_remove", pk=shared.pk)).status_code == 403
    assert "for all members" in log_in(linus).get(acme.path_to("overlaps:view_remove", pk=shared.pk)).text
    assert log_in(linus).post(acme.path_to("overlaps:view_remove", pk=shared.pk)).status_code == 302
    assert log_in(ada).post(path).status_code == 302
    assert views(acme) == []
    with tenant_context(acme):
        assert AuditEvent.objects.filter(action="view.removed").count() == 2


# -- of overlaps --------------------------------------------------------------------------------------------------


def test_a_list_of_overlaps_is_kept_with_its_filters_and_its_state(save, log_in, ada, mallory, acme):
    client, path = log_in(ada), acme.path_to("overlaps:list")
    query = "view=ask&state=ignored&q=st%C3%A4rk+ag"
    html = client.get(f"{path}?{query}&page=7&x=y").text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"(?: form="save-form")?>', html))
    assert 'id="save-form"' in html and unescape(fields["query"]) == query

    asked = client.get(acme.path_to("overlaps:view_new"), {"place": "overlaps", "query": query})
    assert f'value="{query.replace("&", "&amp;")}"' in asked.text
    assert save(ada, place="overlaps", query=query).headers["Location"] == f"{path}?{query}"

    html = client.get(f"{path}?{query}").text
    assert re.findall(r'aria-current="page">([^<]+)</a>', html.partition('class="tabs"')[2]) == ["Germans"]
    assert "Remove this view" in html
    html = client.get(path).text
    assert re.search(r'id="view-all"[^>]+aria-current', html) and "Remove this view" not in html
    assert ">Germans</a>" in html and tabs(log_in, ada) == []  # the list of accounts has it not
    assert "Germans" not in log_in(mallory).get(mallory.tenant.path_to("overlaps:list")).text


def test_the_tabs_of_overlaps_keep_the_other_filters(log_in, ada, acme):
    html = log_in(ada).get(acme.path_to("overlaps:list") + "?view=ask&state=any&q=a&page=3").text
    assert 'id="view-offer" href="?view=offer&amp;state=any&amp;q=a"' in html
    assert 'id="view-all" href="?state=any&amp;q=a"' in html
