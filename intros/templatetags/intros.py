from typing import Any
from uuid import UUID

from django import template
from django.http import HttpRequest
from django.template import Context
from django.utils.html import format_html

from intros.models import Intro
from intros.moves import State
from overlaps.models import Account

register = template.Library()

TONES = {
    State.REQUESTED: "warn",
    State.ACCEPTED: "accent",
    State.INTRODUCED: "ok",
    State.DECLINED: "bad",
}
DRAWINGS = {
    State.REQUESTED: "send",
    State.ACCEPTED: "check",
    State.DECLINED: "x",
    State.INTRODUCED: "handshake",
    State.WITHDRAWN: "undo-2",
    State.EXPIRED: "hourglass",
}
DEEDS = {
    State.REQUESTED: "asked for the intro",
    State.ACCEPTED: "accepted",
    State.DECLINED: "declined",
    State.INTRODUCED: "made the intro",
    State.WITHDRAWN: "withdrew the request",
    State.EXPIRED: "Nobody answered in time",
}


@register.simple_tag
def state_badge(intro: Intro) -> str:
    tone = TONES.get(State(intro.state))
    return format_html(
        '<span class="badge{}">{}</span>', f" badge--{tone}" if tone else "", intro.get_state_display()
    )


@register.filter
def drawing(state: str) -> str:
    return DRAWINGS.get(State(state), "circle")


@register.filter
def deed(state: str) -> str:
    return DEEDS[State(state)]


# -- what waits, for the shell and for home ------------------------------------------------------------------


def _waiting(request: HttpRequest) -> dict[UUID, int]:
    """Asked of the database once in a request, whoever wants to know."""
    if not hasattr(request, "waiting_intros"):
        request.waiting_intros = Intro.waiting_everywhere() if request.user.is_authenticated else {}
    return request.waiting_intros


@register.simple_tag(takes_context=True)
def waiting_count(context: Context) -> int:
    """Requests that this person may answer in the workspace at hand."""
    request = context["request"]
    return _waiting(request).get(request.tenant.pk, 0)


@register.simple_tag(takes_context=True)
def waiting_elsewhere(context: Context) -> dict[UUID, int]:
    """The same for each of the person's workspaces: {tenant_id: number}."""
    return _waiting(context["request"])


@register.inclusion_tag("intros/waiting.html", takes_context=True)
def waiting_panel(context: Context) -> dict[str, Any]:
    request = context["request"]
    waiting = Intro.objects.waiting_for(request.membership).with_partner().newest_first()
    return {"request": request, "intros": waiting[:5]}


# -- for the page of an account ------------------------------------------------------------------------------


@register.inclusion_tag("intros/of_account.html", takes_context=True)
def intros_of_account(context: Context, account: Account) -> dict[str, Any]:
    """Intros about this account, asked by us and of us, newest first."""
    request = context["request"]
    intros = Intro.objects.visible_to(request.membership).about(account).with_partner()
    return {"request": request, "intros": intros.newest_first()[:10]}
