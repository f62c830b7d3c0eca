"""The first page of a workspace: key figures, the matrix, what waits and what is new."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from conftest import founder
from core.tenancy import tenant_context
from overlaps import matching, populations
from overlaps.filters import AccountFilter
from overlaps.matrix import heat
from overlaps.models import DayFigure, InboxVisit, Overlap, OverlapCount, Tally
from overlaps.tasks import take_day_figures
from partners.models import CustomPopulation, DataRequest, Level, Partner, Population, Share, stamp
from tests.counting import cost
from tests.sharing import COUNTED, NAMED, add, connect, share

OPEN = "open_opportunities"


@pytest.fixture
def partners(acme, globex):
    return connect(acme, globex)


@pytest.fixture
def home(log_in):
    def get(member, query: str = "") -> str:
        response = log_in(member).get(member.tenant.path_to("workspaces:home") + query)
        assert response.status_code == 200
        return response.content.decode()

    return get


def matrix(html: str) -> str:
    return html[html.index('id="matrix"') : html.index('aria-labelledby="new-overlaps"')]


def cells(html: str) -> dict[str, str]:
    """What each cell says to somebody who can't see it."""
    words = re.findall(r'aria-label="(Your [^"]+)"|class="sr">(Your [^<]+)</span></span></td>', html)
    return dict((one or other).rsplit(": ", 1) for one, other in words)


def links(html: str) -> dict[str, str]:
    found = re.findall(r'href="([^"]+)" title="[^"]*" aria-label="(Your [^"]+): ', html)
    return {name: path.replace("&amp;", "&") for path, name in found}


def figures(html: str) -> dict[str, str]:
    found = re.findall(r'stat__label">([^<]+)</span><span class="stat__value">([^<]+)<', html)
    return dict(found)


def test_each_cell_says_in_a_sentence_what_it_is(home, ada, acme, globex, initech, partners):
    add(acme, "Alder", OPEN)
    add(globex, "Alder", "customers")
    add(acme, "Birch", "customers")
    add(globex, "Birch", OPEN)
    share(partners[1], customers="overlaps", open_opportunities="counts")
    share(connect(acme, initech)[1], customers="all")

    html = matrix(home(ada))

    said = cells(html)
    assert "<caption" in html and html.count('scope="col"') == 6 and html.count('scope="row"') == 3
    assert len(said) == 18
    assert said["Your open opportunities × Globex customers, good for asking an intro"] == "1 account"
    assert said["Your customers × Globex customers"] == "0 accounts"
    assert said["Your customers × Globex open opportunities, good for offering an intro"] == (
        "fewer than 5 accounts, count only"
    )
    assert said["Your prospects × Globex prospects"] == "not shared"
    assert said["Your prospects × Initech customers"] == "0 accounts"
    assert "under 5" in html
    assert html.count("cell--counts") == 3 and html.count("cell--none") == 9


def test_a_count_is_rounded_down_to_fives(home, ada, acme, globex, partners):
    for n in range(7):
        add(acme, f"Alder {n}", "customers")
        add(globex, f"Alder {n}", "customers")
    share(partners[1], COUNTED)

    html = matrix(home(ada))

    assert cells(html)["Your customers × Globex customers"] == "5 or more accounts, count only"
    assert "5+ accounts of yours, 5+ of theirs, 5+ companies" in html
    assert links(html) == {}


def test_a_cell_counts_our_accounts_theirs_and_companies(home, ada, acme, globex, partners):
    add(acme, "Alder", "customers")
    for n in range(3):
        add(globex, f"Alder {n}", "customers", domain="alder.com")
    share(partners[1], NAMED)

    html = home(ada)

    assert cells(html)["Your customers × Globex customers"] == "1 account"
    assert 'title="1 account of yours, 3 of theirs, 1 company"' in html
    assert figures(html)["Overlaps"] == "3"


def test_each_number_is_that_of_the_list_it_leads_to(home, log_in, ada, acme, globex, partners):
    for n, (mine, theirs) in enumerate((m, t) for m in Population for t in Population):
        for k in range(1 + n % 3):
            add(acme, f"Company {n} {k}", mine)
            add(globex, f"Company {n} {k}", theirs)
    add(globex, "Company 0 0 Inc", "customers", domain="company00.com")
    share(partners[1], NAMED)

    html = home(ada)
    client = log_in(ada)

    paths = links(html)
    assert len(paths) == 9
    for name, words in cells(html).items():
        page = client.get(paths[name]).content.decode()
        own = set(re.findall(r'href="[^"]*/overlaps/([0-9a-f-]{36})/"', page))
        with tenant_context(acme):
            accounts = Overlap.objects.filter(pk__in=own).values("account").distinct().count()
        assert f"{accounts} account{'s' * (accounts != 1)}" == words
        assert f"{accounts} account{'s' * (accounts != 1)} of yours, " in page
    for label, path in re.findall(r'<a class="stat" href="([^"]+)"><span class="stat__label">([^<]+)', html):
        view = re.search(
            r'aria-current="page">[^<]+<span class="count">(\d+)', client.get(label).content.decode()
        )
        if "mine" not in label:
            assert figures(html)[path] == view[1]


