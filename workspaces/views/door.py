"""Invitations, seen by whom they were sent to. Outside of any workspace; nothing happens on GET."""

from http import HTTPStatus
from uuid import UUID

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from core.gate import open_to
from core.models import Membership
from core.tokens import hash_of
from workspaces import members
from workspaces.models import Invitation

KEY = "invitation"  # in the session: the hash of the token in the link, kept through sign-up and sign-in


@open_to("anyone")
@require_safe
def invitation_open(request: HttpRequest, token: str) -> HttpResponse:
    """Away from the address with the token in it, before anything else is loaded or linked."""
    request.session[KEY] = hash_of(token)
    response = redirect("workspaces:invitation")
    response.status_code = HTTPStatus.SEE_OTHER
    response["Referrer-Policy"] = "no-referrer"
    return response


@open_to("anyone")
@require_safe
def invitation(request: HttpRequest) -> HttpResponse:
    try:
        found = Invitation.find(request.session.get(KEY, ""))
    except Invitation.Dead:
        return _dead(request)
    mine = found.is_for(request.user)
    if found.is_expired and not mine:
        return _dead(request)
    if _belongs_to(request, found):
        return redirect(found.tenant.path_to("workspaces:home"))
    return render(request, "workspaces/invitation.html", _words(found, mine))


@open_to("signed_in")
@require_POST
def invitation_join(request: HttpRequest, pk: UUID) -> HttpResponse:
    try:
        found = Invitation.to(request.user, pk)
        found.accept(by=request.user)
    except (Invitation.Dead, Invitation.NotYours, Invitation.AlreadyMember):
        return _dead(request)
    request.session.pop(KEY, None)
    messages.success(request, f"Welcome to {found.tenant}.")
    home = found.tenant.path_to("workspaces:home")
    return HttpResponseClientRedirect(home) if request.htmx else redirect(home)


@open_to("signed_in")
@require_POST
def invitation_decline(request: HttpRequest, pk: UUID) -> HttpResponse:
    try:
        found = Invitation.to(request.user, pk)
        found.decline(by=request.user)
    except (Invitation.Dead, Invitation.NotYours):
        return _dead(request)
    request.session.pop(KEY, None)
    messages.success(request, f"You declined the invitation to {found.tenant}.")
    return render(request, "partials/late_toasts.html") if request.htmx else redirect("workspaces:chooser")


@open_to("signed_in")
@require_POST
def invitation_ask(request: HttpRequest) -> HttpResponse:
    try:
        found = Invitation.find(request.session.get(KEY, ""))
        found.ask_again(by=request.user)
    except (Invitation.Dead, Invitation.NotYours):
        return _dead(request)
    return redirect("workspaces:invitation")


@open_to("signed_in")
@require_POST
def invitation_other_account(request: HttpRequest) -> HttpResponse:
    """Signing out forgets the session; the invitation comes along into the next one."""
    key = request.session.get(KEY, "")
    get_adapter(request).logout(request)
    request.session[KEY] = key
    return redirect(_with_next("account_login"))


def _belongs_to(request: HttpRequest, found: Invitation) -> bool:
    if not request.user.is_authenticated:
        return False
    return Membership.objects.active().filter(tenant=found.tenant_id).exists()


def _words(found: Invitation, mine: bool) -> dict[str, object]:
    return {
        "invitation": found,
        "mine": mine,
        "about": members.ABOUT[found.role],
        "log_in_url": _with_next("account_login"),
        "sign_up_url": _with_next("account_signup", email=found.email),
    }


def _with_next(name: str, **query: str) -> str:
    return f"{reverse(name)}?{urlencode(query | {'next': reverse('workspaces:invitation')})}"


def _dead(request: HttpRequest) -> HttpResponse:
    """The same for each reason, so that a link tells nothing about the workspace."""
    return render(request, "workspaces/invitation_dead.html", status=HTTPStatus.NOT_FOUND)
