"""For pages of rooms further left, which can't import these."""

from collections.abc import Iterable

from django import template

from core.models import Membership
from intros import figures

register = template.Library()


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
