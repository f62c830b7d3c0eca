"""Alarms: who hears of them, who dismisses them; and the settings by which lists are matched."""

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.asserts import assertContains, assertNotContains

from audit.models import AuditEvent
from core.tenancy import tenant_context
from overlaps.models import Alarm, MatchSettings, Overlap, Suggestion
from overlaps.tasks import rematch, tell_alarms
from partners.models import Grant, Partner
from tests.sharing import NAMED, add, connect, seen_by, share


@pytest.fixture
def ours(acme, globex) -> Partner:
    """Acme's record of Globex, whose list has grown beyond Acme's limit for a day."""
    ours, theirs = connect(acme, globex)
    with tenant_context(acme):
        MatchSettings.objects.create(growth_cap=1)
    share(ours, NAMED)
    for name in ("Hooli Search", "Vandelay Imports"):
        add(acme, name)
        add(globex, name)
    return ours


@pytest.fixture
def alarm(ours) -> Alarm:
    with tenant_context(ours.tenant_id):
        return Alarm.objects.select_related("partner").get()


@pytest.fixture
def url(acme, ours, alarm) -> str:
    return acme.path_to("overlaps:alarm_dismiss", pk=ours.pk, alarm=alarm.pk)


def page_of(client, partner: Partner, tenant):
    return client.get(tenant.path_to("partners:detail", pk=partner.pk))


def test_it_stands_on_the_page_of_the_partner_until_it_is_dismissed(log_in, ada, ours, acme, url):
    client = log_in(ada)
    assertContains(page_of(client, ours, acme), "More new overlaps than a day may bring")

    client.post(url)
    client.post(url)

    assertNotContains(page_of(client, ours, acme), "More new overlaps than a day may bring")
    with tenant_context(acme):
        assert Alarm.objects.get().dismissed_by == "Ada"
        event = AuditEvent.objects.get(action="alarm.dismissed")
    assert (event.actor, event.target) == ("Ada", "Globex")


def test_the_partner_hears_nothing_of_it(log_in, grace, ada, ours, alarm, globex):
    with tenant_context(globex):
        theirs = Partner.objects.get()
        assert not Alarm.objects.exists()
    assertNotContains(page_of(log_in(grace), theirs, globex), "than a day may bring")
    with tenant_context(alarm.tenant_id):
        alarm.dismiss(by=ada)
    with tenant_context(globex):
        assert not AuditEvent.objects.filter(action__startswith="alarm").exists()


def test_who_may_not_change_sharing_sees_it_and_leaves_it(log_in, ada, linus, vera, ours, acme, url):
    for member in (linus, vera):
        client = log_in(member)
        assertContains(page_of(client, ours, acme), "than a day may bring")
        assertNotContains(page_of(client, ours, acme), url)
        assert client.post(url).status_code == 403
    with tenant_context(acme):
        ours.grant(Grant.MANAGER, to=linus, by=ada)
    assert log_in(linus).post(url).status_code == 302


def test_to_mallory_it_does_not_exist(log_in, mallory, initech, acme, url):
    client = log_in(mallory)
    for tenant in (acme, initech):
        assert client.post(url.replace("/w/acme/", f"/w/{tenant.slug}/")).status_code == 404


def test_one_mail_to_each_who_is_responsible(ada, alan, vera, alarm, run_jobs):
    tell_alarms(0)
    tell_alarms(0)

    assert run_jobs() == ["overlaps.mail_alarm"] * 2
    assert sorted(message.to[0] for message in mail.outbox) == ["ada@acme.example", "alan@acme.example"]
    assert mail.outbox[0].subject == "Globex: more new overlaps than a day may bring"
    assert f"/partners/{alarm.partner_id}/" in mail.outbox[0].body
    assert "Vandelay" not in mail.outbox[0].body


def test_no_mail_of_what_is_dismissed_by_then(ada, acme, alarm, run_jobs):
    tell_alarms(0)
    with tenant_context(acme):
        alarm.dismiss(by=ada)

    run_jobs()

    assert mail.outbox == []


def test_the_application_can_neither_make_nor_silence_one(acme, alarm):
    from django.db import Error, transaction

    with tenant_context(acme):
        for change in (
            lambda: Alarm.objects.update(told_at=None),
            lambda: Alarm.objects.all().delete(),
            lambda: Alarm.objects.create(partner=alarm.partner, kind="growth", day=alarm.day, at=alarm.at),
        ):
            with pytest.raises(Error), transaction.atomic():
                change()


