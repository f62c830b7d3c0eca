"""How an intro moves: one table, from which acts, pages and mails are read."""

from dataclasses import dataclass
from enum import StrEnum

from django.db import models

from audit.actions import Action
from core.roles import Permission


class State(models.TextChoices):
    DRAFT = "draft"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    INTRODUCED = "introduced"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


IN_FLIGHT = frozenset({State.REQUESTED, State.ACCEPTED})
CLOSED = frozenset({State.DECLINED, State.WITHDRAWN, State.EXPIRED})


class Side(StrEnum):
    REQUESTER = "requester"
    RECEIVER = "receiver"
    CLOCK = "clock"


@dataclass(frozen=True)
class Move:
    """`to` None: the row is deleted. `needs`: what must be given. `stamps`: the column that keeps the time.

    `tells`: the side that gets a mail. `when_apart`: may also be made while the connection is paused or ended.
    """

    sources: frozenset[State]
    to: State | None
    side: Side
    action: Action
    needs: tuple[str, ...] = ()
    stamps: str = ""
    tells: Side | None = None
    when_apart: bool = False

    @property
    def permission(self) -> Permission | None:
        return self.action.permission


MOVES = {
    "request": Move(
        frozenset({State.DRAFT}),
        State.REQUESTED,
        Side.REQUESTER,
        Action.INTRO_REQUESTED,
        needs=("ask", "forwardable", "due_on"),
        stamps="requested_at",
        tells=Side.RECEIVER,
    ),
    "discard": Move(frozenset({State.DRAFT}), None, Side.REQUESTER, Action.INTRO_DISCARDED, when_apart=True),
    "accept": Move(
        frozenset({State.REQUESTED}),
        State.ACCEPTED,
        Side.RECEIVER,
        Action.INTRO_ACCEPTED,
        stamps="answered_at",
        tells=Side.REQUESTER,
    ),
    "decline": Move(
        frozenset({State.REQUESTED, State.ACCEPTED}),
        State.DECLINED,
        Side.RECEIVER,
        Action.INTRO_DECLINED,
        needs=("reason",),
        stamps="answered_at",
        tells=Side.REQUESTER,
        when_apart=True,
    ),
    "introduce": Move(
        frozenset({State.ACCEPTED}),
        State.INTRODUCED,
        Side.RECEIVER,
        Action.INTRO_INTRODUCED,
        stamps="introduced_at",
        tells=Side.REQUESTER,
    ),
    "withdraw": Move(
        frozenset({State.REQUESTED}),
        State.WITHDRAWN,
        Side.REQUESTER,
        Action.INTRO_WITHDRAWN,
        when_apart=True,
    ),
    "expire": Move(
        frozenset({State.REQUESTED}),
        State.EXPIRED,
        Side.CLOCK,
        Action.INTRO_EXPIRED,
        tells=Side.REQUESTER,
        when_apart=True,
    ),
}