def test_pipeline_takes_the_place_of_accounts(home, ada, acme, globex, partners):
    add(acme, "Alder", OPEN, amount=84_000)
    add(globex, "Alder", "customers")
    share(partners[1], customers="overlaps", prospects="counts")

    html = home(ada, "?show=pipeline")

    said = cells(matrix(html))
    assert said["Your open opportunities × Globex customers, good for asking an intro"] == "84k of pipeline"
    assert said["Your prospects × Globex prospects"] == "no pipeline, count only"
    assert figures(html)["Open pipeline in overlap"] == "84k"
    assert "1 overlap, 1 open in all" in html


def test_populations_of_ones_own_making_stand_below_and_beside(
    home, log_in, ada, grace, acme, globex, partners
):
    add(acme, "Alder", "customers", country="DE")
    add(globex, "Alder", "customers", country="DE")
    add(globex, "Birch", "customers", country="FR")
    for member, name in ((ada, "Germany"), (grace, "DACH"), (grace, "Nobody's")):
        with tenant_context(member.tenant, by=member):
            country = "XX" if name.startswith("Nobody") else "DE"
            populations.make(name=name, conditions=AccountFilter.of({"country": [country]}), by=member)
    with tenant_context(globex, by=grace):
        theirs = Partner.objects.get(pk=partners[1].pk)
        shares = dict.fromkeys(CustomPopulation.codes(), Share(Level.OVERLAPS))
        theirs.share(shares, seen=stamp(theirs.shares_now()), by=grace)

    html = home(ada)

    said = cells(matrix(html))
    assert said["Your “Germany” × Globex “DACH”"] == "1 account"
    assert said["Your “Germany” × Globex customers"] == "1 account"
    assert said["Your prospects × Globex “DACH”"] == "0 accounts"
    assert not any("Nobody" in name for name in said)


def test_three_partners_are_shown_the_next_on_the_next_page(home, ada, acme):
    add(acme, "Alder")
    records = []
    for company in ("Umbrella", "Vandelay", "Wonka", "Xanadu"):
        mine, theirs = connect(acme, founder("Someone", company).tenant)
        share(theirs, customers="overlaps")
        records.append(mine)

    def shown(query: str = "") -> list[str]:
        html = matrix(home(ada, query))
        return re.findall(r'aria-hidden="true">\w+</span>(\w+)</a></th>', html)

    assert shown() == ["Umbrella", "Vandelay", "Wonka"]
    assert shown("?page=2") == shown("?page=99") == ["Xanadu"]
    assert shown("?page=nonsense") == shown("?partner=nonsense") == ["Umbrella", "Vandelay", "Wonka"]
    assert shown(f"?partner={records[1].pk}") == ["Vandelay"]
    html = matrix(home(ada, f"?partner={records[1].pk}&show=pipeline"))
    for neighbour in (records[0], records[2]):
        assert f"?partner={neighbour.pk}&amp;show=pipeline#matrix" in html


def test_more_can_be_asked_of_those_who_show_no_names(home, ada, acme, globex, initech, partners):
    add(acme, "Alder")
    share(partners[1], COUNTED)
    share(connect(acme, initech)[1], NAMED)

    html = matrix(home(ada))

    assert "Ask Globex to share names" in html and "Ask Initech" not in html


# -- key figures -------------------------------------------------------------------------------------------------


def test_trends_are_drawn_from_the_figures_of_days(home, ada, acme, globex, partners, monkeypatch):
    share(partners[1], NAMED)
    for name in ("Alder", "Birch"):
        add(acme, name, OPEN, amount=1_000)
        add(globex, name, "customers")
    assert "spark" not in home(ada)
    take_day_figures(0)
    later = timezone.localdate() + timedelta(days=9)
    monkeypatch.setattr(timezone, "localdate", lambda: later)
    add(acme, "Cedar", OPEN, amount=1_000)
    add(globex, "Cedar", "customers")

    html = home(ada)

    assert html.count('class="spark"') == 4
    assert html.count("<b>+1 in 7 days</b>") == 2 and "<b>+1,000 in 7 days</b>" in html
    assert "10 days ago 2, now 3" in html


def test_the_job_takes_the_figures_of_all_workspaces(ada, acme, globex, initech, partners):
    share(partners[1], customers="overlaps")
    add(acme, "Alder", OPEN, amount=500)
    add(globex, "Alder", "customers")

    def taken(tenant) -> list[tuple]:
        with tenant_context(tenant):
            return list(DayFigure.objects.values_list("day", "found", "asks", "offers", "amount"))

    take_day_figures(0)
    today = timezone.localdate()
    assert taken(acme) == [(today, 1, 1, 0, 500)]
    assert taken(globex) == [(today, 0, 0, 0, 0)]  # Acme shows nothing
    assert taken(initech) == []

    add(acme, "Birch", "prospects")
    add(globex, "Birch", "customers")
    take_day_figures(0)
    assert taken(acme) == [(today, 2, 1, 0, 500)]
    share(partners[1], {})
    take_day_figures(0)
    assert taken(acme) == [(today, 0, 0, 0, 0)]


