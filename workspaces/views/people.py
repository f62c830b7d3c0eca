"""Members and invitations, seen from inside the workspace."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from core.gate import requires
from core.http import MemberRequest
from core.models import Membership
from core.paging import OneQueryPaginator
from core.roles import Permission
from workspaces import members as acts
from workspaces.forms.people import InvitationRoleForm, InviteForm, MemberRoleForm
from workspaces.models import Invitation, OwnershipOffer

A_PAGE = 25
FEW = 8  # pending invitations on the members page; the others have a page of their own
MEMBERS = "workspaces:members"


@requires(Permission.SEE_WORKSPACE)
@require_safe
def members(request: MemberRequest) -> HttpResponse:
    return _members_page(request)


@requires(Permission.INVITE_MEMBERS)
@require_safe
def invitations(request: MemberRequest) -> HttpResponse:
    return render(request, "workspaces/invitations.html", _pending(request, A_PAGE))


@requires(Permission.INVITE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: MemberRequest) -> HttpResponse:
    form = InviteForm(request.POST or None, by=request.membership)
    if request.method == "POST" and form.succeeds():
        messages.success(request, form.outcome)
        return _back(request)
    return _members_page(request, invite=form)


@requires(Permission.INVITE_MEMBERS)
@require_POST
def invite_preview(request: MemberRequest) -> HttpResponse:
    form = InviteForm(request.POST, by=request.membership)
    return render(request, "workspaces/members.html#recipients", {"invite": form})


# -- one invitation --------------------------------------------------------------------------------------------


@requires(Permission.INVITE_MEMBERS)
@require_POST
def invitation_resend(request: MemberRequest, pk: UUID) -> HttpResponse:
    return _on_invitation(request, pk, Invitation.resend, "{} gets a new mail; the old link is dead.")


@requires(Permission.INVITE_MEMBERS)
@require_POST
def invitation_revoke(request: MemberRequest, pk: UUID) -> HttpResponse:
    return _on_invitation(request, pk, Invitation.revoke, "The invitation of {} is revoked.")


@requires(Permission.INVITE_MEMBERS)
@require_POST
def invitation_role(request: MemberRequest, pk: UUID) -> HttpResponse:
    def change_role(invitation: Invitation, by: Membership) -> None:
        form = InvitationRoleForm(request.POST, invitation=invitation, by=by)
        if not form.succeeds():
            raise PermissionDenied

    return _on_invitation(request, pk, change_role, "The role for {} is changed.")


@requires(Permission.INVITE_MEMBERS)
@require_POST
def invitation_link(request: MemberRequest, pk: UUID) -> HttpResponse:
    invitation = get_object_or_404(Invitation.objects.pending(), pk=pk)
    try:
        link = settings.SITE_URL + invitation.link(by=request.membership)
    except Invitation.Dead:
        return _told(request, f"The invitation of {invitation} is not open any more.")
    template = "workspaces/invitation_link.html" + ("#dialog" if request.htmx else "")
    return render(request, template, {"invitation": invitation, "link": link})


def _on_invitation(request: MemberRequest, pk: UUID, act: Callable[..., Any], done: str) -> HttpResponse:
    invitation = get_object_or_404(Invitation, pk=pk)
    try:
        act(invitation, by=request.membership)
    except Invitation.Dead:
        return _told(request, f"The invitation of {invitation} is not open any more.")
    except Invitation.TooSoon:
        return _told(request, f"{invitation} got a mail a short while ago. Please wait before the next one.")
    return _told(request, done.format(invitation), messages.SUCCESS)


def _told(request: MemberRequest, words: str, level: int = messages.WARNING) -> HttpResponse:
    messages.add_message(request, level, words)
    if request.htmx:
        # The button that was pressed is gone with its row: the heading takes the focus.
        refocus = {"refocus": request.resolver_match.url_name == "invitation_revoke"}
        return render(request, "workspaces/invitations.html#pending", _pending(request, FEW) | refocus)
    return _back(request)


# -- one member ------------------------------------------------------------------------------------------------


@requires(Permission.MANAGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def member_role(request: MemberRequest, pk: UUID) -> HttpResponse:
    member = _member(request, pk, "role")
    form = MemberRoleForm(request.POST or None, member=member, by=request.membership)
    if request.method == "POST" and form.succeeds():
        messages.success(request, f"The role of {member} is now {member.get_role_display()}.")
        self_changed = member == request.membership
        return _row(request, member) if request.htmx and not self_changed else _back(request)
    if request.htmx:
        return _row(request, member, form)
    context = {"form": form, "member": member, "about": acts.ABOUT}
    return render(request, "workspaces/member_role.html", context, status=status_of(form))


@requires(Permission.MANAGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def member_deactivate(request: MemberRequest, pk: UUID) -> HttpResponse:
    return _confirmed(request, _member(request, pk, "deactivate"), "deactivate", acts.deactivate)


@requires(Permission.MANAGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def member_reactivate(request: MemberRequest, pk: UUID) -> HttpResponse:
    return _confirmed(request, _member(request, pk, "reactivate"), "reactivate", acts.reactivate)


@requires(Permission.MANAGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def member_remove(request: MemberRequest, pk: UUID) -> HttpResponse:
    return _confirmed(request, _member(request, pk, "remove"), "remove", acts.remove)


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: MemberRequest) -> HttpResponse:
    return _confirmed(request, request.membership, "leave", _leave)


def _leave(member: Membership, *, by: Membership) -> None:
    acts.leave(by=by)


# -- ownership -------------------------------------------------------------------------------------------------


def freshly_authenticated(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Ask for the password or the key first, then come back by GET.

    allauth's own decorator keeps a POST and replays it later past our middleware, with no workspace around it.
    """

    @wraps(view)
    def fresh(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not is_reauthentication_required(request, app="workspaces"):
            return view(request, *args, **kwargs)
        ways = get_adapter().get_reauthentication_methods(request.user)
        door = ways[0]["url"] if ways else resolve_url(settings.LOGIN_URL)
        return redirect(f"{door}?{urlencode({'next': request.path})}")

    return fresh


@requires(Permission.OWN_WORKSPACE)
@require_http_methods(["GET", "HEAD", "POST"])
@freshly_authenticated
def ownership_offer(request: MemberRequest, pk: UUID) -> HttpResponse:
    return _confirmed(request, _member(request, pk, "offer"), "offer", acts.offer_ownership)


@requires(Permission.OWN_WORKSPACE)
@require_POST
def ownership_withdraw(request: MemberRequest) -> HttpResponse:
    return _on_offer(request, acts.withdraw_ownership, "The offer is taken back.")


@requires(Permission.SEE_WORKSPACE)
@require_POST
def ownership_accept(request: MemberRequest) -> HttpResponse:
    return _on_offer(request, acts.accept_ownership, "You own this workspace now.")


@requires(Permission.SEE_WORKSPACE)
@require_POST
def ownership_decline(request: MemberRequest) -> HttpResponse:
    return _on_offer(request, acts.decline_ownership, "You declined the ownership.")


def _on_offer(request: MemberRequest, act: Callable[..., None], done: str) -> HttpResponse:
    try:
        act(by=request.membership)
    except acts.OfferGone:
        messages.warning(request, "This offer is not open any more.")
    else:
        messages.success(request, done)
    return _back(request)


# -- pages and rows --------------------------------------------------------------------------------------------

CONFIRMED = {
    "deactivate": "{} is deactivated.",
    "reactivate": "{} can come in again.",
    "remove": "{} is removed.",
    "leave": "You have left {tenant}.",
    "offer": "{} is asked to take over the ownership.",
}


def _confirmed(request: MemberRequest, member: Membership, act: str, do: Callable[..., Any]) -> HttpResponse:
    """GET asks and names the consequences, in a dialog or on a page; POST acts."""
    problem = ""
    if request.method == "POST":
        try:
            do(member, by=request.membership)
        except acts.LastOwner:
            problem = "The workspace needs an owner: offer the ownership to somebody first."
        else:
            messages.success(request, CONFIRMED[act].format(member, tenant=request.tenant))
            return redirect("/") if act == "leave" else _back(request)
    template = "workspaces/member_confirm.html" + ("#dialog" if request.htmx else "")
    context = {"member": member, "act": act, "problem": problem}
    return render(request, template, context, status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else None)


def _members_page(request: MemberRequest, invite: InviteForm | None = None) -> HttpResponse:
    search = request.GET.get("q", "").replace("\0", "").strip()[:100]
    found = acts.people(search)
    if Permission.MANAGE_MEMBERS not in request.membership.permissions:
        found = found.active()
    page = OneQueryPaginator(found, A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": [_as_row(request, member) for member in page], "search": search}
    if request.htmx and request.htmx.target and "people" in request.htmx.target:
        return render(request, "workspaces/members.html#people", context)
    context["offer"] = OwnershipOffer.objects.open().first()
    if Permission.INVITE_MEMBERS in request.membership.permissions:
        context |= _pending(request, FEW) | {"invite": invite or InviteForm(by=request.membership)}
    return render(request, "workspaces/members.html", context, status=status_of(invite) if invite else None)


def _pending(request: MemberRequest, size: int) -> dict[str, Any]:
    pending = Invitation.objects.pending().with_inviter().newest_first()
    page = OneQueryPaginator(pending, size).get_page(request.GET.get("page") if size == A_PAGE else 1)
    for invitation in page:
        invitation.role_form = InvitationRoleForm(invitation=invitation, by=request.membership)
    return {"pending": page}


def _as_row(request: MemberRequest, member: Membership, form: MemberRoleForm | None = None) -> dict[str, Any]:
    may = acts.acts(request.membership, member)
    if "role" in may and form is None:
        form = MemberRoleForm(member=member, by=request.membership)
    return {"member": member, "may": may, "form": form}


def _row(request: MemberRequest, member: Membership, form: MemberRoleForm | None = None) -> HttpResponse:
    again = acts.people().get(pk=member.pk)
    context = {"row": _as_row(request, again, form)}
    return render(
        request, "workspaces/members.html#changed_row", context, status=status_of(form) if form else None
    )


def _member(request: MemberRequest, pk: UUID, act: str) -> Membership:
    """404 for nobody here, 403 for somebody about whom this is not to be done."""
    member = get_object_or_404(Membership.objects.select_related("user"), pk=pk)
    if act not in acts.acts(request.membership, member):
        raise PermissionDenied
    return member


def _back(request: MemberRequest) -> HttpResponse:
    page = request.tenant.path_to(MEMBERS)
    return HttpResponseClientRedirect(page) if request.htmx else redirect(page)


def status_of(form: Any) -> HTTPStatus:
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
