"""Grants: which members are what to this partner."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from core.gate import requires
from core.http import MemberRequest
from core.models import Membership
from core.roles import Permission
from partners.forms import GrantForm
from partners.views.access import partner_for
from partners.views.records import partner_page


@requires(Permission.SEE_WORKSPACE)
@require_POST
def grant(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    form = GrantForm(request.POST, partner=partner, by=request.membership)
    if not form.succeeds():
        return partner_page(request, partner, form)
    messages.success(request, f"{form.cleaned_data['member']} is in the team of {partner}.")
    return redirect(request.tenant.path_to("partners:detail", pk=pk))


@requires(Permission.SEE_WORKSPACE)
@require_POST
def grant_take(request: MemberRequest, pk: UUID, member: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    colleague = get_object_or_404(Membership.objects.select_related("user"), pk=member)
    partner.take_grant(of=colleague, by=request.membership)
    messages.success(request, f"{colleague} is no longer in the team of {partner}.")
    if colleague == request.membership:  # who may see no more than the list now
        return redirect(request.tenant.path_to("partners:list"))
    return redirect(request.tenant.path_to("partners:detail", pk=pk))
