from http import HTTPStatus
from pathlib import Path

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from allauth.usersessions.adapter import get_adapter as get_sessions_adapter
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from audit.export import Export
from audit.forms import PAGE, ExportForm, TrailFilter
from audit.models import SecurityEvent
from audit.verifier import verify_audit_export
from core.gate import open_to, requires
from core.http import MemberRequest
from core.roles import Permission


@require_safe
@requires(Permission.SEE_AUDIT)
def trail(request: MemberRequest) -> HttpResponse:
    form = TrailFilter(request.GET)
    fragment = request.htmx and not request.htmx.history_restore_request
    return render(
        request,
        "audit/trail.html#trail" if fragment else "audit/trail.html",
        {"form": form, "page": form.page()},
        status=HTTPStatus.OK if form.is_valid() else HTTPStatus.UNPROCESSABLE_ENTITY,
    )


@require_POST
@requires(Permission.SEE_AUDIT)
def export(request: MemberRequest) -> HttpResponseBase:
    filters, form = TrailFilter(request.GET), ExportForm(request.POST)
    if not (filters.is_valid() and form.is_valid()):
        context = {"form": filters, "page": filters.page()}
        return render(request, "audit/trail.html", context, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if not did_recently_reauthenticate(request):
        return _confirm_first(request)
    return Export.begin(
        by=request.membership, format=form.cleaned_data["format"], chosen=filters.chosen
    ).response()


def _confirm_first(request: MemberRequest) -> HttpResponse:
    """Back to the page, not to the download: after that, a page should stand in the browser."""
    messages.info(request, "Please confirm that it is you, then export again.")
    page = f"{request.tenant.path_to('audit:trail')}?{request.GET.urlencode()}"
    method = get_adapter().get_reauthentication_methods(request.user)[0]
    return redirect(f"{method['url']}?{urlencode({'next': page})}")


@require_safe
@requires(Permission.SEE_AUDIT)
def verifier(request: MemberRequest) -> FileResponse:
    path = Path(verify_audit_export.__file__)
    return FileResponse(path.open("rb"), as_attachment=True, filename=path.name, content_type="text/x-python")


@require_safe
@open_to("signed_in")
def security(request: HttpRequest) -> HttpResponse:
    events = SecurityEvent.objects.of(request.user).newest_first()
    page = Paginator(events, PAGE).get_page(request.GET.get("page"))
    return render(request, "audit/security.html", {"page": page})


@open_to("signed_in")
@require_POST
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    """One of the person's own browsers; the one at hand has the sign-out button."""
    own = UserSession.objects.filter(user=request.user).exclude(session_key=request.session.session_key)
    get_sessions_adapter().end_sessions([get_object_or_404(own, pk=pk)])
    messages.success(request, "That browser is signed out.")
    return redirect("usersessions_list")
