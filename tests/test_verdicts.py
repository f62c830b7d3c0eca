"""What people say of matches, and how they deal with overlaps."""

import pytest

from audit.models import AuditEvent
from core.tenancy import tenant_context
from overlaps import matching
from overlaps.models import Account, MatchSettings, Overlap, Suggestion, Verdict
from partners.models import Partner
from tests.counting import cost
from tests.sharing import EVERYTHING, NAMED, add, connect, seen_by, share


@pytest.fixture
def partners(acme, globex):
    both = connect(acme, globex)
    for partner in both:
        share(partner, NAMED)
    return both


@pytest.fixture
def overlap(ada, grace, acme, globex, partners) -> Overlap:
    add(acme, "Stark", "customers")
    add(globex, "Stark", "prospects")
    with tenant_context(acme):
        return Overlap.objects.select_related("partner", "account").get()


def test_a_veto_removes_it_for_both_survives_imports_and_can_be_taken_back(
    log_in, ada, grace, acme, globex, overlap
):
    client, path = log_in(ada), acme.path_to("overlaps:veto", pk=overlap.pk)
    assert "Not the same company" in client.get(acme.path_to("overlaps:detail", pk=overlap.pk)).text
    assert client.post(path, {}).status_code == 422
    assert client.post(path, {"reason": "parent", "note": "A holding"}).status_code == 302
    assert seen_by(acme) == seen_by(globex) == set()
    for tenant in (acme, globex):
        with tenant_context(tenant):
            assert AuditEvent.objects.filter(action="match.rejected").count() == 1
    with tenant_context(globex):
        assert "parent" not in AuditEvent.objects.get(action="match.rejected").changes
    with tenant_context(acme, by=ada):
        Account.objects.get().change(by=ada, name="Stark Inc")
    assert seen_by(globex) == set()
    page = client.get(acme.path_to("overlaps:verdicts")).text
    assert "Not the same: parent or subsidiary" in page and "“A holding”" in page
    assert "A holding" not in log_in(grace).get(globex.path_to("overlaps:verdicts")).text

    with tenant_context(acme):
        verdict = Verdict.objects.get()
    back = acme.path_to("overlaps:verdict_back", pk=verdict.pk)
    assert log_in(grace).post(back).status_code == 404
    assert client.post(back).status_code == 302
    assert {name for name, *_ in seen_by(globex)} == {"Stark Inc"}
    assert client.post(back).status_code == 404


@pytest.mark.parametrize("how", ["hidden", "private"])
def test_a_verdict_on_what_the_partner_does_not_see_tells_it_nothing(
    log_in, ada, grace, acme, globex, partners, how
):
    if how == "hidden":
        share(partners[0], {})
    add(acme, "Stark Secret Holding", "customers", domain="stark.com", is_private=how == "private")
    share(partners[1], EVERYTHING)
    add(globex, "Stark", "customers")
    client = log_in(ada)
    with tenant_context(acme):
        overlap, account = Overlap.objects.get(), Account.objects.get()
    if overlap.account_id:
        client.post(acme.path_to("overlaps:veto", pk=overlap.pk), {"reason": "wrong_data"})
    else:
        data = {"q": "stark", "account": account.pk}
        client.post(acme.path_to("overlaps:match", pk=overlap.pk), data)
    with tenant_context(acme):
        assert AuditEvent.objects.filter(action__startswith="match.").count() == 1
    with tenant_context(globex):
        assert not AuditEvent.objects.filter(action__startswith="match.").exists()
    assert "Secret" not in log_in(grace).get(globex.path_to("audit:trail")).text


def test_what_a_partner_took_back_is_named_no_more(log_in, ada, acme, overlap, partners):
    client = log_in(ada)
    client.post(acme.path_to("overlaps:veto", pk=overlap.pk), {"reason": "other"})
    with tenant_context(acme):
        Verdict.objects.update(their_name="Once shown")
    assert "Once shown" in client.get(acme.path_to("overlaps:verdicts")).text
    with tenant_context(acme, by=ada):
        Partner.objects.get(pk=partners[0].pk).end(by=ada)
        account = Account.objects.get()
    for path in (acme.path_to("overlaps:verdicts"), acme.path_to("overlaps:account", pk=account.pk)):
        assert "Once shown" not in client.get(path).text


