"""What this partner sees: choose, look at the consequence, confirm."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from partners.forms import SharingForm
from partners.models import Partner
from partners.views.access import data_of, partner_for


@requires(Permission.SEE_WORKSPACE)
@require_GET
def sharing(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk)
    return _page(request, SharingForm(partner=partner))


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def sharing_confirm(request: MemberRequest, pk: UUID) -> HttpResponse:
    """GET shows what would change; POST does it, unless somebody else changed it since."""
    partner = partner_for(request, pk, Permission.CHANGE_SHARING)
    form = SharingForm(data_of(request) or request.GET, partner=partner)
    if not form.is_valid():
        return _page(request, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    if request.method == "POST" and not form.is_stale:
        return _save(request, form)
    if not form.changes:
        messages.info(request, "Nothing to change: that is what is shared now.")
        return redirect(request.tenant.path_to("partners:sharing", pk=pk))
    return _preview(request, form)


def _save(request: MemberRequest, form: SharingForm) -> HttpResponse:
    try:
        form.partner.share(form.shares, seen=form.cleaned_data["seen"], by=request.membership)
    except Partner.Changed:
        form.partner = partner_for(request, form.partner.pk)
        return _preview(request, form)
    messages.success(request, f"Saved: this is what {form.partner} sees from now on.")
    return redirect(request.tenant.path_to("partners:sharing", pk=form.partner.pk))


def _preview(request: MemberRequest, form: SharingForm) -> HttpResponse:
    context = {"form": form, "partner": form.partner, "now": form.now}
    status = HTTPStatus.CONFLICT if form.is_stale else HTTPStatus.OK
    return render(request, "partners/sharing_confirm.html", context, status=status)


def _page(request: MemberRequest, form: SharingForm, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    return render(request, "partners/sharing.html", {"form": form, "partner": form.partner}, status=status)
