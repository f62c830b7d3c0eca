"""Where a request came from, for the events written on its behalf."""

from contextvars import ContextVar
from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


@dataclass(frozen=True)
class Origin:
    ip: str | None = None
    agent: str = ""


current_origin: ContextVar[Origin] = ContextVar("origin", default=Origin())


def origin_of(request: HttpRequest) -> Origin:
    try:
        ip = get_adapter().get_client_ip(request)
    except PermissionDenied:  # fewer proxies in the way than the settings say: nobody to name
        ip = None
    return Origin(ip, request.headers.get("User-Agent", "")[:200])
