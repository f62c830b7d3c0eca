from http import HTTPStatus
from typing import Any

from allauth.decorators import rate_limit
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_POST

from core.gate import open_to, requires
from core.http import MemberRequest
from core.roles import Permission
from workspaces import places
from workspaces.forms.home import AddressForm, LogoForm, NewWorkspaceForm, ProfileForm
from workspaces.models import Invitation, WorkspaceLogo

A_PAGE = 20
SEARCH_FROM = 6
HOME = "workspaces:home"
# Where a switch leads that starts in this section: the list, never one thing of the other workspace.
SECTIONS = {
    "overlaps": "overlaps:list",
    "accounts": "overlaps:accounts",
    "intros": "intros:list",
    "partners": "partners:list",
    "settings": "workspaces:settings",
}

# -- outside of a workspace ------------------------------------------------------------------------------------


@open_to("signed_in")
@require_GET
def root(request: HttpRequest) -> HttpResponse:
    place = places.landing(request.session.get("last_workspace"))
    return redirect(place.tenant.path_to("workspaces:home") if place else "workspaces:chooser")


@open_to("signed_in")
@require_GET
def chooser(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("q", "")
    page = Paginator(places.mine(wanted), A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "q": wanted, "invitations": Invitation.mine(request.user)}
    return render(request, "workspaces/chooser.html", context)


@open_to("signed_in")
@require_GET
def switcher(request: HttpRequest) -> HttpResponse:
    """What the panel in the sidebar holds; without htmx, the chooser shows the same."""
    if not request.htmx:
        return redirect("workspaces:chooser")
    at, came_from = request.GET.get("at", ""), request.GET.get("section", "")
    context = {"at": at, "came_from": came_from, "section": SECTIONS.get(came_from, HOME)}
    if "q" in request.GET:
        context["found"] = list(places.mine(request.GET["q"])[:A_PAGE])
        return render(request, "workspaces/switcher.html#places", context)
    rows = list(places.at_first(at, A_PAGE + 1)[: A_PAGE + 1])
    here = rows[0] if rows and rows[0].tenant.slug == at else None
    context |= {
        "rows": rows,
        "here": here,
        "places": rows[1:] if here else rows[:A_PAGE],
        "searchable": len(rows) >= SEARCH_FROM,
        "invitations": Invitation.mine(request.user),
    }
    return render(request, "workspaces/switcher.html", context)


@open_to("signed_in")
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("q", "")
    page = Paginator(places.mine(wanted), A_PAGE).get_page(request.GET.get("page"))
    return render(request, "workspaces/overview.html", {"page": page, "q": wanted})


@open_to("signed_in")
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    place = get_object_or_404(places.mine(), tenant__slug=request.POST.get("workspace", "").replace("\0", ""))
    places.make_default(place)
    messages.success(request, f"From now on, {place.tenant} opens first.")
    return redirect("workspaces:chooser")


@open_to("signed_in")
@rate_limit(action="found_workspace")
def create(request: HttpRequest) -> HttpResponse:
    form = NewWorkspaceForm(request.POST or None, owner=request.user)
    if request.method == "POST" and form.succeeds():
        return redirect(form.membership.tenant.path_to("workspaces:home"))
    return render(request, "workspaces/new.html", {"form": form}, status=status_of(form))


# -- in a workspace --------------------------------------------------------------------------------------------


@requires(Permission.SEE_WORKSPACE)
@require_GET
def home(request: MemberRequest) -> HttpResponse:
    return render(request, "workspaces/home.html")


@requires(Permission.CHANGE_SETTINGS)
def settings(request: MemberRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, member=request.membership)
    if request.method == "POST" and form.succeeds():
        return _saved(request, "The settings are saved.")
    return _settings_page(request, profile=form)


@requires(Permission.CHANGE_SETTINGS)
@require_POST
def address(request: MemberRequest) -> HttpResponse:
    form = AddressForm(request.POST, member=request.membership)
    if form.succeeds():
        return _saved(request, f"The workspace is now at /w/{request.tenant.slug}/. Old links lead there.")
    return _settings_page(request, address=form)


@requires(Permission.CHANGE_SETTINGS)
@require_POST
def logo(request: MemberRequest) -> HttpResponse:
    form = LogoForm(request.POST, request.FILES, member=request.membership)
    if form.succeeds():
        return _saved(request, "The logo is saved.")
    return _settings_page(request, logo=form)


@requires(Permission.CHANGE_SETTINGS)
@require_POST
def logo_remove(request: MemberRequest) -> HttpResponse:
    WorkspaceLogo.remove(by=request.membership)
    return _saved(request, "The logo is gone; the initials are back.")


@requires(Permission.SEE_WORKSPACE)
@require_GET
@cache_control(private=True, max_age=31_536_000, immutable=True)
def logo_file(request: MemberRequest, version: str) -> HttpResponse:
    picture = get_object_or_404(WorkspaceLogo, version=version)
    return HttpResponse(bytes(picture.png), content_type="image/png")


def _settings_page(request: MemberRequest, **forms: Any) -> HttpResponse:
    kinds = {"profile": ProfileForm, "address": AddressForm, "logo": LogoForm}
    fresh = {name: kind(member=request.membership) for name, kind in kinds.items() if name not in forms}
    return render(request, "workspaces/settings.html", fresh | forms, status=status_of(*forms.values()))


def _saved(request: MemberRequest, words: str) -> HttpResponse:
    messages.success(request, words)
    return redirect(request.tenant.path_to("workspaces:settings"))


def status_of(*forms: Any) -> HTTPStatus:
    wrong = any(form.is_bound for form in forms)
    return HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK
