"""What a partner sees, looked at from our side: the same rows and fields, and nothing of the partner's own."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from core.tenancy import tenant_context
from overlaps.models import Overlap
from overlaps.seenby import SeenBy
from partners.models import Grant, Level, Partner, Population, Share, SharingRule, published
from tests.sharing import COUNTED, EVERYTHING, NAMED, add, connect, share
from tests.test_partner_pages import queries

FIELDS = (
    "their_account_id",
    "their_population",
    "their_segments",
    "name",
    "domain",
    "country",
    "owner_name",
    "stage",
    "amount",
    "currency",
    "company_number",
    "tags",
    "extra",
    "until",
)


@pytest.fixture
def pair(acme, globex) -> tuple[Partner, Partner]:
    """Acme's record of Globex, and the other way round. Both have Hooli, each has one that the other has not."""
    pair = connect(acme, globex)
    share(pair[1], NAMED)  # else it is not told: see below
    secret = {"stage": "canary-stage", "amount": 4242, "currency": "EUR", "owner_name": "Ada"}
    add(
        acme,
        "Hooli",
        "customers",
        domain="hooli.com",
        country="DE",
        extra={"Region": "canary-extra"},
        **secret,
    )
    add(acme, "Ours Alone", "customers")
    add(globex, "Hooli", "prospects", domain="hooli.com", owner_name="canary-owner")
    add(globex, "Canary Alone", "customers")
    return pair


@pytest.mark.parametrize("levels", [{}, COUNTED, {"customers": "overlaps"}], ids=str)
def test_it_tells_nothing_of_a_list_that_is_not_shown(levels, pair, log_in, ada, acme):
    """Else whoever shows names could read which of any companies the partner has."""
    share(pair[0], NAMED)
    share(pair[1], levels)
    assert seen(pair[1]) and told(pair[0]) == []
    assertContains(page_of(log_in(ada), pair[0], acme), "not all names of its own")


def told(partner: Partner) -> list[tuple]:
    """What we are told that this partner sees."""
    with tenant_context(partner.tenant_id):
        return [tuple(vars(shown).values()) for shown in SeenBy(partner)[0:100]]


def seen(partner: Partner) -> list[tuple]:
    """What the owner of this record of us sees."""
    with tenant_context(partner.tenant_id):
        return sorted(Overlap.objects.visible().values_list(*FIELDS), key=lambda row: row[3].lower())


def page_of(client, partner: Partner, tenant, **asked):
    return client.get(tenant.path_to("overlaps:seen_by", pk=partner.pk), asked)


@pytest.mark.parametrize("levels", [{}, NAMED, EVERYTHING], ids=["hidden", "overlapping", "all"])
def test_it_is_what_they_see(levels, pair):
    share(pair[0], levels)

    assert told(pair[0]) == seen(pair[1])
    assert len(told(pair[0])) == {0: 0, 3: 1 if levels == NAMED else 2}[len(levels)]


def test_each_field_that_is_shown_and_no_other(log_in, ada, acme, pair):
    client = log_in(ada)
    share(pair[0], NAMED)
    page = page_of(client, pair[0], acme)
    assertContains(page, "hooli.com")
    assertNotContains(page, "canary")
    assertNotContains(page, "4242")
    with tenant_context(acme):
        shares = {Population.CUSTOMERS: Share(Level.OVERLAPS, fields=("stage", "amount", "extra:Region"))}
        pair[0].share(shares, seen="", by=None)

    page = page_of(client, pair[0], acme)

    for shown in ("canary-stage", "4,242", "canary-extra"):
        assertContains(page, shown)
    assertNotContains(page, "hooli.com")
    assert told(pair[0]) == seen(pair[1])


def test_nothing_of_their_side_is_on_it(log_in, ada, acme, pair):
    for partner in pair:
        share(partner, EVERYTHING)

    page = page_of(log_in(ada), pair[0], acme)

    assertContains(page, "Ours Alone")  # and it is not told which of the two they have
    for theirs in ("Canary Alone", "canary-owner"):
        assertNotContains(page, theirs)
    with tenant_context(acme):
        both, alone = SeenBy(pair[0])[0:2]
    assert {name for name, value in vars(both).items() if bool(value) != bool(vars(alone)[name])} <= {
        "country",
        "owner_name",
    }  # which only one of our own accounts has


@pytest.mark.parametrize("name", ["pause", "end"])
def test_nothing_is_seen_when_the_connection_rests(name, log_in, ada, acme, pair):
    share(pair[0], EVERYTHING)
    with tenant_context(acme):
        getattr(pair[0], name)(by=ada)

    assertNotContains(page_of(log_in(ada), pair[0], acme), "Ours Alone")
    assert told(pair[0]) == []


def test_nor_after_a_last_day(acme, pair):
    yesterday = timezone.localdate() - timedelta(days=1)
    rules = {Population.CUSTOMERS: Share(Level.OVERLAPS, until=yesterday)}
    with tenant_context(acme):
        SharingRule.write(pair[0], rules)
        pair[0].connection.publish({acme.pk: published(rules)})

    assert told(pair[0]) == seen(pair[1]) == []


def test_it_is_filtered_and_paged_within_its_queries(log_in, ada, acme, pair):
    share(pair[0], EVERYTHING)
    client, url = log_in(ada), acme.path_to("overlaps:seen_by", pk=pair[0].pk)
    few = queries(client, url)
    for n in range(30):
        add(acme, f"Company {n:02}", "prospects")

    assert queries(client, url) == few <= 12
    assertContains(page_of(client, pair[0], acme), "1 to 25 of 32")
    assert len(page_of(client, pair[0], acme, page="2").context["page"]) == 7
    assert page_of(client, pair[0], acme, q="company 1").context["page"].paginator.count == 10
    assert page_of(client, pair[0], acme, q="hooli.c").context["page"].paginator.count == 1
    assert page_of(client, pair[0], acme, population="customers").context["page"].paginator.count == 2
    assertContains(page_of(client, pair[0], acme, q="100%"), "No account fits")


def test_for_who_may_change_sharing(log_in, ada, linus, vera, mallory, initech, acme, pair):
    for member in (linus, vera):
        assert page_of(log_in(member), pair[0], acme).status_code == 403
    for tenant in (acme, initech):
        assert page_of(log_in(mallory), pair[0], tenant).status_code == 404
    with tenant_context(acme):
        pair[0].grant(Grant.MANAGER, to=linus, by=ada)
    assert page_of(log_in(linus), pair[0], acme).status_code == 200


def test_the_function_answers_for_partners_of_ones_own_only(initech, pair):
    share(pair[0], EVERYTHING)
    with tenant_context(initech):
        assert len(SeenBy(pair[0])) == 0
