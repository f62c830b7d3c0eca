"""Which rows of two lists are one company, as the database's functions say."""

import random

import pytest
from django.db import connection

from core.tenancy import tenant_context
from overlaps.models import Account, MatchKey, Touched
from tests.engine import MINE, THEIRS, Lists


@pytest.fixture
def lists(db) -> Lists:
    return Lists()


def verdict(lists: Lists, mine: tuple, theirs: tuple) -> tuple | None:
    lists.add(MINE, {1: mine})
    lists.add(THEIRS, {2: theirs})
    return lists.pairs().get((1, 2))


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        # the number
        (
            ("Acme", "", "", "LEI HWUPKR0MPOU8FGXBT394"),
            ("Other", "", "", "hwupkr0mpou8fgxbt394"),
            ("number", 100),
        ),
        (("Acme", "a.com", "FR", "552 032 534"), ("Other", "b.com", "DE", "FR27552032534"), ("number", 100)),
        (("Velatra Foods", "v.com", "FR", "552032534"), ("Velatra Foods", "v.com", "FR", "542065479"), None),
        # numbers of two kinds say nothing of each other
        (
            ("Velatra Foods", "v.com", "FR", "552032534"),
            ("Velatra Foods", "v.com", "FR", "LEI HWUPKR0MPOU8FGXBT394"),
            ("domain", 99),
        ),
        # the domain
        (
            ("Velatra Foods", "velatra.com", "DE"),
            ("Velatra Foods GmbH", "www.velatra.com/x", "FR"),
            ("domain", 99),
        ),
        (("Velatra Foods", "velatra.com"), ("Velatra Group", "velatra.com"), ("domain", 99)),
        (("International Business Machines", "ibm.com"), ("IBM", "ibm.com"), ("domain", 99)),
        (("Kuper Computer", "kuper.com"), ("Kuperr Comptuer", "kuper.com"), ("domain", 99)),
        (("Corpay", "corpay.com"), ("Fleetcor Technologies", "corpay.com"), ("domain_only", 80)),
        (("", "velatra.com"), ("Velatra", "velatra.com"), ("domain_only", 80)),
        # name and country
        (("Velatra Foods GmbH", "", "DE"), ("VELATRA FOODS", "", "Germany"), ("name_country", 95)),
        (("Velatra", "", "DE"), ("Velatra AG", "", "DE"), ("name_country", 90)),
        (("Velatra Foods", "", "DE"), ("Velatra Foods", "", "FR"), None),
        (("Velatra Foods", "velatra.com", "DE"), ("Velatra Foods", "", "DE"), ("name_country", 95)),
        (("JP Morgan", "", "US"), ("JPMorgan", "", "US"), ("name_country", 90)),
        # names of common words only
        (("Global Fund", "", "IN"), ("Global Fund", "", "IN"), ("name_weak", 78)),
        # a country missing
        (("Velatra Foods", "", ""), ("Velatra Foods Ltd", "", "GB"), ("name", 88)),
        (("Velatra Foods", "", ""), ("Velatra Foods", "", ""), ("name", 88)),
        (("Velatra", "", ""), ("Velatra", "", "GB"), ("name_weak", 78)),
        # each has a domain of its own
        (
            ("Velatra Foods", "velatra.com", "DE"),
            ("Velatra Foods", "vf-foods.de", "DE"),
            ("domains_differ", 70),
        ),
        (("Velatra Foods", "velatra.com", "DE"), ("Velatra Foods", "velatra.de", "DE"), ("name_country", 95)),
        (("Velatra Foods", "velatra.com", ""), ("Velatra Foods", "vf-foods.de", "DE"), None),
        # what is nobody's own
        (("Velatra", "gmail.com"), ("Marrow", "gmail.com"), None),
        (("Velatra", "linkedin.com/company/velatra"), ("Marrow", "linkedin.com/company/marrow"), None),
        (("Velatra", "velatra.github.io"), ("Marrow", "marrow.github.io"), None),
        (("N/A", "", "DE"), ("N/A", "", "DE"), None),
        (("", "", "DE"), ("", "", "DE"), None),
    ],
)
def test_two_rows(lists, mine, theirs, expected):
    assert verdict(lists, mine, theirs) == expected
    assert lists.pairs(THEIRS, MINE).get((2, 1)) == expected


def test_of_several_candidates_none_confirms_itself(lists):
    lists.add(MINE, {1: ("Velatra Foods", "", "DE")})
    lists.add(THEIRS, {2: ("Velatra Foods GmbH", "", "DE"), 3: ("Velatra Foods AG", "", "DE")})
    assert lists.pairs() == {(1, 2): ("name_several", 75), (1, 3): ("name_several", 75)}


def test_the_legal_form_tells_candidates_apart(lists):
    lists.add(MINE, {1: ("Velatra Foods GmbH", "", "DE"), 2: ("Velatra Foods AG", "", "DE")})
    lists.add(THEIRS, {3: ("Velatra Foods GmbH", "", "DE"), 4: ("Velatra Foods AG", "", "DE")})
    assert lists.pairs() == {(1, 3): ("name_several", 80), (2, 4): ("name_several", 80)}


def test_the_one_of_the_same_country_is_not_one_of_several(lists):
    lists.add(MINE, {1: ("Velatra Foods", "", "DE")})
    lists.add(THEIRS, {2: ("Velatra Foods", "", "DE"), 3: ("Velatra Foods", "", "FR")})
    assert lists.pairs() == {(1, 2): ("name_country", 95)}


