"""Whatever takes something back: on the partner's next request it is on none of its pages."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from core.models import Membership
from core.tenancy import tenant_context
from overlaps import matching, populations
from overlaps.filters import AccountFilter
from overlaps.models import Account, Overlap, Verdict
from partners.models import (
    FieldPreset,
    Level,
    Partner,
    Population,
    Share,
    SharingDefault,
    SharingRule,
    all_hidden,
    stamp,
)
from tests.sharing import add, connect
from tests.url_matrix import WORKSPACE

NAME, OWNER = "Canary Industries", "canary-owner"
CUSTOMERS = Population.CUSTOMERS
NAMED = {CUSTOMERS: Share(Level.OVERLAPS, fields=("owner_name",))}
SEARCHED = {"intros:search", "intros:list", "overlaps:list"}
# The trail keeps what a veto was about; exports of the own list hold nothing of a partner.
KEPT = {"audit:trail"}


@pytest.fixture
def ours(ada, acme, globex) -> Partner:
    """Acme's record of Globex, which has the company under a shorter name."""
    ours, _theirs = connect(acme, globex)
    add(acme, NAME, "customers", domain="both.com", owner_name=OWNER, tags=["north"])
    add(globex, "Canary", "customers", domain="both.com")
    share(ours, NAMED, by=ada)
    return ours


def share(ours: Partner, shares: dict, *, by: Membership) -> None:
    with tenant_context(ours.tenant_id):
        ours.share(shares, seen=stamp(ours.shares_now()), by=by)


@pytest.fixture
def pages(globex, ours) -> list[str]:
    """All that somebody of Globex can open by a link, the words of a search among them."""
    with tenant_context(globex):
        rows = {
            "partner": Partner.objects.get().pk,
            "overlap": Overlap.objects.get().pk,
            "account": Account.objects.get().pk,
        }
    found = []
    for name, row in WORKSPACE.items():
        wanted = row.get("rows", {})
        if "GET" in row and name not in KEPT and "kwargs" not in row and set(wanted.values()) <= rows.keys():
            url = globex.path_to(name, **{key: rows[value] for key, value in wanted.items()})
            found += [url, f"{url}?q=Canary"] if name in SEARCHED else [url]
    return found


def read(client: Client, url: str) -> str:
    response = client.get(url)
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode(errors="replace")


def shown(who: Membership, pages: list[str], *markers: str) -> set[str]:
    """The pages that hold one of these: the name, or else what is given."""
    client = Client()
    client.force_login(who.user, "allauth.account.auth_backends.AuthenticationBackend")
    return {url for url in pages if _holds(read(client, url), markers or (NAME,))}


def _holds(text: str, markers: tuple[str, ...]) -> bool:
    return any(marker in text for marker in markers)


def test_it_is_to_be_seen_first(grace, globex, pages):
    found = {globex.path_to("overlaps:list"), globex.path_to("workspaces:home")}
    assert found <= shown(grace, pages)
    assert shown(grace, [*found], OWNER)


def level(ours, ada):
    share(ours, {CUSTOMERS: Share(Level.COUNTS)}, by=ada)


def end_date(ours, ada):
    yesterday = timezone.localdate() - timedelta(days=1)
    share(ours, {CUSTOMERS: replace(NAMED[CUSTOMERS], until=yesterday)}, by=ada)


def pause(ours, ada):
    ours.pause(by=ada)


def end(ours, ada):
    ours.end(by=ada)


def veto(ours, ada):
    """Acme sees the overlap too, once Globex shows it; here it is judged by what Acme is shown."""
    with tenant_context(theirs(ours).tenant_id):
        theirs_record = Partner.objects.get()
        shares = theirs_record.shares_now() | NAMED
        theirs_record.share(shares, seen="", by=None)
    overlap = Overlap.objects.select_related("partner", "account").get()
    Verdict.veto(overlap, reason="other_company", by=ada)


def private(ours, ada):
    Account.objects.update(is_private=True)
    matching.refresh()


def gone(ours, ada):
    Account.objects.update(gone_at=timezone.now())
    matching.refresh()


def population(ours, ada):
    Account.objects.update(population="prospects")
    matching.refresh()


def conditions(ours, ada):
    """Shown by a population of our own making, which it leaves."""
    northern = populations.make(name="Northern", conditions=AccountFilter.of({"tag": ["north"]}), by=ada)
    shares = all_shares(Share()) | {northern.code: Share(Level.OVERLAPS)}
    ours.share(shares, seen=stamp(ours.shares_now()), by=ada)
    assert Account.objects.get().segments
    populations.change(northern, name="Northern", conditions=AccountFilter.of({"tag": ["south"]}), by=ada)


def default(ours, ada):
    """Shown by the workspace's default, which changes."""
    nothing = SharingDefault.shares()
    SharingDefault.change(nothing | NAMED, seen=stamp(nothing), by=ada)
    follows = {CUSTOMERS: replace(NAMED[CUSTOMERS], follows=True)}
    ours.share(follows, seen=stamp(ours.shares_now()), by=ada)
    SharingDefault.change(nothing, seen=stamp(SharingDefault.shares()), by=ada)


def all_shares(share: Share) -> dict:
    return dict.fromkeys(all_hidden(), share)


def theirs(ours: Partner) -> Partner:
    with tenant_context(ours.connection.across_from(ours.tenant_id)):
        return Partner.objects.get()


WAYS = [level, end_date, pause, end, veto, private, gone, population, conditions, default]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_nothing_of_it_is_left(way, ours, pages, ada, grace, acme):
    with tenant_context(acme, by=ada):
        way(Partner.objects.get(), ada)

    assert shown(grace, pages, NAME, OWNER) == set()


def fields(ours, ada):
    share(ours, {CUSTOMERS: replace(NAMED[CUSTOMERS], fields=())}, by=ada)


def preset(ours, ada):
    preset = FieldPreset.make(name="With owner", fields=["owner_name"], by=ada)
    named = {CUSTOMERS: Share(Level.OVERLAPS, preset=str(preset.pk), fields=("owner_name",))}
    ours.share(named, seen=stamp(ours.shares_now()), by=ada)
    preset.change(name="Without", fields=[], by=ada)
    assert SharingRule.objects.get(population="customers").fields == []


@pytest.mark.parametrize("way", [fields, preset], ids=lambda way: way.__name__)
def test_a_field_goes_and_the_name_stays(way, ours, pages, ada, grace, acme, globex):
    with tenant_context(acme, by=ada):
        way(Partner.objects.get(), ada)

    assert shown(grace, pages, OWNER) == set()
    assert shown(grace, [globex.path_to("overlaps:list")])


def test_a_restricted_partner_is_gone_for_who_has_no_grant(ours, pages, grace, globex):
    from conftest import member
    from core.roles import Role

    somebody = member("Somebody", globex, Role.MEMBER)
    assert shown(somebody, [globex.path_to("overlaps:list")])
    with tenant_context(globex):
        Partner.objects.get().change(is_restricted=True, by=grace)

    assert shown(somebody, pages) == set()
    assert shown(grace, [globex.path_to("overlaps:list")])