@pytest.fixture
def greenfield(ada, grace, acme, globex, partners) -> Overlap:
    share(partners[1], EVERYTHING)
    add(globex, "Tony Stark Holding", "customers", domain="tsh.com")
    add(acme, "Stark", "prospects", domain="stark.com")
    with tenant_context(acme):
        return Overlap.objects.get(account=None)


def test_an_account_that_a_partner_shows_is_matched_by_hand(log_in, ada, acme, globex, greenfield):
    client, path = log_in(ada), acme.path_to("overlaps:match", pk=greenfield.pk)
    assert "None of your accounts begins so." in client.get(path).text
    assert "Stark · stark.com" in client.get(path, {"q": "sta"}).text
    assert client.post(path, {"q": "sta"}).status_code == 422
    with tenant_context(acme):
        account = Account.objects.get()
    assert client.post(path, {"q": "sta", "account": account.pk}).status_code == 302
    assert {name for name, *_ in seen_by(globex)} == {"Stark"}
    with tenant_context(acme):
        assert Overlap.objects.get(account=account).name == "Tony Stark Holding"
        assert Verdict.objects.get().by_name == "Ada"


def test_an_account_that_a_partner_shows_is_taken_into_the_list(log_in, ada, acme, greenfield):
    path = acme.path_to("overlaps:take", pk=greenfield.pk)
    response = log_in(ada).post(path)
    with tenant_context(acme):
        account = Account.objects.get(name="Tony Stark Holding")
        assert response.url == acme.path_to("overlaps:account", pk=account.pk)
        assert (account.domain, account.population) == ("tsh.com", "prospects")
        assert Overlap.objects.filter(account=account).count() == 1
    assert log_in(ada).post(path).status_code == 404  # it is no greenfield any more


def test_one_that_the_rules_do_not_find_is_matched_by_hand_when_it_is_taken(
    log_in, ada, acme, globex, partners
):
    share(partners[1], EVERYTHING)
    add(globex, "Stark", "customers", domain="")
    with tenant_context(acme):
        overlap = Overlap.objects.get()
    log_in(ada).post(acme.path_to("overlaps:take", pk=overlap.pk))
    with tenant_context(acme):
        assert Overlap.objects.get().account.name == "Stark"


def test_a_suggestion_shows_our_account_alone_until_both_confirm(log_in, ada, grace, acme, globex, partners):
    for tenant, member in ((acme, ada), (globex, grace)):
        with tenant_context(tenant, by=member):
            MatchSettings.objects.update_or_create(defaults={"suggestions": True})
    add(acme, "Northwind Traders", "customers", domain="northwind.com")
    add(globex, "Quite Another Name", "customers", domain="northwind.com", owner_name="Canary")
    with tenant_context(acme):
        suggestion = Suggestion.objects.get()
    client = log_in(ada)
    page = client.get(acme.path_to("overlaps:suggestions")).text
    assert "Northwind Traders" in page and "Canary" not in page and "Quite" not in page
    answer = acme.path_to("overlaps:suggestion_answer", pk=suggestion.pk)
    assert log_in(grace).post(answer, {"says": "same"}).status_code == 404
    client.post(answer, {"says": "perhaps"})
    client.post(answer)
    with tenant_context(acme):
        assert Suggestion.objects.get().we_say == 0 and not Verdict.objects.exists()
    assert client.post(answer, {"says": "same"}).status_code == 302
    page = client.get(acme.path_to("overlaps:suggestions")).text
    assert "You confirmed, waiting for Globex" in page and seen_by(acme) == set()
    with tenant_context(globex):
        theirs = Suggestion.objects.get()
    log_in(grace).post(globex.path_to("overlaps:suggestion_answer", pk=theirs.pk), {"says": "same"})
    assert {name for name, *_ in seen_by(acme)} == {"Quite Another Name"}