def test_a_company_that_is_there_twice_is_one(lists):
    lists.add(MINE, {1: ("Velatra Foods", "", "DE")})
    lists.add(THEIRS, {2: ("Velatra Foods", "velatra.com", "DE"), 3: ("Velatra Foods", "velatra.com", "DE")})
    assert lists.pairs() == {(1, 2): ("name_country", 95), (1, 3): ("name_country", 95)}


def test_a_domain_with_four_names_is_nobodys(lists):
    names = ["Velatra", "Marrow", "Quillon", "Ostrander"]
    lists.add(MINE, {n: (name, "portal.com") for n, name in enumerate(names[:3], start=1)})
    lists.add(THEIRS, {9: ("Velatra", "portal.com")})
    assert lists.pairs()[1, 9] == ("domain", 99)
    lists.add(MINE, {4: (names[3], "portal.com")})
    assert lists.pairs() == {(1, 9): ("name_weak", 78)}
    lists.remove(MINE, [4])
    assert lists.pairs()[1, 9] == ("domain", 99)


@pytest.mark.parametrize(
    "row",
    [
        ("Velatra", "velatra.com"),
        ("Velatra Foods", "", "DE"),
        ("Velatra", "", "FR", "552032534"),
        ("Velatra Foods",),
    ],
)
def test_a_list_of_one_company_only_makes_no_cross_product(lists, row):
    for list_id in (MINE, THEIRS):
        lists.add(list_id, dict.fromkeys(range(1, 2_001), row))
        assert lists.pairs(touched={1, 2, 3}) == {}
    assert lists.pairs() == {}


NAMES = [
    "Velatra Foods",
    "Velatra Foods GmbH",
    "Velatra",
    "Marrow Tools",
    "Marrow Tools AG",
    "Quillon",
    "Global Fund",
]
SITES = ["", "", "velatra.com", "velatra.de", "marrow.com", "portal.com", "gmail.com"]
COUNTRIES = ["", "DE", "FR"]
NUMBERS = ["", "", "", "", "FR552032534", "LEI HWUPKR0MPOU8FGXBT394", "FR27552032534", "FR542065479"]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_found_for_changes_adds_up_to_what_is_found_for_all(lists, seed):
    chance = random.Random(seed)
    rows = {MINE: {}, THEIRS: {}}
    stored: dict = {}
    new = iter(range(1, 10_000))
    for _ in range(25):
        for list_id in chance.choice([[MINE], [THEIRS], [MINE, THEIRS]]):
            _act(lists, list_id, rows[list_id], chance, new)
        touched = {list_id: lists.taken(list_id) for list_id in rows}
        stored = {
            (m, t): found
            for (m, t), found in stored.items()
            if m in rows[MINE] and t in rows[THEIRS] and m not in touched[MINE] and t not in touched[THEIRS]
        }
        stored |= lists.pairs(MINE, THEIRS, touched[MINE])
        stored |= {(m, t): found for (t, m), found in lists.pairs(THEIRS, MINE, touched[THEIRS]).items()}

        assert stored == lists.pairs()
        for list_id in rows:
            assert lists.ask("SELECT overlaps_settle(%s, NULL, NULL, NULL, NULL)", [list_id]) == []
            lists.taken(list_id)


def _act(lists, list_id, rows, chance, new) -> None:
    """One statement: some rows come, some change, or some go."""
    made = lambda: tuple(map(chance.choice, (NAMES, SITES, COUNTRIES, NUMBERS)))  # noqa: E731
    some = chance.sample(sorted(rows), min(len(rows), chance.randint(1, 5)))
    act = chance.choice(["add", "add", "change", "remove"]) if some else "add"
    if act == "add":
        changes = {next(new): made() for _ in range(chance.randint(1, 6))}
        lists.add(list_id, changes)
        rows |= changes
    elif act == "change":
        changes = {row: made() for row in some}
        lists.change(list_id, changes)
        rows |= changes
    else:
        lists.remove(list_id, some)
        for row in some:
            del rows[row]


def test_the_keys_go_with_their_accounts_and_leave_the_facts_right(ada, acme):
    with tenant_context(acme, by=ada):
        one, other = (Account.objects.create(name="Velatra Foods") for _ in range(2))
        assert set(MatchKey.objects.values_list("of_name", flat=True)) == {2}
        Touched.objects.all().delete()

        gone = other.pk
        other.delete()

        key = MatchKey.objects.get()
        assert (key.pk, key.of_name, key.of_country, key.of_form) == (one.pk, 1, 1, 1)
        assert set(Touched.objects.values_list("pk", flat=True)) == {one.pk, gone}


def test_the_application_finds_nothing_in_a_list_that_it_does_not_see(ada, acme, grace, globex):
    for member in (ada, grace):
        with tenant_context(member.tenant, by=member):
            Account.objects.create(name="Velatra Foods", domain="velatra.com")
    with tenant_context(acme, by=ada), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM overlaps_pairs(%s, %s)", [acme.pk, globex.pk])
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT overlaps_take_touched(%s)", [globex.pk])
        assert cursor.fetchone() == ([],)
    with tenant_context(globex, by=grace):
        assert Touched.objects.count() == 1