def test_alarms_cost_the_page_one_query(log_in, ada, ours, acme, alarm):
    client, url = log_in(ada), acme.path_to("partners:detail", pk=ours.pk)
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        client.get(url)
    assert sum("overlaps_alarm" in query["sql"] for query in captured) == 1


# -- settings of matching --------------------------------------------------------------------------------------

ALL = {
    "automatic": ["number", "domain", "name_country", "name"],
    "suggested": ["domain_only", "name_weak", "name_several", "domains_differ", "similar_name"],
    "threshold": "75",
    "growth_cap": "",
}


@pytest.fixture
def matched(acme, globex) -> None:
    """Two companies that both have, by their domains."""
    for partner in connect(acme, globex):
        share(partner, NAMED)
    for tenant in (acme, globex):
        add(tenant, "Hooli Search", domain="hooli.com")
        add(tenant, "Umbrella" if tenant is acme else "Raccoon Works", domain="umbrella.com")


def test_a_rule_that_is_off_finds_nothing_for_either_side(log_in, ada, acme, globex, matched, run_jobs):
    assert seen_by(acme) == seen_by(globex) == {("Hooli Search", "prospects", "prospects")}
    url = acme.path_to("overlaps:match_settings")

    log_in(ada).post(url, ALL | {"automatic": ["number"]})

    assert run_jobs() == ["overlaps.rematch"]
    assert seen_by(acme) == seen_by(globex) == set()
    with tenant_context(acme):
        event = AuditEvent.objects.get(action="matching.changed")
        assert MatchSettings.here().rules_off == ["domain", "name_country", "name"]
    assert "rules off" in event.changes
    with tenant_context(globex):
        assert not AuditEvent.objects.filter(action="matching.changed").exists()

    log_in(ada).post(url, ALL)
    run_jobs()

    assert seen_by(acme) == seen_by(globex) == {("Hooli Search", "prospects", "prospects")}


def test_suggestions_take_both(log_in, ada, grace, acme, globex, matched, run_jobs):
    for member, found in ((ada, 0), (grace, 1)):
        url = member.tenant.path_to("overlaps:match_settings")
        log_in(member).post(url, ALL | {"suggestions": "on"})
        run_jobs()
        for tenant in (acme, globex):
            with tenant_context(tenant):
                assert Suggestion.objects.visible().count() == found


def test_nothing_changed_is_nothing_done(log_in, ada, acme, run_jobs):
    log_in(ada).post(acme.path_to("overlaps:match_settings"), ALL)

    assert run_jobs() == []
    with tenant_context(acme):
        assert not AuditEvent.objects.filter(action="matching.changed").exists()


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": "69"}, {"threshold": "85"}, {"automatic": ["manual"]}, {"growth_cap": "0"}],
    ids=str,
)
def test_wrong_settings_come_back(wrong, log_in, ada, acme):
    response = log_in(ada).post(acme.path_to("overlaps:match_settings"), ALL | wrong)

    assert response.status_code == 422
    with tenant_context(acme):
        assert not MatchSettings.objects.exists()


@pytest.mark.parametrize("who", ["linus", "vera"])
def test_settings_are_for_admins(who, request, log_in, acme):
    client, url = log_in(request.getfixturevalue(who)), acme.path_to("overlaps:match_settings")

    assert client.get(url).status_code == client.post(url, ALL).status_code == 403


def test_a_connection_that_ended_meanwhile_stays_empty(ada, acme, globex, matched):
    with tenant_context(acme):
        Partner.objects.get().end(by=ada)

    rematch(str(acme.pk))

    for tenant in (acme, globex):
        with tenant_context(tenant):
            assert not Overlap.objects.exists()


def test_the_cap_of_a_day_is_not_given_back_by_what_goes(ada, acme, globex):
    """Else one company after the other could be looked up."""
    _, theirs = connect(acme, globex)
    share(theirs, NAMED)
    with tenant_context(globex):
        MatchSettings.objects.create(growth_cap=2)
    for number in range(8):
        add(globex, f"Target {number}")
    seen = set()
    for number in range(8):
        account = add(acme, f"Target {number}")
        seen |= {name for name, *_ in seen_by(acme)}
        with tenant_context(acme, by=ada):
            account.remove(by=ada)
    assert len(seen) == 2
