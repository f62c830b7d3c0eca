"""For pages of rooms further left, which can't import these."""

from collections.abc import Iterable

from django import template
from django.template import Context

from core.models import Membership
from intros import figures

register = template.Library()


@register.simple_tag(takes_context=True)
def switcher_badge(context: Context) -> int:
    """What waits in the person's other workspaces, and the invitations to further ones.

    One query for the whole shell: it leaves the numbers for the tags of intros.
    """
    request = context["request"]
    request.waiting_intros, invitations = figures.what_waits()
    return (
        sum(request.waiting_intros.values()) - request.waiting_intros.get(request.tenant.pk, 0) + invitations
    )


@register.simple_tag
def measured(places: Iterable[Membership], whole: bool = False) -> list[Membership]:
    """The same memberships, each with its `figures`."""
    places = list(places)
    known = figures.of_places(places, whole=whole)
    for place in places:
        place.figures = known.get(place.tenant_id)
    return places


@register.simple_tag
def work_in(places: Iterable[Membership], most: int = 20) -> list[figures.Work]:
    return figures.work_in(places, most=most)


@register.simple_tag
def first_steps() -> figures.FirstSteps:
    return figures.first_steps()
