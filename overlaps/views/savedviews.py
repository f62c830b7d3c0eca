"""Lists that are kept under a name."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps import savedviews
from overlaps.forms.savedviews import SavedViewForm
from overlaps.models import SavedView

LISTS = {SavedView.Place.ACCOUNTS: "overlaps:accounts", SavedView.Place.OVERLAPS: "overlaps:list"}


def _list(request: MemberRequest, place: str, query: str) -> str:
    return f"{request.tenant.path_to(LISTS[place])}{'?' if query else ''}{query}"


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def view_new(request: MemberRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "") for name in ("place", "query")}
    form = SavedViewForm(request.POST or None, initial=asked, by=request.membership)
    if request.method == "POST" and form.succeeds():
        messages.success(request, f"The view “{form.cleaned_data['name']}” is saved.")
        return redirect(_list(request, form.cleaned_data["place"], form.cleaned_data["query"]))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    return render(request, "overlaps/saved_view.html", {"form": form}, status=status)


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def view_remove(request: MemberRequest, pk: UUID) -> HttpResponse:
    """A view for all members goes for all of them."""
    view = get_object_or_404(savedviews.seen_by(request.membership), pk=pk)
    if request.method == "POST":
        savedviews.remove(view, by=request.membership)
        messages.success(request, f"The view “{view}” is removed.")
        return redirect(_list(request, view.place, ""))
    return render(
        request,
        "overlaps/saved_view_remove.html",
        {"view": view, "back": _list(request, view.place, view.query)},
    )
