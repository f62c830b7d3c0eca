"""Acme and Globex know Stark: Globex has it as a customer and shows it. Ada asks, Grace answers."""

from datetime import timedelta

from django.utils import timezone

from core.models import Membership
from core.tenancy import tenant_context
from intros.models import Intro
from overlaps.models import Overlap
from partners.models import Partner
from tests.sharing import NAMED, add, connect, share

CONTENT = {"connector": "Tom", "ask": "We have a deal there.", "forwardable": "Hello, could we talk?"}


def overlap_of(one: Membership, other: Membership, name: str = "Stark") -> Overlap:
    """`one` sees that `other` has this company too."""
    mine, theirs = record_of(one, other)
    add(one.tenant, name, "open_opportunities")
    add(other.tenant, name, "customers", owner_name="Tom")
    share(theirs, NAMED)
    with tenant_context(one.tenant):
        return Overlap.objects.visible().select_related("partner", "account").get(name=name, partner=mine)


def record_of(one: Membership, other: Membership) -> tuple[Partner, Partner]:
    with tenant_context(one.tenant):
        mine = Partner.objects.filter(name=other.tenant.name).first()
    if mine is None:
        return connect(one.tenant, other.tenant)
    with tenant_context(other.tenant):
        return mine, Partner.objects.get(connection_id=mine.connection_id)


def draft_of(overlap: Overlap, by: Membership, **content) -> Intro:
    given = {**CONTENT, "due_on": timezone.localdate() + timedelta(days=7), **content}
    with tenant_context(by.tenant, by=by):
        return Intro.draft(by=by, overlap=overlap, **given)


def do(name: str, intro: Intro, by: Membership, **words) -> Intro:
    """The act as a page does it: on a row that was just read, in the workspace of who acts."""
    with tenant_context(by.tenant, by=by):
        intro = Intro.objects.get(pk=intro.pk)
        getattr(intro, name)(by=by, **words)
        return intro


def brought_to(state: str, intro: Intro, ada: Membership, grace: Membership) -> Intro:
    """A draft, moved on by the shortest way."""
    State = Intro.State
    ways = {
        State.DRAFT: [],
        State.REQUESTED: [("request", ada, {})],
        State.ACCEPTED: [("request", ada, {}), ("accept", grace, {})],
        State.INTRODUCED: [("request", ada, {}), ("accept", grace, {}), ("introduce", grace, {})],
        State.DECLINED: [("request", ada, {}), ("decline", grace, {"reason": "timing"})],
        State.WITHDRAWN: [("request", ada, {}), ("withdraw", ada, {})],
        State.EXPIRED: [("request", ada, {})],
    }
    for name, by, words in ways[State(state)]:
        intro = do(name, intro, by, **words)
    if state == State.EXPIRED:
        with tenant_context(intro.requester_id):
            intro.expire(today=intro.due_on + timedelta(days=1))
    return intro
