from django import template

from core.models import Membership
from core.roles import Permission

register = template.Library()

# Who comes from a page of the settings and may not change them over there, sees who is there.
INSTEAD = {"workspaces:settings": (Permission.CHANGE_SETTINGS, "workspaces:members")}


@register.simple_tag
def section_at(place: Membership, section: str) -> str:
    """The same section in another of the person's workspaces."""
    needed, instead = INSTEAD.get(section, (Permission.SEE_WORKSPACE, section))
    return place.tenant.path_to(section if place.may(needed) else instead)
