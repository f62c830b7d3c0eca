"""The page of an account: what we know of it, where from, who has it too, and what happened."""

import re

import pytest
from django.db import connection

from core.tenancy import tenant_context
from overlaps import populations
from overlaps.filters import AccountFilter
from overlaps.models import Account, AccountSource, Import, Overlap, Source, Verdict
from partners.models import Partner, Share, SharingRule, stamp
from partners.models.sharing import Level, Population
from tests.counting import cost
from tests.sharing import EVERYTHING, NAMED, add, connect, share


@pytest.fixture
def partners(acme, globex):
    return connect(acme, globex)


@pytest.fixture
def page(log_in):
    def get(member, account: Account) -> str:
        response = log_in(member).get(member.tenant.path_to("overlaps:account", pk=account.pk))
        assert response.status_code == 200
        return response.content.decode()

    return get


def facts(html: str) -> dict[str, tuple[str, str]]:
    found = re.findall(
        r'<dt>([^<]+)</dt><dd class="wrap">([^<]*)(?:<span class="facts__origin">([^<]+))?', html
    )
    return {label: (value, origin) for label, value, origin in found}


def moments(html: str) -> list[str]:
    activity = html.partition('id="activity-title"')[2]
    return re.findall(r'who__name wrap">([^<]+)<', activity.partition("</ol>")[0])


@pytest.fixture
def imported(acme, ada) -> Account:
    with tenant_context(acme, by=ada):
        source = Source.objects.create(name="HubSpot", kind="hubspot")
        batch = Import.objects.create(filename="list.csv", size=1, membership_id=ada.pk, by_name="Ada")
        account = Account.objects.create(
            name="Alder", domain="alder.com", country="DE", amount=84_000, currency="EUR", population="customers",
            extra={"Region": "North"}, tags=["top"], source_id=source.pk, created_in=batch.pk,
        )  # fmt: skip
        AccountSource.objects.create(
            account=account, source=source, record_id="7781", population="customers", created_in=batch.pk
        )
    return account


def test_each_value_says_where_it_comes_from(page, ada, acme, imported):
    with tenant_context(acme, by=ada):
        imported.change(by=ada, stage="Live")

    html = page(ada, imported)

    assert facts(html) == {
        "Domain": ("alder.com", "HubSpot"),
        "Country": ("DE", "HubSpot"),
        "Population": ("Customers", "HubSpot"),
        "Stage": ("Live", "Ada"),
        "Amount": ("84,000 EUR", "HubSpot"),
        "Region": ("North", "HubSpot"),
    }
    assert "?tag=top" in html and "7781 · Customers there" in html


def test_what_happened_stands_there_newest_first(page, ada, acme, globex, partners, imported):
    share(partners[1], NAMED)
    with tenant_context(acme, by=ada):
        imported.change(by=ada, stage="Live")
        imported.change(by=ada, stage="Lost", amount=1)
    add(globex, "Alder", "customers")

    said = moments(page(ada, imported))

    assert set(said) == {
        "Ada changed the account: stage from nothing to Live",
        "Ada changed the account: amount, stage",
        "Became an overlap with Globex",
        "Imported in list.csv",
    }
    assert said.index("Ada changed the account: amount, stage") < said.index(
        "Ada changed the account: stage from nothing to Live"
    )


def test_a_verdict_stands_there_after_the_overlap_is_gone(page, ada, linus, acme, globex, partners, imported):
    share(partners[1], NAMED)
    add(globex, "Alder", "customers")
    with tenant_context(acme, by=ada):
        Verdict.veto(Overlap.objects.get(), reason="other_company", by=ada)

    assert "Ada: it is not Alder of Globex" in moments(page(linus, imported))
    assert "Became an overlap with Globex" not in page(linus, imported)
    with tenant_context(acme):
        Partner.objects.update(is_restricted=True)
    assert "Globex" not in page(linus, imported)


def test_who_can_introduce_is_named_if_the_partner_shows_it(page, ada, acme, globex, partners, imported):
    add(globex, "Alder", "customers", owner_name="Tom Weller")
    share(partners[1], EVERYTHING)

    html = page(ada, imported)

    assert "Tom Weller, Globex" in html and "1 partner</p>" in html
    with tenant_context(acme):
        assert acme.path_to("intros:ask", pk=Overlap.objects.get().pk) in html


def test_several_accounts_of_a_partner_are_one_partner(page, ada, acme, globex, partners, imported):
    for name in ("Alder", "Alder Inc"):
        add(globex, name, "customers", domain="alder.com")
    share(partners[1], NAMED)

    html = page(ada, imported)

    assert "1 partner</p>" in html and html.count("Same domain, related names <b>") == 2


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (None, "its populations are not shared by name"),
        (Level.COUNTS, "its populations are not shared by name"),
        (Level.OVERLAPS, "1 partner sees it if it has it too: name, country, domain, owner at most."),
        (Level.ALL, "1 partner sees it: name, country, domain, owner at most. Never the contact."),
    ],
)  # fmt: skip
def test_it_says_who_is_shown_it(page, ada, acme, partners, imported, level, words):
    if level:
        with tenant_context(acme, by=ada):
            mine = Partner.objects.get(pk=partners[0].pk)
            mine.share({Population.CUSTOMERS: Share(level)}, seen=stamp(mine.shares_now()), by=ada)
            assert SharingRule.objects.exists()

    assert words in page(ada, imported)


def test_a_private_account_is_shown_to_nobody(page, ada, acme, partners, imported):
    share(partners[0], EVERYTHING)
    with tenant_context(acme, by=ada):
        imported.change(by=ada, is_private=True)
    assert "No partner is shown this account" in page(ada, imported)


def test_populations_of_our_own_making_stand_beside_it(page, ada, acme, imported):
    with tenant_context(acme, by=ada):
        populations.make(name="Germany", conditions=AccountFilter.of({"country": ["DE"]}), by=ada)
        populations.make(name="France", conditions=AccountFilter.of({"country": ["FR"]}), by=ada)
    html = page(ada, imported)
    assert "Germany" in html and "France" not in html


def test_a_viewer_reads_and_does_not_act(page, vera, acme, imported):
    html = page(vera, imported)
    assert "Edit</a>" not in html and "Ask" not in html and "Imported in list.csv" in html


def test_it_costs_the_same_however_much_there_is(log_in, ada, acme, globex, partners, imported):
    share(partners[1], NAMED)
    with tenant_context(acme, by=ada):
        populations.make(name="Germany", conditions=AccountFilter.of({"country": ["DE"]}), by=ada)
    client, path = log_in(ada), acme.path_to("overlaps:account", pk=imported.pk)
    client.get(path)
    few = cost(client, path)
    for n in range(15):
        add(globex, f"Alder {n}", "customers", domain="alder.com")
    with tenant_context(acme, by=ada):
        for n in range(15):
            Account.objects.get(pk=imported.pk).change(by=ada, stage=f"Stage {n}")
    assert cost(client, path) == few <= 12


def test_the_trail_of_one_account_is_found_by_an_index(ada, acme, imported):
    from audit.models import AuditEvent

    with tenant_context(acme, by=ada), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = AuditEvent.objects.about(imported).newest_first()[:10].explain()
    assert "audit_event_of_target" in plan
