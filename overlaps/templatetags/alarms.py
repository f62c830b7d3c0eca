from typing import Any

from django import template
from django.template import Context

from overlaps.models import Alarm
from partners.models import Partner

register = template.Library()
AT_MOST = 5


@register.inclusion_tag("overlaps/alarms.html", takes_context=True)
def alarms(context: Context, partner: Partner | None = None) -> dict[str, Any]:
    """Those that nobody has dismissed: of one partner, or of all that this member may see. One query."""
    request = context["request"]
    found = Alarm.objects.visible_to(request.membership).open().newest_first()
    if partner:
        found = found.filter(partner=partner)
    may_dismiss = partner is not None and "change_sharing" in partner.allowed
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "alarms": list(found[:AT_MOST]),
        "partner": partner,
        "may_dismiss": may_dismiss,
    }
