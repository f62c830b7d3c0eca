import threading

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.tenancy import person_context, tenant_context
from overlaps import matching
from overlaps.models import Account, Overlap, OverlapCount
from partners.models import Connection, Level, Population
from tests.sharing import COUNTED, EVERYTHING, NAMED, add, connect, counted_by, seen_by, share


@pytest.fixture
def partners(acme, globex):
    """Acme's record of Globex, and Globex's record of Acme."""
    return connect(acme, globex)


def test_a_shared_domain_is_an_overlap_for_the_side_it_is_shown_to(acme, globex, partners):
    add(acme, "Stark", "open_opportunities", domain="https://www.stark.com/home")
    add(globex, "Stark Industries", "customers", domain="stark.com", owner_name="Grace", country="US")
    share(partners[1], NAMED)

    assert seen_by(acme) == {("Stark Industries", "open_opportunities", "customers")}
    assert seen_by(globex) == set()
    with tenant_context(acme):
        overlap = Overlap.objects.get()
    assert (overlap.domain, overlap.country, overlap.owner_name) == ("stark.com", "US", "Grace")
    assert (overlap.rule, overlap.my_key, overlap.their_key) == ("domain", "stark.com", "stark.com")
    assert overlap.partner_id == partners[0].pk


@pytest.mark.parametrize("domain", ["", "gmail.com", "linkedin.com/company/stark", "10.0.0.1"])
def test_what_says_nothing_about_the_company_matches_nothing(acme, globex, partners, domain):
    share(partners[1], NAMED)
    add(acme, "Stark", domain=domain)
    add(globex, "Stark", domain=domain)

    assert seen_by(acme) == set()


def test_each_population_follows_its_own_level(acme, globex, partners):
    for name, population in (("Alder", "customers"), ("Birch", "open_opportunities"), ("Cedar", "prospects")):
        add(acme, name, "prospects")
        add(globex, name, population)
    share(partners[1], customers="overlaps", open_opportunities="counts", prospects="hidden")

    assert seen_by(acme) == {("Alder", "prospects", "customers")}
    assert counted_by(acme) == {
        ("customers", "customers"): 0,
        ("open_opportunities", "customers"): 0,
        ("prospects", "customers"): 1,
        ("customers", "open_opportunities"): 0,
        ("open_opportunities", "open_opportunities"): 0,
        ("prospects", "open_opportunities"): 0,
    }


def test_all_accounts_include_those_we_have_not(acme, globex, partners):
    add(acme, "Alder", "customers")
    for name in ("Alder", "Birch"):
        add(globex, name, "customers")
    add(globex, "No site", "customers", domain="")
    share(partners[1], EVERYTHING)

    assert seen_by(acme) == {
        ("Alder", "customers", "customers"),
        ("Birch", "", "customers"),
        ("No site", "", "customers"),
    }


def test_a_private_account_takes_no_part_on_either_side(acme, globex, partners):
    add(acme, "Alder")
    add(globex, "Alder", is_private=True)
    add(acme, "Birch", is_private=True)
    add(globex, "Birch")
    share(partners[1], EVERYTHING)
    share(partners[0], EVERYTHING)

    # What Globex shows in any case it goes on showing: that we have it too, in private, is not for them to find out.
    assert seen_by(acme) == {("Birch", "", "prospects")}
    assert seen_by(globex) == {("Alder", "", "prospects")}
    assert set(counted_by(acme).values()) == {0}


def test_lowering_a_level_takes_the_rows_away_in_the_same_transaction(acme, globex, partners):
    add(acme, "Alder")
    add(globex, "Alder", "customers")
    share(partners[1], EVERYTHING)
    assert seen_by(acme)

    for level in (Level.COUNTS, Level.HIDDEN):
        share(partners[1], NAMED)
        with transaction.atomic():
            share(partners[1], dict.fromkeys(Population, level))
            with tenant_context(acme):
                assert not Overlap.objects.exists()


@pytest.mark.parametrize("state", [Connection.State.PAUSED, Connection.State.ENDED])
def test_a_connection_at_rest_shows_nothing(acme, globex, partners, state):
    add(acme, "Alder")
    add(globex, "Alder")
    for partner in partners:
        share(partner, EVERYTHING)
    with tenant_context(globex):
        Connection.objects.update(state=state)

    for tenant in (acme, globex):
        assert seen_by(tenant) == set() and counted_by(tenant) == {}
        with tenant_context(tenant):
            assert not Overlap.objects.exists() and not OverlapCount.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_row_under_an_old_version_is_not_shown(acme, globex, partners):
    """The trigger leaves no such row; who reads asks all the same."""
    add(acme, "Alder")
    add(globex, "Alder")
    share(partners[1], NAMED)
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute("UPDATE overlaps_overlap SET version = version - 1")
        cursor.execute("UPDATE overlaps_overlapcount SET version = version - 1")

    assert seen_by(acme) == set() and counted_by(acme) == {}


