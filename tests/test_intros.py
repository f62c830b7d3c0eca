"""Asking, answering and looking, in the pages."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import AuditEvent
from conftest import member
from core.roles import Role
from core.tenancy import tenant_context
from intros.models import Intro
from overlaps.models import Overlap
from partners.models import Partner
from tests.intros import CONTENT, brought_to, do, draft_of, overlap_of, record_of
from tests.sharing import EVERYTHING, add, share

TODAY = timezone.localdate()
SURPLUS = r"SAVEPOINT|core_enter\(NULL, NULL\)"
TYPED = {**CONTENT, "due_on": (TODAY + timedelta(days=10)).isoformat()}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def overlap(ada, grace):
    return overlap_of(ada, grace)


@pytest.fixture
def ask_url(overlap):
    return f"/w/acme/intros/ask/{overlap.pk}/"


@pytest.fixture
def draft(overlap, ada):
    return draft_of(overlap, ada)


@pytest.fixture
def requested(draft, ada, grace):
    return brought_to("requested", draft, ada, grace)


def only_intro(tenant) -> Intro:
    with tenant_context(tenant):
        return Intro.objects.get()


def events(tenant) -> list[str]:
    with tenant_context(tenant):
        found = AuditEvent.objects.filter(action__startswith="intro.").order_by("seq")
        return [event.action.removeprefix("intro.") for event in found]


# -- asking --------------------------------------------------------------------------------------------------


def test_the_form_starts_with_what_is_known(log_in, ada, ask_url):
    page = log_in(ada).get(ask_url).content.decode()

    assert 'value="Tom"' in page
    assert f'value="{TODAY + timedelta(days=7)}"' in page
    assert "my name is Ada, I work at Acme. Globex was so kind" in page


def test_ada_sends_a_request(log_in, ada, acme, globex, ask_url):
    response = log_in(ada).post(ask_url, TYPED | {"send": ""})

    intro = only_intro(globex)
    assert response.url == f"/w/acme/intros/{intro.pk}/"
    assert (intro.state, intro.company, intro.domain) == ("requested", "Stark", "stark.com")
    assert (intro.ask, intro.forwardable, intro.connector) == (TYPED["ask"], TYPED["forwardable"], "Tom")
    assert (intro.requester_name, intro.receiver_name, intro.asked_by) == ("Acme", "Globex", "Ada")
    assert events(acme) == ["requested"]
    assert events(globex) == ["requested"]


def test_a_draft_is_kept_as_typed_and_is_nobody_elses(log_in, ada, grace, acme, globex, ask_url):
    typed = {"ask": "", "forwardable": "Two\r\nlines", "connector": "", "due_on": "2020-01-01"}
    log_in(ada).post(ask_url, typed | {"save": ""})

    draft = only_intro(acme)
    assert (draft.state, draft.ask, draft.forwardable, str(draft.due_on)) == (
        "draft",
        "",
        "Two\nlines",
        "2020-01-01",
    )
    assert events(globex) == []
    with tenant_context(globex):
        assert not Intro.objects.exists()
        assert not Intro.across_tenants.exists()
    for act in ("", "edit/", "request/", "discard/", "accept/"):
        url = f"/w/globex/intros/{draft.pk}/{act}"
        assert log_in(grace).post(url).status_code in {404, 405}
        assert log_in(grace).get(url).status_code in {404, 405}
    assert b"Stark" not in log_in(grace).get("/w/globex/intros/").content


def test_a_draft_is_changed_and_sent_later(log_in, linus, acme, draft):
    url = f"/w/acme/intros/{draft.pk}/edit/"
    assert TYPED["ask"].encode() in log_in(linus).get(url).content

    log_in(linus).post(url, TYPED | {"ask": "A better reason.", "save": ""})
    assert only_intro(acme).ask == "A better reason."
    log_in(linus).post(url, TYPED | {"ask": "The best reason.", "send": ""})
    assert (only_intro(acme).state, only_intro(acme).ask) == ("requested", "The best reason.")
    assert events(acme) == ["drafted", "revised", "requested"]

    assert log_in(linus).get(url).url == f"/w/acme/intros/{draft.pk}/"
    log_in(linus).post(url, TYPED | {"ask": "Too late.", "save": ""})
    assert only_intro(acme).ask == "The best reason."


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("ask", "", "This field is required."),
        ("forwardable", "  ", "This field is required."),
        ("ask", "x" * 2001, "at most 2000 characters"),
        ("ask", "nul\0", "Null characters are not allowed."),
        ("due_on", "", "This field is required."),
        ("due_on", "soon", "Enter a valid date."),
        ("due_on", "0001-01-01", "This day is over."),
        ("due_on", str(TODAY - timedelta(days=1)), "This day is over."),
        ("due_on", str(TODAY + timedelta(days=91)), "within the next 90 days"),
        ("connector", "x" * 201, "at most 200 characters"),
    ],
)
def test_what_is_wrong_is_said_beside_it_and_nothing_typed_is_lost(
    log_in, ada, acme, ask_url, field, value, told
):
    response = log_in(ada).post(ask_url, TYPED | {"forwardable": "Typed with care", field: value, "send": ""})

    page = response.content.decode()
    assert response.status_code == 422
    assert told in page
    assert f'id="id_{field}_error"' in page
    assert ("Typed with care" in page) == (field != "forwardable")
    with tenant_context(acme):
        assert not Intro.objects.exists()


def test_an_empty_post_is_a_wrong_form(log_in, ada, ask_url):
    assert log_in(ada).post(ask_url, {"send": ""}).status_code == 422


def test_typed_lines_count_as_in_the_browser(log_in, ada, acme, ask_url):
    log_in(ada).post(ask_url, TYPED | {"ask": "a\r\n" * 1000 + "b", "send": ""})
    with tenant_context(acme):
        assert not Intro.objects.exists()
    log_in(ada).post(ask_url, TYPED | {"ask": "a\r\n" * 999 + "bb", "send": ""})
    assert only_intro(acme).state == "requested"


def test_an_open_intro_is_pointed_out(log_in, ada, ask_url, requested):
    page = log_in(ada).get(ask_url).content.decode()
    assert "There is an intro to Stark with Globex already: requested" in page
    assert f"/w/acme/intros/{requested.pk}/" in page


def test_what_is_not_shown_can_not_be_asked_for(log_in, ada, vera, grace, mallory, overlap, ask_url):
    for who, url in [
        (mallory, ask_url),
        (mallory, ask_url.replace("acme", "initech")),
        (grace, ask_url.replace("acme", "globex")),
        (ada, f"/w/acme/intros/ask/{overlap.their_account_id}/"),
    ]:
        assert log_in(who).get(url).status_code == 404
        assert log_in(who).post(url, TYPED | {"send": ""}).status_code == 404
    assert log_in(vera).get(ask_url).status_code == 403
    assert log_in(vera).post(ask_url, TYPED | {"send": ""}).status_code == 403
    with tenant_context(ada.tenant):
        Partner.objects.get().pause(by=ada)
    assert log_in(ada).get(ask_url).status_code == 404


def test_a_company_that_only_the_partner_has(log_in, ada, grace, acme, globex):
    mine, theirs = record_of(ada, grace)
    add(globex, "Wayne", "customers")
    share(theirs, EVERYTHING)
    with tenant_context(acme):
        overlap = Overlap.objects.visible().get()
    url = f"/w/acme/intros/ask/{overlap.pk}/"
    assert b"not in your list" in log_in(ada).get(url).content
    log_in(ada).post(url, TYPED | {"send": ""})
    assert only_intro(globex).requester_account is None
    assert b"Not in your list" in log_in(ada).get(f"/w/acme/intros/{only_intro(acme).pk}/").content


def test_what_was_hidden_meanwhile_stays_a_draft(log_in, ada, grace, acme, draft):
    with tenant_context(grace.tenant):
        share(Partner.objects.get())
    response = log_in(ada).post(f"/w/acme/intros/{draft.pk}/request/", follow=True)
    assert b"does not share this account with you any more" in response.content
    assert only_intro(acme).state == "draft"


# -- answering -----------------------------------------------------------------------------------------------


def test_grace_accepts_and_introduces(log_in, grace, acme, globex, requested):
    client, url = log_in(grace), f"/w/globex/intros/{requested.pk}/"
    page = client.get(url).content.decode()
    assert "Acme asks Globex" in page
    assert CONTENT["forwardable"] in page

    response = client.post(f"{url}accept/", {"answer": "Gladly.", "seen": "requested"})
    assert response.url == url
    assert "Gladly." in client.get(url).content.decode()
    client.post(f"{url}introduce/", {"seen": "accepted"})

    assert only_intro(acme).state == "introduced"
    assert events(acme) == ["drafted", "requested", "accepted", "introduced"]
    assert events(globex) == ["requested", "accepted", "introduced"]


def test_grace_declines_with_a_reason(log_in, grace, ada, requested):
    url = f"/w/globex/intros/{requested.pk}/decline/"
    for words, field in [({}, "reason"), ({"reason": "bogus"}, "reason"), ({"reason": "other"}, "answer")]:
        response = log_in(grace).post(url, words)
        assert response.status_code == 422
        assert f'id="decline_{field}_error"' in response.content.decode()
    response = log_in(grace).post(url, {"answer": "Kept as typed"}, headers=HTMX)
    assert response.status_code == 422
    assert "Kept as typed" in response.content.decode()
    assert "<html" not in response.content.decode()

    log_in(grace).post(url, {"reason": "other", "answer": "They moved."})
    page = log_in(ada).get(f"/w/acme/intros/{requested.pk}/").content.decode()
    assert "Grace declined" in page
    assert "They moved." in page


def test_htmx_gets_the_part_that_changed_and_the_new_count(log_in, grace, requested):
    response = log_in(grace).post(
        f"/w/globex/intros/{requested.pk}/accept/", {"seen": "requested"}, headers=HTMX
    )

    page = response.content.decode()
    assert response.status_code == 200
    assert page.strip().startswith('<div class="stack" id="intro">')
    assert "The intro is made" in page
    assert page.count("<hx-partial") == 3
    assert "waiting for you" not in page


def test_an_old_page_changes_nothing_and_says_so(log_in, grace, globex, requested):
    gus = member("Gus", globex, Role.MEMBER)
    do("accept", requested, grace)

    response = log_in(gus).post(
        f"/w/globex/intros/{requested.pk}/decline/", {"seen": "requested", "reason": "timing"}, follow=True
    )
    assert "This intro is accepted already by Grace." in response.content.decode()
    assert only_intro(globex).state == "accepted"


def test_a_draft_is_discarded(log_in, ada, acme, draft):
    url = f"/w/acme/intros/{draft.pk}/discard/"
    assert log_in(ada).post(url, {"seen": "draft"}).url == "/w/acme/intros/"
    assert events(acme) == ["drafted", "discarded"]
    with tenant_context(acme):
        assert not Intro.objects.exists()
    assert log_in(ada).post(url, {"seen": "draft"}).status_code == 404
    assert log_in(ada).post(url, headers=HTMX).status_code == 404


@pytest.mark.parametrize("act", ["request", "discard", "accept", "decline", "introduce", "withdraw"])
def test_who_may_not(log_in, vera, ada, grace, mallory, globex, requested, act):
    gwen = member("Gwen", globex, Role.VIEWER)
    words = {"reason": "timing"}
    ours = f"/w/acme/intros/{requested.pk}/{act}/"
    theirs = ours.replace("acme", "globex")

    for viewer, url in [(vera, ours), (gwen, theirs)]:
        assert log_in(viewer).get(url.removesuffix(f"{act}/")).status_code == 200
        assert log_in(viewer).post(url, words).status_code == 403
    wrong_side = (grace, theirs) if act in {"request", "discard", "withdraw"} else (ada, ours)
    assert log_in(wrong_side[0]).post(wrong_side[1], words).status_code == 403
    for url in (ours, theirs, ours.replace("acme", "initech")):
        assert log_in(mallory).post(url, words).status_code == 404
        assert log_in(mallory).get(url.removesuffix(f"{act}/")).status_code == 404
    assert log_in(grace).get(theirs).status_code == 405
    assert only_intro(globex).state == "requested"


def test_what_hangs_on_a_restricted_partner_is_for_those_who_see_it(log_in, grace, globex, requested):
    gus = member("Gus", globex, Role.MEMBER)
    with tenant_context(globex):
        Partner.objects.update(is_restricted=True)

    url = f"/w/globex/intros/{requested.pk}/"
    assert log_in(grace).get(url).status_code == 200
    assert log_in(gus).get(url).status_code == 404
    assert log_in(gus).post(f"{url}accept/").status_code == 404
    assert b"Stark" not in log_in(gus).get("/w/globex/intros/").content
    for who, number in [(grace, 1), (gus, 0)]:
        with tenant_context(globex, by=who):
            assert Intro.waiting_everywhere().get(globex.pk, 0) == number
            assert Intro.objects.waiting_for(who).count() == number


# -- the list ------------------------------------------------------------------------------------------------


def test_each_side_finds_it_with_its_own_words(log_in, ada, grace, mallory, requested):
    for query in (
        "",
        "?view=list",
        "?q=stark",
        "?q=STARK.com&view=list",
        "?state=requested",
        "?state=bogus&page=x",
    ):
        assert b"We ask" in log_in(ada).get(f"/w/acme/intros/{query}").content
        assert b"They ask" in log_in(grace).get(f"/w/globex/intros/{query}").content
        assert b"Stark" not in log_in(mallory).get(f"/w/initech/intros/{query}").content
    mine, theirs = record_of(ada, grace)
    for query in ("?q=wayne", "?state=accepted&view=list", "?side=received"):
        page = log_in(ada).get(f"/w/acme/intros/{query}").content
        assert b"No intro fits" in page
        assert b"Stark" not in page
    for partner in (mine.pk, theirs.pk, "x"):  # ours; what is not ours narrows nothing
        assert b"We ask" in log_in(ada).get(f"/w/acme/intros/?partner={partner}").content
    found = log_in(ada).get("/w/acme/intros/?q=stark&view=list", headers=HTMX).content.decode()
    assert found.strip().startswith('<div class="stack grow" id="found">')


def queries(client, url: str, **headers) -> list[str]:
    """Without savepoints, and without the way back to no person at all, which only a test's transaction needs."""
    with CaptureQueriesContext(connection) as asked:
        assert client.get(url, headers=headers).status_code == 200
    return [query["sql"] for query in asked if not re.search(SURPLUS, query["sql"])]


