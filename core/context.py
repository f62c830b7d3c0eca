from typing import Any

from django.http import HttpRequest


def workspace(request: HttpRequest) -> dict[str, Any]:
    """`permissions`: what the member may do here; empty outside a workspace."""
    membership = getattr(request, "membership", None)
    return {"permissions": membership.permissions if membership else frozenset()}
