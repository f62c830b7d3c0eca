from django import template

from overlaps.models import PopulationSize

register = template.Library()


@register.simple_tag
def population_sizes() -> dict[str, int]:
    """How many accounts of each population may be shared: without those that are private or gone."""
    return dict(PopulationSize.objects.values_list("population", "shareable"))
