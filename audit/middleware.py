from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from audit.actions import Action
from audit.models import SecurityEvent
from audit.origin import current_origin, origin_of


class TrailMiddleware:
    """Lets events know where they come from, and records who knocked at a workspace that is not theirs.

    Stands outside the workspace's transaction: a knock is recorded though the request is refused.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = current_origin.set(origin_of(request))
        try:
            response = self.get_response(request)
            if slug := getattr(request, "refused_workspace", ""):
                SecurityEvent.record(
                    Action.ACCESS_REFUSED, by=request.user, changes={"workspace": slug[:100]}
                )
            return response
        finally:
            current_origin.reset(token)