def test_a_row_that_stays_keeps_its_id_and_date(acme, globex, partners):
    mine = add(acme, "Alder", "prospects")
    add(globex, "Alder", "customers")
    share(partners[1], NAMED)
    with tenant_context(acme):
        before = Overlap.objects.get()
        Account.objects.filter(pk=mine.pk).update(population="customers")
        matching.refresh()
    share(partners[1], EVERYTHING)

    with tenant_context(acme):
        after = Overlap.objects.get()
    assert (after.pk, after.found_at) == (before.pk, before.found_at)
    assert (before.my_population, after.my_population) == ("prospects", "customers")
    assert after.version == before.version + 1


def test_an_account_that_goes_takes_its_overlaps_along_on_both_sides(acme, globex, ada, partners):
    mine = add(acme, "Alder")
    add(globex, "Alder")
    for partner in partners:
        share(partner, NAMED)
    assert seen_by(acme) and seen_by(globex)
    with tenant_context(acme, by=ada):
        mine.remove(by=ada)

    assert seen_by(acme) == seen_by(globex) == set()


# -- counts -----------------------------------------------------------------------------------------------------


def many(tenant, names, population="prospects"):
    with tenant_context(tenant):
        Account.objects.bulk_create(
            Account(name=name, domain=f"{name}.com", population=population) for name in names
        )
        matching.refresh()


def names(count, stem="company"):
    return [f"{stem}{n}" for n in range(count)]


@pytest.mark.parametrize(
    ("overlapping", "told"), [(0, 0), (1, 0), (4, 0), (5, 5), (9, 5), (10, 10), (17, 15)]
)
def test_counts_are_rounded_down_to_fives(acme, globex, partners, overlapping, told):
    many(acme, names(30))
    many(globex, names(overlapping), "customers")
    share(partners[1], COUNTED)

    assert counted_by(acme)["prospects", "customers"] == told


def test_a_count_stands_still_for_a_day_whatever_we_do(acme, globex, partners):
    many(globex, names(30), "customers")
    many(acme, names(5))
    share(partners[1], COUNTED)
    assert counted_by(acme)["prospects", "customers"] == 5

    many(acme, [f"company{n}" for n in range(5, 25)])
    assert counted_by(acme)["prospects", "customers"] == 5
    with tenant_context(acme):
        Account.objects.all().delete()
        matching.refresh()
    assert counted_by(acme)["prospects", "customers"] == 5
    with tenant_context(acme):  # nor is a pause of our own a way to a new one
        Connection.objects.update(state="paused")
        assert counted_by(acme) == {}
        Connection.objects.update(state="active")
    assert counted_by(acme)["prospects", "customers"] == 5


@pytest.mark.django_db(transaction=True)
def test_the_clock_takes_counts_anew(acme, globex, partners):
    many(globex, names(30), "customers")
    many(acme, names(5))
    share(partners[1], COUNTED)
    many(acme, [f"company{n}" for n in range(5, 25)])
    assert matching.refresh_stale() == 0

    a_day_later()
    assert matching.refresh_stale() == 1
    assert counted_by(acme)["prospects", "customers"] == 25
    assert matching.refresh_stale() == 0


def a_day_later():
    """The application may not write these rows: the owner of the schema does it."""
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute("UPDATE overlaps_overlapcount SET taken_at = taken_at - interval '25 hours'")


# -- what the application's role can't do -----------------------------------------------------------------------


