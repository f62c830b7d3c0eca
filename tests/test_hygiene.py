"""What is doubtful in our own list: found, mended in place, kept apart, never another workspace's."""

import re
from html import unescape

import pytest

from audit.models import AuditEvent
from core.tenancy import tenant_context
from overlaps import hygiene, matching
from overlaps.hygiene import CHECKS, Groups
from overlaps.models import Account, AccountSource, KeptApart, Source
from tests.counting import cost
from tests.sharing import add

NUMBER = {"company_number": "DE811569869", "country": "DE"}


def found(tenant, check: str = "twice") -> list[tuple[str, set[str]]]:
    with tenant_context(tenant):
        groups = Groups.of(check).with_accounts().rows
        return [(group.reason, {account.name for account in group.accounts}) for group in groups]


def numbers(tenant) -> dict[str, int]:
    with tenant_context(tenant):
        return {check: number for check, number in hygiene.numbers().items() if number}


def path(tenant, check: str = "twice", name: str = "hygiene_check") -> str:
    return tenant.path_to(f"overlaps:{name}", check=check)


def only(tenant) -> Account:
    with tenant_context(tenant):
        return Account.objects.get()


# -- the same company twice -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ({"name": "Siemens", **NUMBER}, {"name": "Simens AG", "domain": "", **NUMBER}, "number"),
        (
            {"name": "Acme", "domain": "acme.com"},
            {"name": "Acme Europe", "domain": "shop.acme.com"},
            "domain",
        ),
        ({"name": "Acme", "domain": "acme.com"}, {"name": "ACME Inc", "domain": "acme.com"}, "domain"),
        (
            {"name": "The Acme Company", "country": "US", "domain": "acme.com"},
            {"name": "Acme Company, Inc.", "country": "US", "domain": ""},
            "name",
        ),
    ],
)
def test_two_that_look_like_one_are_found_once_with_the_reason(acme, one, other, reason):
    add(acme, **one), add(acme, **other), add(acme, "Somebody else", country="US")
    assert found(acme) == [(reason, {one["name"], other["name"]})]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "Google", "domain": "google.com"}, {"name": "YouTube", "domain": "google.com"}),
        ({"name": "Acme", "country": "US"}, {"name": "Acme", "country": "DE", "domain": "acme.de"}),
        ({"name": "Acme", "domain": "gmail.com"}, {"name": "Acme Two", "domain": "gmail.com"}),
        ({"name": "Acme"}, {"name": "Acme", "is_private": True}),
    ],
)
def test_two_that_only_seem_so_are_not(acme, one, other):
    add(acme, **one), add(acme, **other)
    assert found(acme) == []


def test_nothing_of_another_workspace_is_found(acme, initech):
    add(acme, "Stark", country="US", domain=""), add(initech, "Stark", country="US", domain="")
    assert found(acme) == found(initech) == []
    add(initech, "Stark", country="US", domain="stark.io")
    assert found(acme) == [] and len(found(initech)) == 1


def test_a_group_of_many_shows_some_and_says_how_many(log_in, ada, acme):
    with tenant_context(acme):
        Account.objects.bulk_create(Account(name="Starbucks", country="US") for _ in range(30))
    html = log_in(ada).get(path(acme)).text
    assert "30 accounts, of which 20 stand here" in html and "Keep apart" not in html
    assert numbers(acme)["twice"] == 1


def test_what_is_kept_apart_is_not_proposed_again(log_in, ada, acme):
    one, other = add(acme, "Stark", country="US", domain=""), add(acme, "Stark Inc", country="US")
    client = log_in(ada)
    response = client.post(
        acme.path_to("overlaps:hygiene_apart"), {"pick": [one.pk, other.pk], "check": "twice"}
    )
    assert response.headers["Location"] == path(acme)
    assert found(acme) == [] and numbers(acme) == {"no-domain": 1}
    with tenant_context(acme):
        assert (
            AuditEvent.objects.get(action="account.kept_apart").changes == '{"accounts": "Stark, Stark Inc"}'
        )
    third = add(acme, "STARK", country="US", domain="")
    assert found(acme) == [("name", {"Stark", "Stark Inc", "STARK"})]
    client.post(acme.path_to("overlaps:hygiene_apart"), {"pick": [one.pk, other.pk, third.pk]})
    assert found(acme) == []


