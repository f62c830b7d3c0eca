from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.asking import words
from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from intros.board import lanes
from intros.forms import MOVE_FORMS, AskForm, IntroFilter, MoveForm
from intros.models import Intro
from intros.moves import State
from intros.queries import IntroQuerySet
from intros.search import Search
from overlaps.models import Account, Overlap

A_PAGE = 30
TOLD = {
    "request": "The request is sent.",
    "discard": "The draft is discarded.",
    "accept": "Accepted. Now write to {company}, then say here that the intro is made.",
    "decline": "Declined.",
    "introduce": "Well done: the intro is made.",
    "withdraw": "The request is withdrawn.",
}


@requires(Permission.SEE_WORKSPACE)
@require_GET
def search(request: MemberRequest) -> HttpResponse:
    """With htmx: what was found while somebody types, or the field to type into, for the dialog."""
    part = ("#found" if "q" in request.GET else "#dialog") if request.htmx else ""
    wanted = Search(request.membership, words(request.GET))
    return render(request, f"intros/search.html{part}", {"search": wanted})


@requires(Permission.SEE_WORKSPACE)
@require_GET
def index(request: MemberRequest) -> HttpResponse:
    filters = IntroFilter(request.GET, member=request.membership)
    visible = Intro.objects.visible_to(request.membership)
    context = {"filters": filters, "chosen": filters.chosen, **_rows(request, filters, visible)}
    if request.htmx:
        return render(request, "intros/list.html#searched", context)
    return render(request, "intros/list.html", context | {"in_flight": visible.in_flight().count()})


def _rows(request: MemberRequest, filters: IntroFilter, visible: IntroQuerySet) -> dict[str, Any]:
    intros = filters.among(visible).with_partner()
    if filters.chosen["view"] == "list":
        page = Paginator(intros.newest_first(), A_PAGE).get_page(request.GET.get("page"))
        return {"page": page, "number": page.paginator.count}
    board = lanes(intros)
    return {"lanes": board, "number": sum(lane.count for lane in board)}


@requires(Permission.ANSWER_INTROS)
@require_http_methods(["GET", "POST"])
def ask(request: MemberRequest, pk: UUID) -> HttpResponse:
    visible = Overlap.objects.visible_to(request.membership).select_related("partner", "account")
    overlap = get_object_or_404(visible, pk=pk)
    form = _ask_form(request, AskForm.about(overlap, request.membership))
    if form.is_valid():
        asked = {"by": request.membership, "overlap": overlap, **form.cleaned_data}
        return redirect(
            _path(request, _saved(request, form, partial(Intro.send, **asked), partial(Intro.draft, **asked)))
        )
    others = Intro.objects.unfinished_like(overlap).newest_first()[:3]
    context = {"form": form, "overlap": overlap, "partner": overlap.partner, "others": others}
    return render(request, "intros/ask.html", context, status=status_of(form))


@requires(Permission.ANSWER_INTROS)
@require_http_methods(["GET", "POST"])
def edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    intro = _found(request, pk)
    if not intro.is_ours:
        raise PermissionDenied
    form = _ask_form(request, AskForm.of(intro))
    if request.method == "GET" and intro.state != State.DRAFT:
        return redirect(_path(request, intro))
    if form.is_valid():
        return _revised(request, form, intro)
    context = {"form": form, "intro": intro, "partner": intro.partner}
    return render(request, "intros/ask.html", context, status=status_of(form))


def _revised(request: MemberRequest, form: AskForm, intro: Intro) -> HttpResponse:
    words = {"by": request.membership, **form.cleaned_data}
    fresh = _found(request, intro.pk)
    _saved(request, form, partial(intro.request, **words), partial(fresh.revise, **words))
    return redirect(_path(request, intro))


def _ask_form(request: MemberRequest, initial: dict[str, Any]) -> AskForm:
    if request.method == "POST":
        return AskForm(request.POST, sending="send" in request.POST)
    return AskForm(initial=initial)


def _saved(request: MemberRequest, form: AskForm, send: Callable[[], Any], keep: Callable[[], Any]) -> Any:
    """What can't be sent is kept as a draft, and the person is told why."""
    if not form.sending:
        return _done(request, keep, "The draft is saved. Nobody else sees it.")
    if sent := _done(request, send, TOLD["request"]):
        return sent
    with suppress(Intro.Refused):
        return keep()


def _done(request: MemberRequest, act: Callable[[], Any], told: str) -> Any:
    try:
        result = act()
    except Intro.Refused as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, told)
        return result or True


@requires(Permission.SEE_WORKSPACE)
@require_GET
def detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    return render(request, "intros/detail.html", _facts(request, _found(request, pk)))


@requires(Permission.ANSWER_INTROS)
@require_POST
def move(request: MemberRequest, pk: UUID, name: str) -> HttpResponse:
    intro = _found(request, pk)
    form = _form(name, request.POST, intro=intro)
    if form.is_valid() or name not in intro.moves_for(request.membership):
        _attempt(request, intro, name, form.words(), seen=form.cleaned_data.get("seen", ""))
        return _moved(request, intro)
    context = _facts(request, intro, wrong={name: form})
    template = "intros/detail.html#intro" if request.htmx else "intros/detail.html"
    return render(request, template, context, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _attempt(request: MemberRequest, intro: Intro, name: str, words: dict[str, Any], seen: str = "") -> None:
    try:
        intro.expect(seen)
        getattr(intro, name)(by=request.membership, **words)
        messages.success(request, TOLD[name].format(company=intro.company))
    except Intro.Refused as refusal:
        messages.warning(request, str(refusal))


def _moved(request: MemberRequest, intro: Intro) -> HttpResponse:
    still_there = Intro.objects.visible_to(request.membership).with_partner().filter(pk=intro.pk).first()
    if request.htmx and still_there:
        context = _facts(request, still_there) | {"just_moved": True}
        return render(request, "intros/detail.html#moved", context)
    if request.htmx:
        return HttpResponse(headers={"HX-Redirect": request.tenant.path_to("intros:list")})
    return redirect(_path(request, still_there) if still_there else request.tenant.path_to("intros:list"))


def _found(request: MemberRequest, pk: UUID) -> Intro:
    return get_object_or_404(Intro.objects.visible_to(request.membership).with_partner(), pk=pk)


def _path(request: MemberRequest, intro: Intro) -> str:
    return request.tenant.path_to("intros:detail", pk=intro.pk)


def _facts(request: MemberRequest, intro: Intro, wrong: dict[str, Form] | None = None) -> dict[str, Any]:
    """Both sides as far as this one may see them, the way so far, what may be done now."""
    shown = Overlap.objects.visible().filter(
        partner=intro.partner_id, their_account_id=intro.their_account_id
    )
    theirs = shown.select_related("account").order_by("pk").first()
    mine = theirs.account if theirs else None
    if mine is None or mine.pk != intro.own_account_id:
        mine = Account.objects.filter(pk=intro.own_account_id).first()
    moves = intro.moves_for(request.membership)
    return {
        "intro": intro,
        "mine": mine,
        "theirs": theirs,
        "steps": intro.trail(),
        "moves": moves,
        "forms": {name: _form(name, intro=intro) for name in moves} | (wrong or {}),
    }


def _form(name: str, *data: QueryDict, intro: Intro) -> MoveForm:
    """Several stand on one page: each has ids of its own."""
    return MOVE_FORMS.get(name, MoveForm)(*data, intro=intro, auto_id=f"{name}_%s")


def status_of(form: Form) -> HTTPStatus:
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
