"""The invited side: from the link in a mail to a connection. No workspace is in the path, and none is entered."""

from http import HTTPStatus

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.gate import open_to
from core.tokens import hash_of
from partners.forms import AcceptForm
from partners.models import Offer, PartnerInvitation
from partners.views.access import data_of, status_of

IN_SESSION = "partner_invitation"
WAITS = "partner_invitation_waits"  # its reader had to sign in or sign up first; the pages remind of it


@open_to("anyone")
@require_safe
def invitation_open(request: HttpRequest, token: str) -> HttpResponse:
    """Keeps the hash and leads to a clean address: no history, log or Referer holds the token for long."""
    request.session[IN_SESSION] = hash_of(token)
    request.session[WAITS] = True
    response = redirect("partners:invitation")
    response.status_code = HTTPStatus.SEE_OTHER
    response["Referrer-Policy"] = "no-referrer"
    return response


@open_to("anyone")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    try:
        offer = PartnerInvitation.behind(request.session.get(IN_SESSION, ""))
        if not offer.is_for(request.user):
            return _not_for_you(request, offer)
        return _accept(request, offer)
    except (PartnerInvitation.Dead, Offer.NotForYou):
        return dead(request)


def _accept(request: HttpRequest, offer: Offer) -> HttpResponse:
    """Raises PartnerInvitation.Dead, Offer.NotForYou."""
    form = AcceptForm(data_of(request), offer=offer, places=offer.workspaces_of(request.user))
    if form.is_bound and form.succeeds():
        _forget(request)
        messages.success(request, f"{form.partner} and you are partners now.")
        return redirect(form.place.tenant.path_to("partners:detail", pk=form.partner.pk))
    return render(request, "partners/accept.html", {"offer": offer, "form": form}, status=status_of(form))


def _not_for_you(request: HttpRequest, offer: Offer) -> HttpResponse:
    if request.user.is_authenticated:
        request.session.pop(WAITS, None)
    refused = request.method == "POST"
    status = HTTPStatus.FORBIDDEN if refused else HTTPStatus.OK
    return render(request, "partners/accept.html", {"offer": offer, "form": None}, status=status)


@open_to("anyone")
@require_POST
def invitation_decline(request: HttpRequest) -> HttpResponse:
    try:
        offer = PartnerInvitation.behind(request.session.get(IN_SESSION, ""))
        if not offer.is_for(request.user):
            return _not_for_you(request, offer)
        offer.decline(by=request.user)
    except PartnerInvitation.Dead:
        return dead(request)
    _forget(request)
    return render(request, "partners/declined.html", {"offer": offer})


@open_to("signed_in")
@require_POST
def invitation_other_account(request: HttpRequest) -> HttpResponse:
    """Signing out forgets the session; the invitation comes along into the next one."""
    key = request.session.get(IN_SESSION, "")
    get_adapter(request).logout(request)
    request.session[IN_SESSION] = key
    request.session[WAITS] = True
    return redirect_to_login(reverse("partners:invitation"))


def dead(request: HttpRequest) -> HttpResponse:
    """One page, whatever the reason."""
    _forget(request)
    return render(request, "partners/invitation_dead.html", status=HTTPStatus.GONE)


def _forget(request: HttpRequest) -> None:
    for key in (IN_SESSION, WAITS):
        request.session.pop(key, None)