@pytest.mark.django_db(transaction=True)
def test_old_figures_go(ada, acme, partners):
    values = [(acme.pk, partners[0].pk, days) for days in (399, 401)]
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO overlaps_dayfigure (tenant_id, id, partner_id, day, found, asks, offers, amount) "
            "VALUES (%s, gen_random_uuid(), %s, current_date - %s, 1, 0, 0, 0)",
            values,
        )
    matching.take_day_figures()
    with tenant_context(acme):
        assert DayFigure.objects.filter(found=1).count() == 1


# -- what waits, what is new ------------------------------------------------------------------------------------


@pytest.fixture
def asked(acme, globex, grace, partners):
    with tenant_context(globex, by=grace):
        theirs = Partner.objects.get(pk=partners[1].pk)
        DataRequest.ask(theirs, population=Population.CUSTOMERS, level=Level.OVERLAPS, note="", by=grace)
    add(acme, "Alder", "customers")


def test_what_a_partner_asks_for_waits_for_those_who_may_show_it(home, ada, linus, vera, asked):
    assert "Share more of Customers" in home(ada) and "Globex asks · Grace" in home(ada)
    assert "Share more of" not in home(linus)
    assert "Waiting for you" not in home(vera)


def test_new_is_what_was_found_since_the_last_visit(home, ada, linus, acme, globex, partners):
    share(partners[1], NAMED)
    for name in ("Alder", "Birch"):
        add(acme, name)
        add(globex, name)
    assert "2 new overlaps since" in home(ada)
    with tenant_context(acme):
        InboxVisit.objects.create(user=ada.user, at=timezone.now())
    assert "new overlaps since" not in home(ada)
    assert "2 new overlaps since" in home(linus)


def test_a_restricted_partner_is_in_no_number(home, ada, linus, acme, globex, partners, asked):
    share(partners[1], NAMED)
    add(globex, "Alder", "customers")
    assert figures(home(linus))["Overlaps"] == "1"
    with tenant_context(acme):
        Partner.objects.filter(pk=partners[0].pk).update(is_restricted=True)

    html = home(linus)

    assert figures(html)["Overlaps"] == "0" and "Globex" not in html and "new overlap" not in html
    assert figures(home(ada))["Overlaps"] == "1"


def test_an_outsider_sees_nothing_of_it(home, log_in, mallory, ada, acme, globex, partners, asked):
    share(partners[1], NAMED)
    add(globex, "Alder", "customers")
    connect(mallory.tenant, founder("Someone", "Umbrella").tenant)
    add(mallory.tenant, "Alder", "customers")

    assert log_in(mallory).get(acme.path_to("workspaces:home")).status_code == 404
    html = home(mallory)
    assert "Globex" not in html and figures(html)["Overlaps"] == "0"


def test_what_is_not_shown_any_more_is_counted_nowhere(home, ada, acme, globex, partners):
    add(acme, "Alder", OPEN, amount=84_321)
    add(globex, "Alder", "customers")
    share(partners[1], NAMED)
    assert "84.3k" in home(ada)
    share(partners[1], {})
    html = home(ada)
    assert "84.3k" not in html and set(figures(html).values()) == {"0"}


def test_no_list_is_counted_however_long(log_in, ada, acme, globex, partners, asked):
    """Thirty overlaps and thirty partners cost as much as one; and nothing reads whole lists."""
    share(partners[1], NAMED)
    add(globex, "Alder", "customers")
    client, path = log_in(ada), acme.path_to("workspaces:home")
    client.get(path)
    few = cost(client, path)
    for n in range(30):
        add(acme, f"Company {n}")
    for n in range(4):
        other = founder("Someone", f"Partner{n}").tenant
        share(connect(acme, other)[1], NAMED)
        add(other, f"Company {n}")
    assert cost(client, path) == few <= 12


def test_a_workspace_without_anything_shared_has_its_panels(home, ada, acme, partners):
    add(acme, "Alder")
    html = home(ada)
    assert "As soon as a partner shares" in html and set(figures(html).values()) == {"0"}


@pytest.mark.parametrize(
    ("accounts", "largest", "step"),
    [(0, 0, 0), (0, 9, 0), (1, 1, 5), (1, 1000, 1), (30, 1000, 3), (1000, 1000, 5)],
)
def test_heat_has_five_steps_on_a_logarithmic_scale(accounts, largest, step):
    assert heat(accounts, largest) == step


def test_the_counts_behind_it_are_those_of_the_list(acme, globex, partners):
    share(partners[1], NAMED)
    add(acme, "Alder", OPEN)
    add(globex, "Alder", "customers")
    with tenant_context(acme):
        assert sum(Tally.objects.values_list("number", flat=True)) == Overlap.objects.count() == 1
        assert OverlapCount.objects.visible().filter(mine=1).count() == 1
