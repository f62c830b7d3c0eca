from typing import Any

from django import template
from django.http import HttpRequest
from django.template import Context

from overlaps import figures
from partners.models import Population

register = template.Library()


def _figures(request: HttpRequest) -> dict[str, Any]:
    """Asked of the database once in a request, whoever wants to know."""
    if not hasattr(request, "overlap_figures"):
        request.overlap_figures = figures.key_figures(request.membership)
    return request.overlap_figures


@register.inclusion_tag("overlaps/key_figures.html", takes_context=True)
def key_figures(context: Context) -> dict[str, Any]:
    request = context["request"]
    return {"request": request, "figures": _figures(request)}


@register.inclusion_tag("overlaps/matrix.html", takes_context=True)
def matrix(context: Context) -> dict[str, Any]:
    """Our populations against those of the partners that share something; `?partner=` chooses one of them."""
    request = context["request"]
    return {
        "request": request,
        "matrix": figures.matrix(request.membership, request.GET.get("partner", "")),
        "sizes": _figures(request),
        "populations": list(Population),
    }


@register.inclusion_tag("overlaps/new.html", takes_context=True)
def new_overlaps(context: Context) -> dict[str, Any]:
    request = context["request"]
    return {
        "request": request,
        "permissions": context["permissions"],
        "overlaps": list(figures.newest(request.membership)),
    }


@register.filter
def size_of(sizes: dict[str, int], population: Population) -> int:
    return sizes[population.value]
