"""The request for an introduction, from a draft to the mail that was sent."""

from datetime import date, timedelta
from typing import Any, Self
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection as database
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from core.managers import TwoSidedManager
from core.models import Membership, PublicModel, Tenant, User
from core.tenancy import current_tenant_id, tenant_context
from intros import mail
from intros.moves import MOVES, Move, Side, State
from intros.queries import IntroManager
from overlaps.models import Overlap
from partners.models import Connection, Partner


class Intro(PublicModel):
    """One side of an overlap asks the other to introduce it to the company they share.

    Both workspaces see this row; a draft is seen by the requester only (the database's policy says so too).
    """

    SIDES = ("requester_id", "receiver_id")
    State = State
    MOST_DAYS = 90  # from the request to the wanted answer

    class Reason(models.TextChoices):
        PROBLEM_UNCLEAR = "problem_unclear", "Customer’s problem unclear"
        NEXT_STEPS_UNCLEAR = "next_steps_unclear", "Next steps unclear"
        NO_RELATIONSHIP = "no_relationship", "No relationship there"
        TIMING = "timing", "Timing"
        DUPLICATE = "duplicate", "Duplicate"
        NOT_A_CUSTOMER = "not_a_customer", "Not a customer any more"
        NO_RESPONSE = "no_response", "No response"
        OTHER_VENDOR = "other_vendor", "Chose another vendor"
        BUDGET = "budget", "Budget"
        OTHER = "other", "Other"

    class Refused(Exception):
        """The act can't be done now; the text says why, to the person who tried."""

    class AlreadyMoved(Refused):
        """Somebody else was quicker, or the page was old."""

    class Apart(Refused):
        """The connection is paused or ended."""

    class NotShared(Refused):
        """The partner does not share this account any more."""

    class Incomplete(Refused):
        """Something that the move needs is not given."""

    requester = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+")
    receiver = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+")
    # Each side's name as it was: the other side can't look it up.
    requester_name = models.CharField(max_length=100)
    receiver_name = models.CharField(max_length=100)
    connection_id = models.UUIDField()
    # No foreign keys: each names a row of one side only.
    requester_partner = models.UUIDField()
    receiver_partner = models.UUIDField()
    company = models.CharField(max_length=200)
    domain = models.CharField(max_length=253, blank=True)
    requester_account = models.UUIDField(null=True, blank=True)
    receiver_account = models.UUIDField()
    connector = models.CharField("who could introduce", max_length=200, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.DRAFT)
    ask = models.TextField("why now", max_length=2000, blank=True)
    forwardable = models.TextField(max_length=4000, blank=True)
    due_on = models.DateField(null=True, blank=True)
    asked_by = models.CharField(max_length=254)
    asked_by_id = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)
    moved_at = models.DateTimeField(default=timezone.now)
    requested_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    introduced_at = models.DateTimeField(null=True, blank=True)

    objects = IntroManager()
    across_tenants = models.Manager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.CheckConstraint(condition=~Q(requester=F("receiver")), name="intro_has_two_sides"),
            models.CheckConstraint(
                condition=Q(state="draft")
                | Q(due_on__isnull=False, requested_at__isnull=False) & ~Q(ask="") & ~Q(forwardable=""),
                name="intro_is_complete",
            ),
            # For the composite foreign key of IntroStep: a step belongs to the same two sides.
            models.UniqueConstraint(fields=["requester", "receiver", "id"], name="intro_sides"),
        ]
        indexes = [
            models.Index(fields=["requester", "state", "moved_at"], name="intro_asked"),
            models.Index(fields=["receiver", "state", "moved_at"], name="intro_received"),
            models.Index(fields=["due_on"], condition=Q(state="requested"), name="intro_due"),
        ]

    def __str__(self) -> str:
        return self.company

    # -- questions --

    @property
    def is_ours(self) -> bool:
        """The workspace at hand is the one that asks."""
        return self.requester_id == current_tenant_id()

    @property
    def own_account_id(self) -> UUID | None:
        return self.requester_account if self.is_ours else self.receiver_account

    @property
    def their_account_id(self) -> UUID | None:
        return self.receiver_account if self.is_ours else self.requester_account

    @property
    def asker(self) -> User:
        """The person who asks, as far as the other side may know: a name."""
        return User(pk=self.asked_by_id, name=self.asked_by)

    @property
    def partner(self) -> Partner:
        """Our record of the other side, as far as `with_partner` read it."""
        return Partner(pk=self.partner_id, name=self.partner_name)

    def expect(self, state: str) -> None:
        """Raises AlreadyMoved where the person looked at another state than this one."""
        if state and state != self.state:
            raise self._refusal(expected="")

    @property
    def is_apart(self) -> bool:
        return self.connection_state != Connection.State.ACTIVE

    def moves_for(self, membership: Membership) -> list[str]:
        """What this person may do with it now, by name. Needs `with_partner`."""
        return [
            name
            for name, move in MOVES.items()
            if self.state in move.sources
            and self._may(move, membership)
            and (move.when_apart or not self.is_apart)
        ]

    def trail(self) -> models.QuerySet["IntroStep"]:
        return IntroStep.objects.filter(intro=self).order_by("at")

    def _may(self, move: Move, by: Membership) -> bool:
        return self.tenant_on(move.side) == by.tenant_id and move.permission in by.permissions

    def tenant_on(self, side: Side) -> UUID | None:
        return {Side.REQUESTER: self.requester_id, Side.RECEIVER: self.receiver_id}.get(side)

    # -- doors: questions from outside of any one workspace --

    @classmethod
    def waiting_everywhere(cls) -> dict[UUID, int]:
        """How many requests the person at hand may answer, by own workspace."""
        with database.cursor() as cursor:
            cursor.execute("SELECT workspace, waiting FROM intros_waiting()")
            return dict(cursor.fetchall())

    @classmethod
    def overdue(cls, today: date) -> list[tuple[UUID, UUID]]:
        """(intro, requester) of all workspaces; for the clock, which has no workspace."""
        with database.cursor() as cursor:
            cursor.execute("SELECT intro, workspace FROM intros_overdue(%s)", [today])
            return cursor.fetchall()

    # -- acts --

    @classmethod
    @transaction.atomic
    def draft(cls, *, by: Membership, overlap: Overlap, **content: Any) -> Self:
        """`content`: connector, ask, forwardable, due_on, as far as known."""
        intro = cls._made(by=by, overlap=overlap, **content)
        AuditEvent.record(
            Action.INTRO_DRAFTED, by=by, target=intro, changes={"asked of": intro.receiver_name}
        )
        return intro

    @classmethod
    @transaction.atomic
    def send(cls, *, by: Membership, overlap: Overlap, **content: Any) -> Self:
        """Drafted and requested in one. Raises Refused, and then there is no draft either.

        One event says both: who has recorded in one trail must not wait for another one's. And a form that is sent
        twice asks once: of two that are the same in every word the second is the first.
        """
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('intro:' || %s, 0))", [str(overlap.pk)]
            )
        same = cls.objects.unfinished_like(overlap).filter(asked_by_id=by.user_id, **content).first()
        intro = same or cls._made(by=by, overlap=overlap, **content)
        if intro.state == State.DRAFT:
            intro.request(by=by)
        return intro

    @classmethod
    def _made(cls, *, by: Membership, overlap: Overlap, **content: Any) -> Self:
        if Action.INTRO_DRAFTED.permission not in by.permissions:
            raise PermissionDenied
        link = Connection.objects.get(pk=overlap.partner.connection_id)
        receiver_id = link.across_from(by.tenant_id)
        with tenant_context(receiver_id):
            receiver = Tenant.objects.get(pk=receiver_id)
            their_record = Partner.objects.get(connection_id=link.pk)
        return cls.objects.create(
            requester_id=by.tenant_id,
            receiver_id=receiver_id,
            requester_name=by.tenant.name,
            receiver_name=receiver.name,
            connection_id=link.pk,
            requester_partner=overlap.partner_id,
            receiver_partner=their_record.pk,
            company=overlap.name,
            domain=overlap.domain,
            requester_account=overlap.account_id,
            receiver_account=overlap.their_account_id,
            asked_by=str(by.user),
            asked_by_id=by.user_id,
            **content,
        )

    @transaction.atomic
    def revise(self, *, by: Membership, **content: Any) -> None:
        """Write a draft anew. Raises AlreadyMoved if it was sent meanwhile."""
        if not self._may(MOVES["request"], by):
            raise PermissionDenied
        changed = [name for name, value in content.items() if getattr(self, name) != value]
        if not Intro.objects.filter(pk=self.pk, state=State.DRAFT).update(**content):
            raise self._refusal()
        self.refresh_from_db()
        if changed:
            AuditEvent.record(Action.INTRO_REVISED, by=by, target=self, changes={"fields": changed})

    @transaction.atomic
    def request(self, *, by: Membership, **content: Any) -> None:
        """`content`: what is written anew before it goes out. Raises Refused, and then nothing is written."""
        if content and not Intro.objects.filter(pk=self.pk, state=State.DRAFT).update(**content):
            raise self._refusal()
        # Held until commit: what is checked is what is sent, though a colleague saves the draft at this moment.
        held = Intro.objects.select_for_update(no_key=True).filter(pk=self.pk).first()
        if held:
            self.ask, self.forwardable, self.due_on = held.ask, held.forwardable, held.due_on
        self._move("request", by=by)

    def accept(self, *, by: Membership, answer: str = "") -> None:
        self._move("accept", by=by, answer=answer)

    def decline(self, *, by: Membership, reason: str, answer: str = "") -> None:
        self._move("decline", by=by, reason=reason, answer=answer)

    def introduce(self, *, by: Membership, answer: str = "") -> None:
        self._move("introduce", by=by, answer=answer)

    def withdraw(self, *, by: Membership) -> None:
        self._move("withdraw", by=by)

    @transaction.atomic
    def discard(self, *, by: Membership) -> None:
        if not self._may(MOVES["discard"], by):
            raise PermissionDenied
        if not Intro.objects.filter(pk=self.pk, state=State.DRAFT).delete()[0]:
            raise self._refusal()
        AuditEvent.record(Action.INTRO_DISCARDED, by=by, target=self)

    def expire(self, *, today: date) -> None:
        """The clock's act; not before the due date has passed."""
        if self.due_on and self.due_on < today:
            self._move("expire", by=None)

    @transaction.atomic
    def _move(self, name: str, *, by: Membership | None, answer: str = "", reason: str = "") -> None:
        move, seen, now = MOVES[name], self.state, timezone.now()
        self._check(name, move, by=by, answer=answer, reason=reason)
        stamps = {move.stamps: Coalesce(F(move.stamps), Value(now))} if move.stamps else {}
        # The WHERE is the lock: of two moves at one moment, the second finds no row in the state it saw.
        rows = Intro.objects.filter(pk=self.pk, state=seen)
        if not move.when_apart:
            rows = rows.filter(
                Exists(Connection.objects.filter(pk=OuterRef("connection_id"), state="active"))
            )
        if not rows.update(state=move.to, moved_at=now, **stamps):
            raise self._refusal(expected=seen)
        self.refresh_from_db()
        self._record(move, seen, by=by, answer=answer, reason=reason)

    def _check(self, name: str, move: Move, *, by: Membership | None, answer: str, reason: str) -> None:
        if by and not self._may(move, by):
            raise PermissionDenied
        if self.state not in move.sources:
            raise self._refusal(expected="")
        given = {"reason": reason, "ask": self.ask, "forwardable": self.forwardable, "due_on": self.due_on}
        missing = [field for field in move.needs if not given[field]]
        if reason == self.Reason.OTHER and not answer:
            missing = ["the reason in a few words"]
        if missing:
            raise self.Incomplete(f"Still missing: {', '.join(missing).replace('_', ' ')}.")
        if name == "request":
            self._check_request()

    def _check_request(self) -> None:
        today = timezone.localdate()
        if not today <= self.due_on <= today + timedelta(days=self.MOST_DAYS):
            raise self.Incomplete(
                f"Choose a day for the answer, from today on, within {self.MOST_DAYS} days."
            )
        if not self._is_shared():
            raise self.NotShared(f"{self.receiver_name} does not share this account with you any more.")

    def _record(self, move: Move, before: str, *, by: Membership | None, answer: str, reason: str) -> None:
        step = IntroStep.objects.create(
            intro=self,
            requester_id=self.requester_id,
            receiver_id=self.receiver_id,
            state=move.to,
            side=move.side,
            by=str(by.user) if by else "",
            by_id=by.user_id if by else None,
            answer=answer,
            reason=reason,
            at=self.moved_at,
        )
        mail.tell(self, step, move.tells)
        changes = {
            "state": [before, move.to],
            "asked by": self.requester_name,
            "asked of": self.receiver_name,
        }
        if reason:
            changes["reason"] = step.get_reason_display()
        sides = [
            Tenant(pk=self.requester_id, name=self.requester_name),
            Tenant(pk=self.receiver_id, name=self.receiver_name),
        ]
        AuditEvent.record(move.action, by=by, target=self, changes=changes, seen_by=sides)

    def _is_shared(self) -> bool:
        """Of a connection that is not active, the move itself tells."""
        apart = ~Q(state=Connection.State.ACTIVE)
        return (
            Overlap.objects.visible()
            .filter(partner=self.requester_partner, their_account_id=self.receiver_account)
            .exists()
            or Connection.objects.filter(apart, pk=self.connection_id).exists()
        )

    def _refusal(self, expected: str = State.DRAFT) -> Refused:
        """Why no row was found. Brings `self` to what is true now."""
        if not Intro.objects.filter(pk=self.pk).exists():
            return self.AlreadyMoved("Somebody was quicker: this draft is discarded.")
        self.refresh_from_db()
        if self.state == expected:
            other = self.receiver_name if self.is_ours else self.requester_name
            return self.Apart(
                f"The connection with {other} is not active. Until it is, "
                "a request can only be withdrawn or declined."
            )
        last = self.trail().last()
        by = f" by {last.by}" if last and last.by else ""
        return self.AlreadyMoved(f"This intro is {self.get_state_display().lower()} already{by}.")


class IntroStep(PublicModel):
    """One move of an intro, from `requested` on, as both sides see it. Written once: the database sees to it."""

    SIDES = ("requester_id", "receiver_id")

    # The constraint is composite, see the migration: a step can't hang on an intro of two other workspaces.
    intro = models.ForeignKey(Intro, models.DO_NOTHING, related_name="+", db_constraint=False)
    requester = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+")
    receiver = models.ForeignKey(Tenant, models.DB_CASCADE, related_name="+", db_index=False)
    state = models.CharField(max_length=12, choices=State)
    side = models.CharField(max_length=10)
    by = models.CharField(max_length=254, blank=True)
    by_id = models.UUIDField(null=True)
    answer = models.TextField(blank=True, max_length=2000)
    reason = models.CharField(max_length=20, choices=Intro.Reason, blank=True)
    at = models.DateTimeField()

    objects = TwoSidedManager()
    across_tenants = models.Manager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return f"{self.intro_id}: {self.state}"
