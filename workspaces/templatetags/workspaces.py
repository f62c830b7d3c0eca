from uuid import UUID

from django import template
from django.template import Context

from core.models import Membership
from core.roles import Permission
from workspaces.models import Invitation

register = template.Library()

# Who comes from a page of the settings and may not change them over there, sees who is there.
INSTEAD = {"workspaces:settings": (Permission.CHANGE_SETTINGS, "workspaces:members")}


@register.simple_tag
def section_at(place: Membership, section: str) -> str:
    """The same section in another of the person's workspaces."""
    needed, instead = INSTEAD.get(section, (Permission.SEE_WORKSPACE, section))
    return place.tenant.path_to(section if place.may(needed) else instead)


@register.simple_tag(takes_context=True)
def switcher_badge(context: Context, waiting: dict[UUID, int]) -> int:
    """What waits in the person's other workspaces, and the invitations to more of them."""
    request = context["request"]
    elsewhere = sum(number for tenant_id, number in waiting.items() if tenant_id != request.tenant.pk)
    return elsewhere + len(Invitation.mine(request.user))