def test_ignored_ones_leave_the_list_and_an_undo_brings_back_exactly_those(
    log_in, ada, acme, globex, partners
):
    for number in range(3):
        add(acme, f"Company {number}")
        add(globex, f"Company {number}")
    with tenant_context(acme):
        first, second, third = Overlap.objects.order_by("name").values_list("pk", flat=True)
    client, mark = log_in(ada), acme.path_to("overlaps:mark")
    client.post(mark, {"pick": [str(third)], "state": "ignored"})
    client.post(mark, {"pick": [str(first), str(third)], "state": "actioned", "query": "view=all"})
    page = client.get(acme.path_to("overlaps:list")).text
    assert "2 overlaps marked." in page and "Company 1" in page and "Company 0" not in page
    response = client.post(acme.path_to("overlaps:mark_undo"), {"query": "view=all"})
    assert response.url == acme.path_to("overlaps:list") + "?view=all"
    with tenant_context(acme):
        assert dict(Overlap.objects.values_list("pk", "state")) == {
            first: "open", second: "open", third: "ignored",
        }  # fmt: skip
    assert "Company 2" in client.get(acme.path_to("overlaps:list"), {"state": "ignored"}).text
    client.post(acme.path_to("overlaps:mark_undo"))
    with tenant_context(acme):
        assert Overlap.objects.get(pk=third).state == "ignored"  # once


def test_an_undo_leaves_what_a_colleague_did_meanwhile(log_in, ada, alan, acme, overlap):
    ada_browser, mark = log_in(ada), acme.path_to("overlaps:mark")
    ada_browser.post(mark, {"pick": [str(overlap.pk)], "state": "ignored"})
    log_in(alan).post(mark, {"pick": [str(overlap.pk)], "state": "actioned"})
    ada_browser.post(acme.path_to("overlaps:mark_undo"))
    with tenant_context(acme):
        assert Overlap.objects.get().state == "actioned"


def test_a_mark_is_found_again_when_the_overlap_comes_back(log_in, ada, acme, globex, overlap, partners):
    log_in(ada).post(acme.path_to("overlaps:mark"), {"all": "1", "state": "ignored"})
    with tenant_context(acme):
        assert Overlap.objects.get().state == "ignored"
    share(partners[1], {})
    with tenant_context(globex):
        matching.refresh_connection(partners[1].connection_id)
    share(partners[1], NAMED)
    with tenant_context(globex):
        matching.refresh_connection(partners[1].connection_id)
    with tenant_context(acme):
        assert Overlap.objects.get().state == "ignored"
    with tenant_context(globex):
        assert Overlap.objects.get().state == "open"  # theirs is their own affair


@pytest.mark.parametrize("who", ["vera", "mallory"])
def test_others_say_and_mark_nothing(who, request, log_in, acme, globex, overlap):
    client, status = log_in(request.getfixturevalue(who)), 404 if who == "mallory" else 403
    for name, kwargs in {"veto": {"pk": overlap.pk}, "mark": {}, "mark_undo": {}}.items():
        path = acme.path_to(f"overlaps:{name}", **kwargs)
        assert client.post(path, {"reason": "other", "all": "1", "state": "ignored"}).status_code == status
    assert seen_by(acme) and seen_by(globex)


def test_restricted_partners_are_not_spoken_of(log_in, ada, linus, acme, overlap, partners):
    log_in(ada).post(acme.path_to("overlaps:veto", pk=overlap.pk), {"reason": "other"})
    with tenant_context(acme):
        Partner.objects.filter(pk=partners[0].pk).update(is_restricted=True)
        verdict = Verdict.objects.get()
    assert "Stark" not in log_in(linus).get(acme.path_to("overlaps:verdicts")).text
    assert log_in(linus).post(acme.path_to("overlaps:verdict_back", pk=verdict.pk)).status_code == 404


def test_lists_cost_the_same_for_one_and_thirty(log_in, ada, acme, globex, partners):
    def more(start: int, stop: int) -> tuple[int, int]:
        for number in range(start, stop):
            add(acme, f"Company {number}")
            add(globex, f"Company {number}")
        with tenant_context(acme, by=ada):
            for one in Overlap.objects.select_related("partner", "account").order_by("name")[
                : (stop - start) // 2
            ]:
                Verdict.veto(one, reason="other", by=ada)
        client = log_in(ada)
        for name in ("list", "verdicts"):
            client.get(acme.path_to(f"overlaps:{name}"))
        return tuple(cost(client, acme.path_to(f"overlaps:{name}")) for name in ("list", "verdicts"))

    few = more(0, 2)
    assert few == more(2, 32) and max(few) <= 12
