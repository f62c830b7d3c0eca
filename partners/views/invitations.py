"""The inviting side."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from partners.forms import InviteForm
from partners.models import Partner, PartnerInvitation
from partners.views.access import data_of, partner_for, status_of


@requires(Permission.CONNECT_PARTNERS)
@require_http_methods(["GET", "POST"])
def invite(request: MemberRequest) -> HttpResponse:
    return _form_page(request)


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def invite_again(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    if partner.may_be_invited_again:
        return _form_page(request, partner)
    messages.warning(request, f"{partner} is invited or connected already.")
    return redirect(request.tenant.path_to("partners:detail", pk=pk))


@requires(Permission.SEE_WORKSPACE)
@require_POST
def link(request: MemberRequest, pk: UUID) -> HttpResponse:
    """To be passed on by hand. A POST, because the trail says who took it."""
    invitation = _pending(request, pk)
    if not invitation.is_alive:
        messages.warning(request, "Its link is dead. Send the invitation again, then copy the new one.")
        return redirect(request.tenant.path_to("partners:detail", pk=pk))
    token = invitation.copied(by=request.membership)
    address = settings.SITE_URL + reverse("partners:invitation_open", kwargs={"token": token})
    template = "partners/invitation_link.html" + ("#dialog" if request.htmx else "")
    return render(request, template, {"invitation": invitation, "link": address})


def _form_page(request: MemberRequest, partner: Partner | None = None) -> HttpResponse:
    form = InviteForm(data_of(request), by=request.membership, partner=partner)
    if form.is_bound and form.succeeds():
        sent = f"The invitation is on its way to {form.invitation.email}."
        messages.success(
            request, sent if form.invitation.email else "The link is ready: copy it and pass it on."
        )
        return redirect(request.tenant.path_to("partners:detail", pk=form.invitation.partner_id))
    return render(request, "partners/invite.html", {"form": form, "partner": partner}, status=status_of(form))


@requires(Permission.SEE_WORKSPACE)
@require_POST
def resend(request: MemberRequest, pk: UUID) -> HttpResponse:
    invitation = _pending(request, pk)
    return _answer(request, invitation, invitation.resend, "Renewed. The link before is dead.")


@requires(Permission.SEE_WORKSPACE)
@require_POST
def revoke(request: MemberRequest, pk: UUID) -> HttpResponse:
    invitation = _pending(request, pk)
    return _answer(request, invitation, invitation.revoke, "Revoked: the link is dead.")


def _pending(request: MemberRequest, pk: UUID) -> PartnerInvitation:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    return get_object_or_404(PartnerInvitation.objects.pending().with_inviter(), partner=partner)


def _answer(
    request: MemberRequest, invitation: PartnerInvitation, act: Callable[..., Any], done: str
) -> HttpResponse:
    try:
        act(by=request.membership)
    except PartnerInvitation.NotPending:
        messages.warning(request, "Nothing was done: the invitation was answered or changed meanwhile.")
    except PartnerInvitation.TooSoon:
        messages.warning(request, "The last mail is less than five minutes old, or there were many today.")
    else:
        messages.success(request, done)
    return redirect(request.tenant.path_to("partners:detail", pk=invitation.partner_id))
