"""Whatever happens, and in whatever order: what stands there is what matching from the ground up would write."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.tenancy import tenant_context
from overlaps import matching
from overlaps.models import Account, MatchSettings, Overlap, OverlapCount, Suggestion, Tally, Verdict
from partners.models import Connection, Level, Population
from tests.sharing import NAMED, connect, share

NAMES = ["Alder", "Alder Group", "Birch Two", "Birch Two Ltd", "Cedar Works", "Delta Nine Labs"]
DOMAINS = ["", "alder.com", "birchtwo.com", "gmail.com", "cedar.io"]
SIDE = st.integers(0, 1)
PLACE = st.integers(0, 5)
ADD = st.tuples(
    st.just("add"),
    SIDE,
    st.sampled_from(NAMES),
    st.sampled_from(DOMAINS),
    st.sampled_from(["", "DE", "US"]),
    st.sampled_from(Population.values),
    st.booleans(),
)
CHANGE = st.tuples(
    st.just("change"),
    SIDE,
    PLACE,
    st.one_of(
        st.fixed_dictionaries({"name": st.sampled_from(NAMES)}),
        st.fixed_dictionaries({"domain": st.sampled_from(DOMAINS)}),
        st.fixed_dictionaries({"country": st.sampled_from(["", "DE", "US"])}),
        st.fixed_dictionaries({"population": st.sampled_from(Population.values)}),
        st.fixed_dictionaries({"is_private": st.booleans()}),
        st.fixed_dictionaries({"amount": st.sampled_from([None, 10, 250])}),
    ),
)
REMOVE = st.tuples(st.just("remove"), SIDE, PLACE)
SHARE = st.tuples(
    st.just("share"),
    SIDE,
    st.fixed_dictionaries({p: st.sampled_from(["hidden", "overlaps", "all"]) for p in Population}),
)
STATE = st.tuples(st.just("state"), SIDE, st.sampled_from(["paused", "active"]))
VETO = st.tuples(st.just("veto"), SIDE, PLACE)
TAKE_BACK = st.tuples(st.just("take_back"), SIDE)
ANSWER = st.tuples(st.just("answer"), SIDE, PLACE, st.booleans())
BY_HAND = st.tuples(st.just("by_hand"), SIDE, PLACE, PLACE)
HISTORY = st.lists(
    st.one_of(ADD, ADD, ADD, CHANGE, CHANGE, REMOVE, SHARE, STATE, VETO, TAKE_BACK, ANSWER, BY_HAND),
    max_size=14,
)


@pytest.fixture
def sides(ada, grace):
    """Two founders whose workspaces show each other names and take suggestions."""
    partners = connect(ada.tenant, grace.tenant)
    for partner, founder in zip(partners, (ada, grace), strict=True):
        share(partner, NAMED)
        with tenant_context(founder.tenant):
            MatchSettings.objects.create(suggestions=True, threshold=70)
    return list(zip((ada, grace), partners, strict=True))


def account(place):
    found = Account.objects.order_by("created_at", "pk")
    return found[place] if place < found.count() else None


def do(sides, act, side, *what):
    founder, partner = sides[side]
    with tenant_context(founder.tenant, by=founder):
        globals()[f"do_{act}"](founder, partner, *what)


def do_add(founder, partner, name, domain, country, population, is_private):
    Account.objects.create(
        name=name, domain=domain, country=country, population=population, is_private=is_private
    )
    matching.refresh()


def do_change(founder, partner, place, values):
    if one := account(place):
        one.change(by=founder, **values)


def do_remove(founder, partner, place):
    if one := account(place):
        one.remove(by=founder)


def do_share(founder, partner, levels):
    share(partner, {name: Level(level) for name, level in levels.items()})


def do_state(founder, partner, state):
    Connection.objects.filter(pk=partner.connection_id).update(state=state)


def do_veto(founder, partner, place):
    seen = list(Overlap.objects.filter(account__isnull=False).order_by("found_at", "pk"))
    if place < len(seen):
        Verdict.veto(seen[place], reason="other_company", by=founder)


def do_take_back(founder, partner):
    if verdict := Verdict.objects.order_by("-at").first():
        verdict.take_back(by=founder)


def do_answer(founder, partner, place, yes):
    seen = list(Suggestion.objects.order_by("found_at", "pk"))
    if place < len(seen):
        seen[place].confirm(by=founder) if yes else seen[place].reject(by=founder)


def do_by_hand(founder, partner, place, other):
    seen = list(Overlap.objects.filter(account=None).order_by("found_at", "pk"))
    if place < len(seen) and (one := account(other)):
        Verdict.match(seen[place], one, by=founder)


def picture(sides):
    """All that both sides may see, without the ids of rows and the times."""
    seen = {}
    for founder, _ in sides:
        with tenant_context(founder.tenant):
            for model, without in (
                (Overlap, {"id", "tenant_id", "found_at", "shown_at"}),
                (OverlapCount, {"id", "tenant_id", "taken_at"}),
                (Suggestion, {"tenant_id", "found_at"}),
                (Tally, {"id", "tenant_id"}),
            ):
                columns = [f.attname for f in model._meta.concrete_fields if f.attname not in without]
                rows = [tuple(map(str, row)) for row in model.objects.values_list(*columns)]
                seen[founder.tenant.slug, model.__name__] = sorted(rows)
    return seen


def from_the_ground_up(sides):
    founder, partner = sides[0]
    with tenant_context(founder.tenant):
        matching.refresh_connection(partner.connection_id)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORY)
def test_any_history_ends_as_if_matched_from_the_ground_up(sides, history):
    from django.db import transaction

    with transaction.atomic():
        for act in history:
            do(sides, *act[:1], *act[1:])
        stands = picture(sides)
        from_the_ground_up(sides)
        assert picture(sides) == stands
        transaction.set_rollback(True)


def test_both_sides_read_the_same_three_numbers(sides):
    for act in [
        ("add", 0, "Alder", "alder.com", "DE", "customers", False),
        ("add", 0, "Alder Group", "alder.com", "US", "customers", False),
        ("add", 1, "Alder", "alder.com", "DE", "prospects", False),
        ("add", 0, "Cedar Works", "", "DE", "customers", False),
        ("add", 1, "Cedar Works", "", "DE", "prospects", False),
    ]:
        do(sides, *act)
    cells = []
    for founder, _ in sides:
        with tenant_context(founder.tenant):
            cells.append({(c.my_population, c.their_population): c for c in OverlapCount.objects.visible()})
    ours, theirs = cells[0]["customers", "prospects"], cells[1]["prospects", "customers"]
    assert (ours.mine, ours.theirs, ours.companies) == (3, 2, 2)
    assert (theirs.mine, theirs.theirs, theirs.companies) == (2, 3, 2)
