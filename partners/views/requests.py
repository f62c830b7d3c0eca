"""Asking a partner to show more, and answering one who asks. Accepting is raising the level, on the page of sharing."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from partners.forms import AskForm
from partners.models import DataRequest, Partner
from partners.views.access import data_of, partner_for, status_of


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def ask(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    population = request.GET.get("population")
    form = AskForm(data_of(request), partner=partner, by=request.membership, population=population)
    if form.is_bound and form.succeeds():
        messages.success(request, f"{partner} is asked. You see the answer on this page.")
        return redirect(request.tenant.path_to("overlaps:sharing", pk=pk))
    return render(request, "partners/ask.html", {"form": form, "partner": partner}, status=status_of(form))


@requires(Permission.SEE_WORKSPACE)
@require_POST
def decline(request: MemberRequest, pk: UUID, asked: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CHANGE_SHARING)
    return _close(request, partner, asked, "decline", f"Declined. {partner} sees no more than before.")


@requires(Permission.SEE_WORKSPACE)
@require_POST
def withdraw(request: MemberRequest, pk: UUID, asked: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    return _close(request, partner, asked, "withdraw", "Your request is withdrawn.")


def _close(request: MemberRequest, partner: Partner, pk: UUID, act: str, done: str) -> HttpResponse:
    mine = DataRequest.objects.to_us() if act == "decline" else DataRequest.objects.by_us()
    asked = get_object_or_404(mine.filter(connection_id=partner.connection_id), pk=pk)
    try:
        getattr(asked, act)(partner, by=request.membership)
        messages.success(request, done)
    except DataRequest.NotOpen:
        messages.error(request, "It was answered or withdrawn meanwhile.")
    return redirect(request.tenant.path_to("overlaps:sharing", pk=partner.pk))
