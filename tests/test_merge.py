"""Accounts that are one company become one: its values, its sources, and all that was said of any of them."""

import json
import re

import pytest
from django.db import ProgrammingError

from audit.models import AuditEvent
from core.tenancy import tenant_context
from intros.models import Intro
from overlaps import matching
from overlaps.models import Account, AccountSource, KeptApart, Mark, Overlap, Source, Verdict
from tests.intros import draft_of
from tests.sharing import NAMED, add, connect, seen_by, share


@pytest.fixture
def two(acme) -> list[Account]:
    """The older one knows less, the newer one was changed last."""
    older = add(acme, "Stark", "prospects", domain="stark.com", country="US", stage="Talks", tags=["a", "b"])
    newer = add(
        acme, "Stark Industries", "customers", domain="stark.com", owner_name="Zoe", tags=["b", "c"],
        extra={"Region": "EMEA"}, origins={"owner_name": "Bob"},
    )  # fmt: skip
    return [older, newer]


@pytest.fixture
def merge(log_in):
    """By the page, with its defaults but for `choices`: what a field is called on it, and the name of an account."""

    def _merge(member, accounts, **choices):
        client, path = log_in(member), member.tenant.path_to("overlaps:accounts_merge")
        page = client.post(path, {"pick": [account.pk for account in accounts]})
        data = {"pick": [account.pk for account in accounts]} | sent_by(page.text)
        by_name = {account.name: str(account.pk) for account in accounts}
        labels = dict(
            re.findall(r'<fieldset class="field" id="id_(\w+)">\s*<legend[^>]*>([^<]+)<', page.text)
        )
        data |= {key: by_name[choices[label]] for key, label in labels.items() if label in choices}
        return client.post(path, data)

    return _merge


