"""Which partner, and may this member do that with it."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.shortcuts import get_object_or_404

from core.http import MemberRequest
from core.roles import Permission, permissions_on
from partners.models import Partner


def partner_for(request: MemberRequest, pk: UUID, permission: Permission | None = None) -> Partner:
    """404 for what this member may not see, 403 for what is beyond role and grants."""
    member = request.membership
    found = Partner.objects.visible_to(member).with_grant_of(member).with_rules()
    partner = get_object_or_404(found.select_related("owner"), pk=pk)
    partner.known_grants[member.user_id] = partner.held
    partner.allowed = permissions_on(partner, member)
    if permission and permission not in partner.allowed:
        raise PermissionDenied(permission)
    return partner


def status_of(*forms: BaseForm) -> HTTPStatus:
    wrong = any(form.is_bound and not form.is_valid() for form in forms)
    return HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK


def data_of(request: MemberRequest) -> Any:
    return request.POST if request.method == "POST" else None
