from typing import Any

from django import template
from django.forms import BoundField
from django.template import Context

from partners.models import Level, Partner, Population

register = template.Library()
AT_MOST = 8


@register.inclusion_tag("partners/sidebar.html", takes_context=True)
def sidebar_partners(context: Context) -> dict[str, Any]:
    """The first of the connected partners that this member may see: one query."""
    request = context["request"]
    seen = Partner.objects.connected().visible_to(request.membership).only("name", "tenant_id")
    match = request.resolver_match
    at_hand = match.kwargs.get("pk") if match else None
    partners = list(seen.by_name()[:AT_MOST])
    return {
        "request": request,
        "permissions": context["permissions"],
        "partners": partners,
        "at_hand": at_hand,
    }


@register.inclusion_tag("partners/reminder.html", takes_context=True)
def partner_invitation_reminder(context: Context) -> dict[str, bool]:
    """Whoever opened the link and then had to sign up is led back to it."""
    return {"waits": bool(context["request"].session.get("partner_invitation_waits"))}


@register.inclusion_tag("partners/level_choice.html")
def level_choice(population: Population, bound: BoundField) -> dict[str, Any]:
    """The four levels in a row; what they show follows the choice by CSS alone."""
    return {"population": population, "bound": bound, "levels": list(Level)}


@register.filter
def at(values: dict, population: Population) -> Any:
    """What stands there for this population, or 0."""
    return values.get(population, 0)
