"""Figures that need all the rooms: of one's own workspaces, and of the first steps in one of them."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Exists

from core.models import Membership, Tenant
from overlaps.models import Account
from partners.models import Partner
from workspaces.models import Invitation
from workspaces.models.invitation import grantable


class Figures(NamedTuple):
    """Of one workspace, for its member who looks. `overlaps` is None where nobody asked for it."""

    people: int
    partners: int
    overlaps: int | None
    waiting: int


class Work(NamedTuple):
    """A request that waits for an answer by the person who looks."""

    place: Membership
    intro_id: UUID
    company: str
    partner: str
    asked_by: str
    due_on: date

    @property
    def path(self) -> str:
        return self.place.tenant.path_to("intros:detail", pk=self.intro_id)


class FirstSteps(NamedTuple):
    accounts: bool
    partners: bool
    people: bool

    @property
    def done(self) -> int:
        """The workspace itself is the first step."""
        return 1 + sum(self)

    @property
    def is_open(self) -> bool:
        """Without accounts or without a partner there is nothing to see yet."""
        return not (self.accounts and self.partners)


def what_waits() -> tuple[dict[UUID, int], int]:
    """Requests to answer, by own workspace, and how many invitations to further ones: what every page shows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT workspace, waiting, NULL, NULL FROM intros_waiting() "
            "UNION ALL SELECT NULL, NULL, role, inviter_role FROM workspaces_my_invitations()"
        )
        rows = cursor.fetchall()
    waiting = {tenant_id: number for tenant_id, number, *_ in rows if tenant_id}
    return waiting, sum(role in grantable(by) for tenant_id, _, role, by in rows if not tenant_id)


def of_places(places: Iterable[Membership], *, whole: bool = False) -> dict[UUID, Figures]:
    """For own memberships: one query, through a door that asks for them again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM intros_my_figures(%s, %s)", [[p.tenant_id for p in places], whole])
        return {tenant_id: Figures(*figures) for tenant_id, *figures in cursor.fetchall()}


def work_in(places: Iterable[Membership], *, most: int) -> list[Work]:
    """The most urgent first."""
    known = {place.tenant_id: place for place in places}
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM intros_my_work(%s, %s)", [list(known), most])
        return [Work(known[tenant_id], *rest) for tenant_id, *rest in cursor.fetchall()]


def first_steps() -> FirstSteps:
    """Of the workspace of the context, in one query."""
    accounts, partners, colleague, invited = Tenant.objects.values_list(
        Exists(Account.objects.all()),
        Exists(Partner.objects.all()),
        Exists(Membership.objects.active()[1:2]),
        Exists(Invitation.objects.pending()),
    ).get()
    return FirstSteps(accounts, partners, colleague or invited)
