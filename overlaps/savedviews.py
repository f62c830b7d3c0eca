"""Lists that somebody wants to find again: kept under a name, for oneself or for all members."""

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from audit.actions import Action
from audit.models import AuditEvent
from core.models import Membership
from core.roles import Permission
from overlaps.models import SavedView

MOST = 30  # that a person sees of one list


class NameTaken(Exception):
    """Another view of this list is called so, by the same person or for all."""


class TooMany(Exception):
    """A list has no more than `MOST`."""


def seen_by(member: Membership) -> QuerySet[SavedView]:
    """A person's own, and those of all members."""
    return SavedView.objects.filter(Q(user=None) | Q(user=member.user_id)).order_by("name", "pk")


def of(member: Membership, place: str) -> QuerySet[SavedView]:
    return seen_by(member).filter(place=place)


def may_share(member: Membership) -> bool:
    """A view for all members is part of the workspace; one's own is not."""
    return Permission.EDIT_ACCOUNTS in member.permissions


@transaction.atomic
def save(place: str, *, name: str, query: str, for_all: bool, by: Membership) -> SavedView:
    """Raises NameTaken, TooMany."""
    if for_all and not may_share(by):
        raise PermissionDenied
    if of(by, place).count() >= MOST:
        raise TooMany
    view = SavedView(place=place, name=name, query=query, user=None if for_all else by.user)
    try:
        with transaction.atomic():
            view.save(force_insert=True)
    except IntegrityError as taken:
        raise NameTaken from taken
    AuditEvent.record(Action.VIEW_SAVED, by=by, target=view, changes={"for all members": for_all})
    return view


@transaction.atomic
def remove(view: SavedView, *, by: Membership) -> None:
    if view.user_id is None and not may_share(by):
        raise PermissionDenied
    if view.delete()[0]:
        AuditEvent.record(Action.VIEW_REMOVED, by=by, target=view)