def test_the_match_function_answers_for_own_connections_only(acme, globex, initech, partners):
    link = partners[0].connection_id
    strangers = "00000000-0000-4000-8000-000000000000"
    for tenant, pk in [(initech, link), (initech, strangers), (None, link)]:
        with tenant_context(tenant) if tenant else person_context(None):
            with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT overlaps_refresh(%s)", [pk])
            assert str(refused.value).splitlines()[0] == "No such connection in this workspace."


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT overlaps_rewrite(id, 'active', inviter_id, invitee_id, 1) FROM partners_connection",
        "SELECT overlaps_rewrite_both(c) FROM partners_connection c",
        "SELECT overlaps_connection_changed()",
        "INSERT INTO overlaps_overlap SELECT * FROM overlaps_overlap",
        "UPDATE overlaps_overlap SET version = 7",
        "DELETE FROM overlaps_overlap",
        "UPDATE overlaps_overlapcount SET accounts = 7",
        "DELETE FROM overlaps_overlapcount",
        "SET ROLE cosell_match",
    ],
)
def test_the_application_neither_matches_nor_writes_matches(acme, partners, statement):
    with (
        tenant_context(acme),
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_nothing_of_the_other_list_is_in_reach(acme, globex, initech, partners):
    for name in ("Alder", "Birch"):
        add(globex, name, "customers")
    add(acme, "Alder")
    share(partners[1], NAMED)
    for tenant, seen in ((acme, {"Alder"}), (initech, set())):
        with tenant_context(tenant), connection.cursor() as cursor:
            cursor.execute("SELECT name FROM overlaps_account UNION SELECT name FROM overlaps_overlap")
            assert {name for (name,) in cursor.fetchall()} == seen


# -- the same as by hand ----------------------------------------------------------------------------------------

DOMAINS = ["", "alder.com", "birch.com", "cedar.com"]
ACCOUNTS = st.lists(
    st.tuples(st.sampled_from(DOMAINS), st.sampled_from(Population.values), st.booleans()), max_size=7
)
LEVELS = st.fixed_dictionaries({population: st.sampled_from(Level) for population in Population})


def by_hand(mine, theirs, levels):
    """(my row, their row) of every pair that may be seen; None for a company that we have not."""
    pairs = set()
    for t, (domain, population, private) in enumerate(theirs):
        if private or levels[population] not in (Level.OVERLAPS, Level.ALL):
            continue
        same = [m for m, (own, _, private) in enumerate(mine) if own and own == domain and not private]
        pairs |= {(m, t) for m in same}
        if not same and levels[population] == Level.ALL:
            pairs.add((None, t))
    return pairs


def counted_by_hand(mine, theirs, levels):
    cells = {}
    for column in Population.values:
        for row in Population.values:
            domains = {
                domain for domain, population, private in theirs if population == column and not private
            }
            hits = sum(
                1
                for domain, population, private in mine
                if domain and domain in domains and population == row and not private
            )
            if levels[column] != Level.HIDDEN:
                cells[row, column] = hits // 5 * 5 if levels[column] == Level.COUNTS else hits
    return cells


def rows(tenant, accounts):
    with tenant_context(tenant):
        made = Account.objects.bulk_create(
            Account(
                name=domain.removesuffix(".com") or f"{tenant} {n}",
                domain=domain,
                population=population,
                is_private=private,
            )
            for n, (domain, population, private) in enumerate(accounts)
        )
        matching.refresh()
        return made


def as_pairs(tenant, mine, theirs):
    number_of = {account.pk: n for n, account in enumerate(mine + theirs)}
    with tenant_context(tenant):
        return {
            (number_of.get(account), number_of[their_account] - len(mine))
            for account, their_account in Overlap.objects.visible().values_list(
                "account_id", "their_account_id"
            )
        }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=ACCOUNTS, later=ACCOUNTS, theirs=ACCOUNTS, before=LEVELS, levels=LEVELS)
def test_whatever_happens_it_is_the_same_as_by_hand(
    acme, globex, partners, first, later, theirs, before, levels
):
    before = {
        p: Level.HIDDEN if level == Level.COUNTS else level for p, level in before.items()
    }  # nothing frozen
    sid = transaction.savepoint_create()
    their_rows = rows(globex, theirs)
    mine = rows(acme, first)
    share(partners[1], before)
    assert as_pairs(acme, mine, their_rows) == by_hand(first, theirs, before)
    with tenant_context(acme):
        Account.objects.all().delete()
        mine = rows(acme, later)
    assert as_pairs(acme, mine, their_rows) == by_hand(later, theirs, before)
    share(partners[1], levels)
    assert as_pairs(acme, mine, their_rows) == by_hand(later, theirs, levels)
    assert counted_by(acme) == counted_by_hand(later, theirs, levels)
    assert seen_by(globex) == set()
    transaction.savepoint_rollback(sid)


# -- at one moment ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_that_change_their_lists_at_once_miss_nothing(acme, globex, partners):
    for partner in partners:
        share(partner, NAMED)
    start = threading.Barrier(2)

    def fill(tenant):
        try:
            for turn in range(8):
                start.wait(timeout=20)
                many(tenant, [f"company{turn}"])
        finally:
            connection.close()

    threads = [threading.Thread(target=fill, args=[tenant]) for tenant in (acme, globex)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    everything = {(f"company{turn}", "prospects", "prospects") for turn in range(8)}
    assert seen_by(acme) == seen_by(globex) == everything


@pytest.mark.django_db(transaction=True)
def test_a_connection_made_during_a_change_misses_nothing(acme, globex):
    """The list is written, not yet committed; the connection is made; then both go through."""
    many(globex, names(3))
    written, go_on = threading.Event(), threading.Event()

    def change():
        try:
            with tenant_context(acme):
                many(acme, names(3))
                written.set()
                go_on.wait(timeout=0.5)  # the other has begun, and waits for this transaction
        finally:
            connection.close()

    thread = threading.Thread(target=change)
    thread.start()
    written.wait(timeout=20)
    with transaction.atomic():
        partners = connect(acme, globex)
        share(partners[1], NAMED)
    go_on.set()
    thread.join(timeout=20)

    assert {name for name, *_ in seen_by(acme)} == set(names(3))
