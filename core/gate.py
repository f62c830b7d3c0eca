"""Who may call a view: each view says so with one of two decorators, and leaves a mark that a test looks for."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from core.http import MemberRequest
from core.roles import Permission

View = Callable[..., HttpResponse]


def requires(permission: Permission) -> Callable[[View], View]:
    """For views below /w/<slug>/: members whose role has this permission; 403 for the others.

    For what a grant on one object may also open, mark the view with `requires(SEE_WORKSPACE)` and ask
    `request.membership.may(permission, obj)` where the object is fetched.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if permission not in request.membership.permissions:
                raise PermissionDenied(permission)
            return view(request, *args, **kwargs)

        guarded.permission = permission
        return guarded

    return decorate


def open_to(whom: Literal["anyone", "signed_in"]) -> Callable[[View], View]:
    """For views outside a workspace."""

    def decorate(view: View) -> View:
        @wraps(view)
        def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return view(request, *args, **kwargs)

        marked.open_to = whom
        return login_not_required(marked) if whom == "anyone" else marked

    return decorate