def sent_by(html: str) -> dict[str, str]:
    inputs = re.findall(r"<input [^>]*>", html.partition("<main")[2])
    sent = {}
    for tag in inputs:
        name, value = re.search(r'name="(take_\d+|seen)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ("radio" not in tag or "checked" in tag):
            sent[name[1]] = value[1]
    return sent


def only(tenant) -> Account:
    with tenant_context(tenant):
        return Account.objects.get()


# -- values -----------------------------------------------------------------------------------------------------------


def test_the_newest_that_says_something_stays_unless_somebody_chooses(merge, ada, acme, two):
    response = merge(ada, two)
    kept = only(acme)
    assert response.headers["Location"] == acme.path_to("overlaps:account", pk=kept.pk)
    assert kept.pk == two[0].pk  # the oldest is known by its id
    assert (kept.name, kept.population, kept.owner_name) == ("Stark Industries", "customers", "Zoe")
    assert (kept.country, kept.stage, kept.extra) == ("US", "Talks", {"Region": "EMEA"})
    assert kept.tags == ["a", "b", "c"] and kept.origins["owner_name"] == "Bob"
    assert kept.name_key == "stark industry" and kept.domain_key == "stark.com"


def test_each_field_is_chosen_for_itself(merge, ada, acme, two):
    with tenant_context(acme):
        Account.objects.filter(pk=two[0].pk).update(extra={"Region": "US", "Fit": "good"})
        two = list(Account.objects.order_by("created_at"))
    merge(ada, two, Name="Stark", Region="Stark")
    kept = only(acme)
    assert (kept.name, kept.population, kept.extra) == ("Stark", "customers", {"Region": "US", "Fit": "good"})


def test_what_one_keeps_private_stays_so_unless_somebody_chooses(merge, ada, acme, two):
    with tenant_context(acme):
        Account.objects.filter(pk=two[0].pk).update(is_private=True)
        two = list(Account.objects.order_by("created_at"))
    merge(ada, two)
    assert only(acme).is_private


def test_the_trail_keeps_what_goes_but_no_contact(merge, ada, acme, two):
    with tenant_context(acme):
        Account.objects.filter(pk=two[1].pk).update(contact_name="Pepper", contact_email="pepper@stark.com")
        two = list(Account.objects.order_by("created_at"))
    merge(ada, two)
    with tenant_context(acme):
        events = list(AuditEvent.objects.filter(action__startswith="account."))
    assert [event.action for event in events] == ["account.merged"]
    changes = json.loads(events[0].changes)
    assert changes["name"] == ["Stark", "Stark Industries"] and changes["contact_email"] == "changed"
    assert "owner_name: Zoe" in changes["merged: Stark Industries"] and "pepper" not in events[0].changes


# -- what hangs on them -----------------------------------------------------------------------------------------------


def test_sources_and_what_is_kept_apart_come_along(merge, ada, acme, two):
    third = add(acme, "Stark Bank", domain="starkbank.com")
    with tenant_context(acme, by=ada):
        sources = [Source.objects.create(name=name, kind="file") for name in ("CRM", "ERP")]
        for account, source, record in [(two[0], 0, "1"), (two[1], 0, "2"), (two[1], 1, "3")]:
            AccountSource.objects.create(
                account=account, source=sources[source], record_id=record, created_in=sources[0].pk
            )
        KeptApart.say([two[1], third], by=ada)
    merge(ada, two)
    with tenant_context(acme):
        said = AccountSource.objects.order_by("record_id").values_list("account", "record_id")
        assert list(said) == [(two[0].pk, record) for record in "123"]  # the next file finds it by each
        pair = KeptApart.objects.get()
        assert {pair.one_id, pair.other_id} == {two[0].pk, third.pk}


@pytest.fixture
def partners(acme, globex):
    both = connect(acme, globex)
    for partner in both:
        share(partner, NAMED)
    return both


def overlap(tenant, mine: Account | None = None, theirs: Account | None = None) -> Overlap:
    with tenant_context(tenant):
        rows = Overlap.objects.select_related("partner", "account")
        rows = rows.filter(account=mine.pk) if mine else rows
        return rows.get(their_account_id=theirs.pk) if theirs else rows.get()


def from_the_ground_up(tenant, partner) -> set:
    with tenant_context(tenant):
        matching.refresh_connection(partner.connection_id)
    return seen_by(tenant)


def test_two_overlaps_become_one_on_both_sides(merge, ada, acme, globex, partners, two):
    add(globex, "Stark", domain="stark.com")
    assert len(seen_by(acme)) == 2 and len(seen_by(globex)) == 2
    merge(ada, two)
    assert seen_by(acme) == {("Stark", "customers", "prospects")} == from_the_ground_up(acme, partners[0])
    assert seen_by(globex) == {("Stark Industries", "prospects", "customers")}


@pytest.mark.parametrize("number", [0, 1])
def test_a_veto_of_ours_holds_for_the_one_that_stays_and_can_be_taken_back(
    merge, ada, acme, globex, partners, two, number
):
    theirs = add(globex, "Stark", domain="stark.com")
    with tenant_context(acme, by=ada):
        Verdict.veto(overlap(acme, two[number], theirs), reason="parent", by=ada)
    assert len(seen_by(acme)) == 1
    merge(ada, two)
    assert seen_by(acme) == seen_by(globex) == set() == from_the_ground_up(acme, partners[0])
    with tenant_context(acme, by=ada):
        verdict = Verdict.objects.get()
        assert verdict.account_id == two[0].pk and verdict.is_veto
        verdict.take_back(by=ada)
    assert len(seen_by(acme)) == len(seen_by(globex)) == 1


@pytest.mark.parametrize("number", [0, 1])
def test_a_veto_of_theirs_holds_too(merge, ada, grace, acme, globex, partners, two, number):
    add(globex, "Stark", domain="stark.com")
    with tenant_context(globex, by=grace):
        theirs = Overlap.objects.select_related("partner", "account").get(their_account_id=two[number].pk)
        Verdict.veto(theirs, reason="other_company", by=grace)
    merge(ada, two)
    assert seen_by(acme) == seen_by(globex) == set() == from_the_ground_up(acme, partners[0])
    with tenant_context(globex, by=grace):
        Verdict.objects.get().take_back(by=grace)
    assert len(seen_by(acme)) == len(seen_by(globex)) == 1


def test_of_several_verdicts_the_veto_decides(merge, ada, grace, acme, globex, partners, two):
    theirs = add(globex, "Stark", domain="stark.com")
    with tenant_context(acme, by=ada):
        for account in two:
            Verdict.veto(overlap(acme, account, theirs), reason="parent", by=ada)
    merge(ada, two)
    with tenant_context(acme):
        assert Verdict.objects.count() == 1
    assert seen_by(acme) == set()


def test_a_match_by_hand_comes_along(merge, ada, acme, globex, partners):
    older, newer = add(acme, "Wayne", domain="wayne.com"), add(acme, "Bruce", domain="bruce.com")
    theirs = add(globex, "Gotham Holding", domain="gotham.com")
    share(partners[1], dict.fromkeys(NAMED, "all"))
    with tenant_context(acme, by=ada):
        greenfield = Overlap.objects.select_related("partner").get(their_account_id=theirs.pk)
        Verdict.match(greenfield, newer, by=ada)
    assert ("Gotham Holding", "prospects", "prospects") in seen_by(acme)
    merge(ada, [older, newer])
    assert overlap(acme, only(acme)).rule == "manual"
    assert ("Gotham Holding", "prospects", "prospects") in from_the_ground_up(acme, partners[0])


def test_marks_come_along_where_the_overlap_is_new(merge, ada, acme, globex, partners):
    older, newer = add(acme, "Wayne", domain="wayne.com"), add(acme, "Stark", domain="stark.com")
    theirs = add(globex, "Stark", domain="stark.com")
    with tenant_context(acme):
        Mark.objects.create(
            partner=partners[0], account_id=newer.pk, their_account_id=theirs.pk, state="ignored"
        )
    with tenant_context(globex):
        Mark.objects.create(
            partner=partners[1], account_id=theirs.pk, their_account_id=newer.pk, state="actioned"
        )
    merge(ada, [older, newer])
    assert overlap(acme, older, theirs).state == "ignored"
    assert overlap(globex).state == "actioned"
    with tenant_context(globex):
        assert Mark.objects.get().their_account_id == older.pk


def test_intros_of_both_sides_follow(merge, run_jobs, ada, grace, acme, globex, partners, two):
    add(globex, "Stark", "customers", domain="stark.com")
    with tenant_context(acme, by=ada):
        asked = draft_of(overlap(acme, two[1]), ada)
    with tenant_context(globex, by=grace):
        theirs = Overlap.objects.select_related("partner").get(their_account_id=two[1].pk)
        received = draft_of(theirs, grace)
        received.request(by=grace)
    merge(ada, two)
    assert "intros.follow_merge" in run_jobs()
    with tenant_context(acme):
        assert set(Intro.objects.about(only(acme))) == {asked, received}
    with tenant_context(globex):
        assert Intro.objects.get().receiver_account == two[0].pk
        assert Overlap.objects.visible().get().their_account_id == two[0].pk


# -- who, and when ----------------------------------------------------------------------------------------------------


def test_somebody_who_changed_one_meanwhile_is_heard(log_in, ada, acme, two):
    client, path = log_in(ada), acme.path_to("overlaps:accounts_merge")
    data = {"pick": [account.pk for account in two]}
    sent = data | sent_by(client.post(path, data).text)
    with tenant_context(acme, by=ada):
        two[1].change(by=ada, stage="Won")
    response = client.post(path, sent)
    assert response.status_code == 409 and "Somebody changed one of them meanwhile" in response.text
    assert client.post(path, sent | {"seen": sent_by(response.text)["seen"]}).status_code in {302, 422}


def test_the_act_itself_looks_again(ada, acme, two):
    with tenant_context(acme, by=ada):
        Account.objects.get(pk=two[1].pk).change(by=ada, stage="Won")
        with pytest.raises(Account.ChangedMeanwhile):
            Account.merge(two, take={}, by=ada)
        assert Account.objects.count() == 2


def test_a_choice_that_is_none_is_asked_again(log_in, ada, acme, two):
    client, path = log_in(ada), acme.path_to("overlaps:accounts_merge")
    data = {"pick": [account.pk for account in two]}
    sent = data | sent_by(client.post(path, data).text)
    for wrong in ("x", str(acme.pk)):
        response = client.post(
            path, {key: wrong if key.startswith("take") else value for key, value in sent.items()}
        )
        assert response.status_code == 422 and "Select a valid choice" in response.text


def test_accounts_of_others_are_not_merged(log_in, ada, vera, mallory, acme, initech, two):
    theirs = add(initech, "Stark", domain="stark.com")
    picks = {"pick": [account.pk for account in two], "seen": "x"}
    assert log_in(vera).post(acme.path_to("overlaps:accounts_merge"), picks).status_code == 403
    assert log_in(mallory).post(initech.path_to("overlaps:accounts_merge"), picks).status_code == 302
    mixed = {"pick": [two[0].pk, theirs.pk]}
    html = log_in(mallory).post(initech.path_to("overlaps:accounts_merge"), mixed, follow=True).text
    assert "Select from two to 10 accounts" in html
    with pytest.raises(ProgrammingError, match="No such account"), tenant_context(initech, by=mallory):
        matching.merge_rulings(two[0].pk, [two[1].pk])
    with tenant_context(acme):
        assert Account.objects.count() == 2


@pytest.mark.parametrize("number", [1, 11])
def test_one_or_too_many_are_refused(log_in, ada, acme, number):
    accounts = [add(acme, f"Stark {n}") for n in range(number)]
    html = log_in(ada).get(
        acme.path_to("overlaps:accounts_merge"), {"pick": [account.pk for account in accounts]}, follow=True
    ).text  # fmt: skip
    assert "Select from two to 10 accounts" in html
