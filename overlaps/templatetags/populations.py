from django import template
from django.db.models import Count

from overlaps.models import Account

register = template.Library()


@register.simple_tag
def population_sizes() -> dict[str, int]:
    """How many accounts of each population may be shared: without the private ones."""
    open_ones = Account.objects.filter(is_private=False).order_by()
    return dict(open_ones.values_list("population").annotate(Count("pk")))
