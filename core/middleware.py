"""Lock 1: from the path to a membership, or to the one 404. And what no shared cache or lost session may spoil."""

import re
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import defaults

from core.models import Membership
from core.tenancy import person_context

Respond = Callable[[HttpRequest], HttpResponse]
AN_HOUR = timedelta(hours=1)
WORKSPACE_PATH = re.compile(r"^/w/([^/\0]+)/")


class MethodMiddleware:
    """Pages are read and forms are sent: whatever else a client may try is refused before anything is looked up.

    So is every charset but the web's: some of them spell what is no text, and no database takes it.
    """

    ALLOWED = ("GET", "HEAD", "POST", "OPTIONS")
    CHARSETS = ("utf-8", "utf8")

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in self.ALLOWED:
            return HttpResponseNotAllowed(self.ALLOWED)
        if request.content_params.get("charset", "utf-8").lower() not in self.CHARSETS:
            return HttpResponse(status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        return self.get_response(request)


class WorkspaceMiddleware:
    """One transaction around view and rendering, in the context of the person and of the workspace in the path.

    The database and the ORM are asked, each in its own words. Whoever has no active membership there gets the same
    404, after the same queries, whether or not there is such a workspace. A former slug redirects on GET; a write to
    it is refused, because its form is as old as the slug.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.tenant = request.membership = None
        user = request.user if request.user.is_authenticated else None
        path = WORKSPACE_PATH.match(request.path_info) if user else None
        with person_context(user, at=path[1] if path else ""):
            return self._enter(request, path[1]) if path else self._respond(request)

    def _enter(self, request: HttpRequest, slug: str) -> HttpResponse:
        membership = Membership.across_tenants.at(request.user, slug).first()
        if membership is None:
            request.refused_workspace = slug
            return defaults.page_not_found(request, Http404())
        membership.user = request.user
        if membership.tenant.slug != slug:
            return self._moved(request, slug, membership)
        request.membership, request.tenant = membership, membership.tenant
        response = self._respond(request)
        if _is_page(response):
            _remember(request)
        return response

    def _respond(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.resolver_match is None and response.status_code == HTTPStatus.NOT_FOUND:
            return defaults.page_not_found(request, Http404())  # DEBUG's own would list every address
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            transaction.set_rollback(True)
        return response

    def _moved(self, request: HttpRequest, slug: str, membership: Membership) -> HttpResponse:
        path = request.get_full_path().replace(f"/w/{slug}/", f"/w/{membership.tenant.slug}/", 1)
        if request.method in {"GET", "HEAD"}:
            return HttpResponseRedirect(path)
        messages.warning(
            request, "The workspace has a new address. Nothing was saved: please do it again here."
        )
        return HttpResponseRedirect(membership.tenant.path_to("workspaces:home"), status=HTTPStatus.SEE_OTHER)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        if request.tenant:
            kwargs.pop("slug")

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Our own pages, under DEBUG too."""
        match exception:
            case Http404():
                return defaults.page_not_found(request, exception)
            case PermissionDenied():
                return defaults.permission_denied(request, exception)


def _is_page(response: HttpResponse) -> bool:
    """The logo of a workspace, in a list of several, is no visit."""
    return response.status_code < HTTPStatus.BAD_REQUEST and response.headers.get(
        "Content-Type", ""
    ).startswith("text/html")


def _remember(request: HttpRequest) -> None:
    """For `/`, the order of the switcher and "last active": written when somebody comes from another workspace, and
    once an hour."""
    here, now, last = str(request.tenant.pk), timezone.now(), request.membership.last_used_at
    if request.session.get("last_workspace") != here or last is None or now - last > AN_HOUR:
        request.session["last_workspace"] = here
        Membership.objects.filter(pk=request.membership.pk).update(last_used_at=now)


class PrivacyMiddleware:
    """No cache keeps a page; a session that ended under htmx leads the whole page to the login form.

    And a wrong form is a 422, allauth's too.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.htmx and _leads_to_login(response):
            response = HttpResponse(status=HTTPStatus.UNAUTHORIZED)
            response["HX-Redirect"] = (
                f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': _page(request)})}"
            )
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        patch_vary_headers(response, ["HX-Request", "Cookie"])
        if request.path_info == resolve_url("account_logout") and request.method == "POST":
            response["Clear-Site-Data"] = '"cache", "storage"'
        return response

    def process_template_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        form = (response.context_data or {}).get("form")
        if (
            request.method == "POST"
            and response.status_code == HTTPStatus.OK
            and getattr(form, "errors", None)
        ):
            response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
        return response


def _leads_to_login(response: HttpResponse) -> bool:
    location = response.get("Location", "")
    return response.status_code in {301, 302, 303} and urlsplit(location).path == resolve_url(
        settings.LOGIN_URL
    )


def _page(request: HttpRequest) -> str:
    """The address that the person sees, with its filters; never another host."""
    try:
        page = request.htmx.current_url_abs_path or "/"
    except ValueError:  # no address at all
        page = "/"
    return page if url_has_allowed_host_and_scheme(page, allowed_hosts=None) else "/"