def test_accounts_of_others_can_not_be_kept_apart(log_in, ada, vera, mallory, acme, initech):
    mine, other = add(acme, "Stark"), add(acme, "Stark Inc")
    picks = {"pick": [mine.pk, other.pk]}
    assert log_in(vera).post(acme.path_to("overlaps:hygiene_apart"), picks).status_code == 403
    assert log_in(mallory).post(acme.path_to("overlaps:hygiene_apart"), picks).status_code == 404
    log_in(mallory).post(initech.path_to("overlaps:hygiene_apart"), picks)
    for tenant in (acme, initech):
        with tenant_context(tenant):
            assert not KeptApart.objects.exists()


def test_groups_go_on_page_by_page(log_in, ada, acme):
    with tenant_context(acme):
        for n in range(30):
            for suffix in ("", " Inc"):
                Account(name=f"Company {n:02}{suffix}", domain=f"company{n}.com").save()
                Account(name=f"Named {n:02}{suffix}", country="DE", domain=f"n{n}{len(suffix)}.com").save()
    client, address, seen = log_in(ada), path(acme), []
    while address and len(seen) < 99:
        html = client.get(address).text
        seen += re.findall(r'<section class="card" aria-label="[^"]+: ([^"]+)"', html)
        further = re.search(r'rel="next" href="([^"]+)"', html)
        address = path(acme) + unescape(further[1]) if further else ""
    assert len(seen) == len(set(seen)) == 60


@pytest.mark.parametrize(
    "mark", ["x", "[]", '["name"]', '["name", "x", "y"]', '["domain", 1e99]', '["sources", 1]', "7"]
)
def test_a_mark_that_makes_no_sense_begins_at_the_beginning(log_in, ada, acme, mark):
    add(acme, "Stark", domain="stark.com"), add(acme, "Stark Inc", domain="stark.com")
    for check in ("twice", "contradictions", "no-domain"):
        assert log_in(ada).get(path(acme, check), {"after": mark}).status_code == 200


# -- customer here, prospect there ------------------------------------------------------------------------------------


@pytest.fixture
def torn(acme) -> Account:
    """A customer for one source, a prospect for the other."""
    account = add(acme, "Stark", "customers")
    with tenant_context(acme):
        for name, population in (("HubSpot", "customers"), ("Salesforce", "prospects")):
            source = Source.objects.create(name=name, kind=name.lower())
            AccountSource.objects.create(
                account=account, source=source, population=population, created_in=source.pk
            )
    return account


def test_sources_that_differ_are_found_until_somebody_decides(log_in, ada, acme, torn):
    client = log_in(ada)
    html = client.get(path(acme, "contradictions")).text
    assert "HubSpot: customers" in html and "Salesforce: prospects" in html
    data = {"account": torn.pk, "seen": torn.updated_at.isoformat(), "population": "customers"}
    assert client.post(path(acme, "contradictions", "hygiene_fix"), data).headers["Location"] == path(
        acme, "contradictions"
    )
    assert found(acme, "contradictions") == []
    assert only(acme).origins == {"population": "Ada"} and only(acme).population == "customers"


def test_accounts_of_one_company_that_differ_are_found_too(acme):
    (
        add(acme, "Stark", "customers", domain="stark.com"),
        add(acme, "Stark Inc", "prospects", domain="stark.com"),
    )
    (
        add(acme, "Wayne", "customers", domain="wayne.com"),
        add(acme, "Wayne Inc", "customers", domain="wayne.com"),
    )
    assert found(acme, "contradictions") == [("domain", {"Stark", "Stark Inc"})]
    assert len(found(acme)) == 2


# -- something amiss in a field ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "fields", "wrong", "says", "right", "result"),
    [
        ("no-domain", {"domain": ""}, {"domain": "gmail.com"}, "mails of many companies", "stark.com", "stark.com"),
        ("mail-domain", {"domain": "gmail.com"}, {"domain": "yahoo.com"}, "mails of many", "www.a.com/x", "a.com"),
        ("mail-domain", {"domain": "gmail.com"}, {"domain": "gmail.com"}, "mails of many", "", ""),
        ("platform-domain", {"domain": "facebook.com/a"}, {"domain": "x"}, "that is no domain", "a.com", "a.com"),
        ("dead-domain", {"domain": "stark.notld"}, {"domain": "stark"}, "that is no domain", "stark.com", "stark.com"),
        ("no-country", {"country": ""}, {"country": "Atlantis"}, "This country is not known", "germany", "DE"),
        ("no-country", {"country": ""}, {"country": "DEX"}, "This country is not known", "de", "DE"),
        ("bad-number", {"company_number": "12", "country": "DE"}, {"company_number": "13"}, "in no form that is known",
         "DE811569869", "DE811569869"),
        ("bad-number", {"company_number": "12"}, {"company_number": "LEI 5493001KJTIIGC8"}, "a digit is wrong", "", ""),
    ],
)  # fmt: skip
def test_it_is_mended_in_its_row(log_in, ada, acme, check, fields, wrong, says, right, result):
    account = add(acme, "Stark", **{"country": "US", **fields})
    assert numbers(acme) == {check: 1}
    client, field = log_in(ada), CHECKS[check].fixes
    html = client.get(path(acme, check)).text
    assert "Stark" in html and f'name="{field}"' in html
    sent = {"account": account.pk, "seen": account.updated_at.isoformat()}

    refused = client.post(path(acme, check, "hygiene_fix"), sent | wrong)
    assert refused.status_code == 422 and says in refused.text and f'value="{wrong[field]}"' in refused.text
    alone = client.post(path(acme, check, "hygiene_fix"), sent | wrong, headers={"HX-Request": "true"})
    assert alone.status_code == 422 and says in alone.text and "<html" not in alone.text

    assert client.post(path(acme, check, "hygiene_fix"), sent | {field: right}).status_code == 302
    assert getattr(only(acme), field) == result
    assert numbers(acme) == (
        {} if right else numbers(acme) - {check: 0}.keys() and {"no-domain": 1} if field == "domain" else {}
    )
    with tenant_context(acme):
        assert AuditEvent.objects.filter(action="account.changed").count() == 1