def test_the_board_shows_the_newest_and_the_list_all(log_in, ada, grace, overlap):
    client, board, table = log_in(ada), "/w/acme/intros/", "/w/acme/intros/?view=list"
    intro = brought_to("requested", draft_of(overlap, ada), ada, grace)
    detail = f"{board}{intro.pk}/"
    client.get(board)
    few = [len(queries(client, url)) for url in (board, table, detail)]
    assert max(few) <= 12
    assert (
        len(queries(client, f"{board}?q=stark", **HTMX)) <= 7
    )  # the last one leads back out of the workspace

    for _ in range(40):
        brought_to("requested", draft_of(overlap, ada), ada, grace)

    assert [len(queries(client, url)) for url in (board, table, detail)] == few
    page = client.get(board).content.decode()
    assert page.count('class="tile"') == 10
    assert "All 41" in page
    assert client.get(table).content.decode().count("<tr>") == 1 + 30
    assert client.get(f"{table}&page=2").content.decode().count("<tr>") == 1 + 11


# -- what waits ----------------------------------------------------------------------------------------------


def test_what_waits_is_counted_in_each_of_the_own_workspaces(
    ada, grace, vera, mallory, acme, globex, requested
):
    here = member("Gwen", globex, Role.VIEWER)
    with tenant_context(acme, by=grace):
        assert Intro.waiting_everywhere() == {globex.pk: 1}
    for who in (ada, vera, mallory, here):
        with tenant_context(who.tenant, by=who):
            assert Intro.waiting_everywhere() == {}
    do("accept", requested, grace)
    with tenant_context(globex, by=grace):
        assert Intro.waiting_everywhere() == {}


def test_the_shell_shows_the_count(log_in, ada, grace, requested):
    assert b"waiting for you" in log_in(grace).get("/w/globex/intros/").content
    assert b"waiting for you" not in log_in(ada).get("/w/acme/intros/").content
