"""Overlaps that somebody has dealt with: ignored, actioned, open again."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps.inbox import ChosenOverlaps
from overlaps.models import Mark, Overlap

MOST = 1_000  # at once; as many can be undone
UNDO = "marked_overlaps"


@requires(Permission.EDIT_ACCOUNTS)
@require_POST
def mark(request: MemberRequest) -> HttpResponse:
    """Those that were picked, or `all` that the list in `query` has."""
    query, state = request.POST.get("query", "")[:5_000], request.POST.get("state", "")
    if state not in Overlap.State.values:
        return _to_list(request, query)
    chosen = ChosenOverlaps.asked_for(request.POST, request.membership)
    ids = chosen.rows(request.membership).values("pk")[:MOST]
    before = Mark.put(_visible(request).filter(pk__in=ids), state, by=request.membership)
    _remember(request, before, put=state)
    return _to_list(request, query)


@requires(Permission.EDIT_ACCOUNTS)
@require_POST
def undo(request: MemberRequest) -> HttpResponse:
    """Exactly those that this person marked last get the state back that they had."""
    last = request.session.pop(UNDO, {})
    if last.get("at") == str(request.tenant.pk):
        for state, ids in last["before"].items():
            untouched = _visible(request).filter(pk__in=ids, state=last["put"])
            Mark.put(untouched, state, by=request.membership)
        messages.success(request, "As it was before.")
    return _to_list(request, request.POST.get("query", "")[:5_000])


def just_marked(request: MemberRequest) -> int | None:
    """How many this person marked just now: told once, with the way back."""
    last = request.session.get(UNDO, {})
    if request.htmx or last.get("at") != str(request.tenant.pk) or last.get("told"):
        return None
    request.session[UNDO] = last | {"told": True}
    return last["number"]


def _visible(request: MemberRequest) -> QuerySet:
    return Overlap.objects.visible_to(request.membership)


def _remember(request: MemberRequest, before: dict, *, put: str) -> None:
    number = sum(map(len, before.values()))
    if not number:
        messages.warning(request, "Select overlaps first.")
        return
    kept = {state: [str(pk) for pk in ids] for state, ids in before.items()}
    request.session[UNDO] = {"at": str(request.tenant.pk), "before": kept, "put": put, "number": number}


def _to_list(request: MemberRequest, query: str) -> HttpResponse:
    return redirect(f"{request.tenant.path_to('overlaps:list')}{'?' if query else ''}{query}")
