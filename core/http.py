from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from core.models import Membership, Tenant, User


class MemberRequest(HttpRequest):
    """A request below /w/<slug>/: the middleware has found the workspace and the membership."""

    user: User
    tenant: Tenant
    membership: Membership
    htmx: HtmxDetails
