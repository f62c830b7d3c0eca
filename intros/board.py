"""The board: a lane for each phase, the newest of each."""

from dataclasses import dataclass, field

from intros.models import Intro
from intros.moves import CLOSED, State
from intros.queries import IntroQuerySet

LANE_LENGTH = 10


@dataclass
class Lane:
    name: str
    states: frozenset[State]
    empty: str
    count: int = 0
    intros: list[Intro] = field(default_factory=list)

    @property
    def state(self) -> State | None:
        """What the list filters by to show all of it."""
        return next(iter(self.states)) if len(self.states) == 1 else None


def lanes(intros: IntroQuerySet) -> list[Lane]:
    """One query for all lanes. No lane for drafts while there is none."""
    board = [
        Lane("Drafts", frozenset({State.DRAFT}), ""),
        Lane("Requested", frozenset({State.REQUESTED}), "No request waits for an answer."),
        Lane("Accepted", frozenset({State.ACCEPTED}), "Nothing is promised."),
        Lane("Introduced", frozenset({State.INTRODUCED}), "No intro is made yet."),
        Lane("Closed", CLOSED, "None is declined, withdrawn or expired."),
    ]
    found = list(intros.newest_of_each_state(LANE_LENGTH))
    counts = {intro.state: intro.in_state for intro in found}
    for lane in board:
        lane.count = sum(counts.get(state, 0) for state in lane.states)
        lane.intros = [intro for intro in found if intro.state in lane.states][:LANE_LENGTH]
    return [lane for lane in board if lane.count or lane.empty]
