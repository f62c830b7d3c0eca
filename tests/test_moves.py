"""Every state, every move, every person: what happens is written here once more, by hand."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from conftest import member
from core.roles import Role
from core.tenancy import tenant_context
from intros.models import Intro
from intros.moves import MOVES, Side, State
from partners.models import Partner
from tests.intros import brought_to, do, draft_of, overlap_of
from tests.sharing import share

WORDS = {"decline": {"reason": "timing"}}
ASKING, ANSWERING = {"ada", "alan", "linus"}, {"grace", "gina", "gus"}
PEOPLE = [*ASKING, "vera", *ANSWERING, "gwen", "mallory"]
BY_PEOPLE = ["request", "discard", "accept", "decline", "introduce", "withdraw"]
# (state, move): who may, and where it leads.
LEGAL = {
    ("draft", "request"): (ASKING, "requested"),
    ("draft", "discard"): (ASKING, None),
    ("requested", "accept"): (ANSWERING, "accepted"),
    ("requested", "decline"): (ANSWERING, "declined"),
    ("requested", "withdraw"): (ASKING, "withdrawn"),
    ("accepted", "introduce"): (ANSWERING, "introduced"),
    ("accepted", "decline"): (ANSWERING, "declined"),
}
SIDE_OF = {"request": ASKING, "discard": ASKING, "withdraw": ASKING} | dict.fromkeys(
    ["accept", "decline", "introduce"], ANSWERING
)


@pytest.fixture
def people(ada, alan, linus, vera, grace, globex, mallory):
    return {
        "ada": ada,
        "alan": alan,
        "linus": linus,
        "vera": vera,
        "grace": grace,
        "gina": member("Gina", globex, Role.ADMIN),
        "gus": member("Gus", globex, Role.MEMBER),
        "gwen": member("Gwen", globex, Role.VIEWER),
        "mallory": mallory,
    }


def expected(state: str, move: str, person: str) -> type[Exception] | str | None:
    if person == "mallory" or (state == "draft" and person not in {*ASKING, "vera"}):
        return Intro.DoesNotExist
    if person not in SIDE_OF[move]:
        return PermissionDenied
    _, leads_to = LEGAL.get((state, move), (None, Intro.AlreadyMoved))
    return leads_to


@pytest.mark.parametrize("state", State)
def test_the_whole_table(state, people):
    ada, grace = people["ada"], people["grace"]
    draft = draft_of(overlap_of(ada, grace), ada)
    intro = brought_to(state, draft, ada, grace)

    for move in BY_PEOPLE:
        for person in PEOPLE:
            wanted = expected(state, move, person)
            with transaction.atomic():
                try:
                    do(move, intro, people[person], **WORDS.get(move, {}))
                except (PermissionDenied, Intro.Refused, Intro.DoesNotExist) as refusal:
                    came = type(refusal)
                else:
                    came = now(intro, ada)
                transaction.set_rollback(True)
            assert came == wanted, (state, move, person)
            assert now(intro, ada) == state


def now(intro: Intro, ada) -> str | None:
    with tenant_context(ada.tenant):
        return Intro.objects.filter(pk=intro.pk).values_list("state", flat=True).first()


def test_the_table_of_moves_says_the_same():
    legal = {(str(state), name) for name, move in MOVES.items() for state in move.sources}
    assert legal == set(LEGAL) | {("requested", "expire")}
    for name, move in MOVES.items():
        assert move.side is Side.CLOCK or (move.side is Side.REQUESTER) == (SIDE_OF[name] is ASKING)
        assert move.permission or move.side is Side.CLOCK


@pytest.mark.parametrize("state", State)
def test_a_page_offers_what_is_possible_and_nothing_else(state, people):
    ada, grace = people["ada"], people["grace"]
    intro = brought_to(state, draft_of(overlap_of(ada, grace), ada), ada, grace)

    for name, membership in people.items():
        with tenant_context(membership.tenant, by=membership):
            found = Intro.objects.visible_to(membership).with_partner().filter(pk=intro.pk).first()
            offered = set(found.moves_for(membership)) if found else set()
        assert offered == {move for (at, move), (who, _) in LEGAL.items() if at == state and name in who}


@pytest.mark.parametrize("state", ["paused", "ended"])
def test_apart_a_request_can_only_be_withdrawn_or_declined(state, people):
    ada, grace = people["ada"], people["grace"]
    overlap = overlap_of(ada, grace)
    draft = draft_of(overlap, ada)
    requested = brought_to("requested", draft_of(overlap, ada), ada, grace)
    accepted = brought_to("accepted", draft_of(overlap, ada), ada, grace)
    with tenant_context(grace.tenant, by=grace):
        partner = Partner.objects.get()
        (partner.pause if state == "paused" else partner.end)(by=grace)

    for name, intro, by in [
        ("request", draft, ada),
        ("accept", requested, grace),
        ("introduce", accepted, grace),
    ]:
        with pytest.raises(Intro.Apart, match="is not active"):
            do(name, intro, by)
    assert do("decline", accepted, grace, reason="timing").state == "declined"
    assert do("withdraw", requested, ada).state == "withdrawn"
    do("discard", draft, ada)


def test_what_the_partner_stopped_showing_can_not_be_asked_for(ada, grace):
    draft = draft_of(overlap_of(ada, grace), ada)
    with tenant_context(grace.tenant):
        share(Partner.objects.get())

    with pytest.raises(Intro.NotShared, match="Globex does not share this account"):
        do("request", draft, ada)


@pytest.mark.parametrize("missing", [{"ask": ""}, {"forwardable": ""}, {"due_on": None}])
def test_a_request_is_whole(missing, ada, grace):
    with pytest.raises(Intro.Incomplete, match="Still missing"):
        do("request", draft_of(overlap_of(ada, grace), ada, **missing), ada)


@pytest.mark.parametrize("days", [-1, 91])
def test_the_wanted_day_is_near(days, ada, grace):
    due_on = timezone.localdate() + timedelta(days=days)
    with pytest.raises(Intro.Incomplete, match="within 90 days"):
        do("request", draft_of(overlap_of(ada, grace), ada, due_on=due_on), ada)


def test_other_needs_words(ada, grace):
    intro = brought_to("requested", draft_of(overlap_of(ada, grace), ada), ada, grace)
    for words in ({"reason": ""}, {"reason": "other"}):
        with pytest.raises(Intro.Incomplete):
            do("decline", intro, grace, **words)
    assert do("decline", intro, grace, reason="other", answer="They moved away.").state == "declined"


def test_who_looked_at_another_state_is_told_who_was_quicker(ada, grace, people):
    intro = brought_to("accepted", draft_of(overlap_of(ada, grace), ada), ada, grace)
    with tenant_context(grace.tenant, by=grace):
        found = Intro.objects.get(pk=intro.pk)
        with pytest.raises(Intro.AlreadyMoved, match="is accepted already by Grace"):
            found.expect("requested")
