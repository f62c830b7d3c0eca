"""The list, the page of one partner, and the state of the connection."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.asking import one_of, words
from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from partners.forms import ChangeForm, GrantForm
from partners.models import Connection, Partner, PartnerInvitation
from partners.views.access import data_of, partner_for, status_of

A_PAGE = 25
State = Partner.State
FILTERS = {
    "": ("All", []),
    "connected": ("Connected", [State.CONNECTED]),
    "invited": ("Invited", [State.INVITED]),
    "offline": ("Offline", [State.OFFLINE]),
    "paused": ("Paused", [State.PAUSED]),
    "ended": ("Ended", [State.ENDED, State.DECLINED, State.REVOKED]),
}


@requires(Permission.SEE_WORKSPACE)
@require_GET
def partner_list(request: MemberRequest) -> HttpResponse:
    q, state = words(request.GET), one_of(FILTERS, request.GET.get("state"))
    seen = Partner.objects.visible_to(request.membership).select_related("owner")
    found = seen.in_states(*FILTERS[state][1]).matching(q).by_name()
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    Partner.with_connections(page.object_list)
    context = {"page": page, "q": q, "state": state, "filters": FILTERS}
    return render(request, "partners/list.html#found" if request.htmx else "partners/list.html", context)


@requires(Permission.SEE_WORKSPACE)
@require_GET
def detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    return partner_page(request, partner_for(request, pk))


def partner_page(
    request: MemberRequest, partner: Partner, grant_form: GrantForm | None = None
) -> HttpResponse:
    form = grant_form or GrantForm(partner=partner, by=request.membership)
    invitation = None
    if partner.state == State.INVITED:
        invitation = PartnerInvitation.objects.pending().with_inviter().filter(partner=partner).first()
    if invitation:
        invitation.inviter = next(
            (m for m in partner.colleagues if m.user_id == invitation.invited_by_id), None
        )
        invitation.partner = partner
    context = {
        "partner": partner,
        "invitation": invitation,
        "grant_form": form,
    }
    return render(request, "partners/detail.html", context, status=status_of(form))


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def change(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    form = ChangeForm(data_of(request), instance=partner, by=request.membership)
    if form.is_bound and form.succeeds():
        messages.success(request, "The changes are saved.")
        return redirect(request.tenant.path_to("partners:detail", pk=pk))
    return render(request, "partners/change.html", {"form": form, "partner": partner}, status=status_of(form))


@requires(Permission.SEE_WORKSPACE)
@require_POST
def pause(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    return _move(request, partner, partner.pause, f"Paused: {partner} and you show each other nothing.")


@requires(Permission.SEE_WORKSPACE)
@require_POST
def resume(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    return _move(request, partner, partner.resume, f"{partner} and you are connected again.")


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def end(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    if request.method == "POST":
        return _move(request, partner, partner.end, f"The partnership with {partner} has ended.")
    if not partner.is_connected:
        return redirect(request.tenant.path_to("partners:detail", pk=pk))
    return render(request, "partners/end.html", {"partner": partner})


def _move(request: MemberRequest, partner: Partner, act: Callable[..., Any], done: str) -> HttpResponse:
    try:
        act(by=request.membership)
    except Connection.NotNow:
        messages.warning(
            request, "Nothing was done: the connection changed meanwhile. It stands as shown here."
        )
    else:
        messages.success(request, done)
    return redirect(request.tenant.path_to("partners:detail", pk=partner.pk))