def test_with_htmx_its_row_says_that_it_is_done(log_in, ada, acme):
    account = add(acme, "Stark", domain="", country="US")
    data = {"account": account.pk, "seen": account.updated_at.isoformat(), "domain": "stark.com"}
    answer = log_in(ada).post(path(acme, "no-domain", "hygiene_fix"), data, headers={"HX-Request": "true"})
    assert answer.status_code == 200 and "Saved" in answer.text and "<form" not in answer.text


def test_what_somebody_else_changed_is_not_overwritten(log_in, ada, acme):
    account = add(acme, "Stark", domain="", country="US")
    with tenant_context(acme):
        Account.objects.get().change(by=ada, domain="first.com")
    data = {"account": account.pk, "seen": account.updated_at.isoformat(), "domain": "second.com"}
    refused = log_in(ada).post(path(acme, "no-domain", "hygiene_fix"), data, headers={"HX-Request": "true"})
    assert refused.status_code == 422 and "Somebody changed this account meanwhile" in refused.text
    assert only(acme).domain == "first.com"


def test_who_may_not_edit_only_looks(log_in, vera, mallory, acme, initech):
    account = add(acme, "Stark", domain="", country="US")
    data = {"account": account.pk, "seen": account.updated_at.isoformat(), "domain": "stark.com"}
    html = log_in(vera).get(path(acme, "no-domain")).text
    assert "Stark" in html and '<form class="fix"' not in html
    assert log_in(vera).post(path(acme, "no-domain", "hygiene_fix"), data).status_code == 403
    assert log_in(mallory).post(path(acme, "no-domain", "hygiene_fix"), data).status_code == 404
    assert log_in(mallory).post(path(initech, "no-domain", "hygiene_fix"), data).status_code == 404
    assert only(acme).domain == ""


@pytest.mark.parametrize("check", ["twice", "nothing-of-the-kind"])
def test_only_what_a_check_mends_is_mended(log_in, ada, acme, check):
    account = add(acme, "Stark")
    assert log_in(ada).post(path(acme, check, "hygiene_fix"), {"account": account.pk}).status_code == 404
    assert log_in(ada).get(path(acme, "nothing-of-the-kind")).status_code == 404


def test_private_and_gone_accounts_are_let_be(acme):
    add(acme, "Stark", domain="", is_private=True)
    assert numbers(acme) == {}


def test_all_checks_cost_the_same_with_more_rows(log_in, ada, acme, torn):
    def fill(number: int) -> None:
        with tenant_context(acme):
            for n in range(number):
                for suffix in ("", " Inc"):
                    Account(name=f"Name {n}{suffix}", domain=f"company{n}.com").save()
                    Account(name=f"Same {n}", country="DE", domain=f"same{n}{len(suffix)}.com").save()
                    Account(
                        name=f"Number {n}{suffix}", company_number=f"DUNS 1504837{n:02}", domain="x.notld"
                    ).save()
                Account(name=f"Mail {n}", domain="gmail.com", company_number="12").save()
            matching.refresh()

    client = log_in(ada)
    addresses = [acme.path_to("overlaps:hygiene"), *(path(acme, check) for check in CHECKS)]
    fill(1)
    client.get(addresses[0])
    few = [cost(client, address) for address in addresses]
    fill(30)
    assert [cost(client, address) for address in addresses] == few
    assert max(few) <= 12
