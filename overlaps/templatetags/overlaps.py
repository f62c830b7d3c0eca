"""For pages of rooms further left, which can't import these."""

from typing import Any
from uuid import UUID

from django import template
from django.http import HttpRequest
from django.template import Context

from overlaps.figures import News, Picture
from overlaps.matrix import Matrix, numbers
from overlaps.models import OverlapCount

register = template.Library()


def _picture_of(request: HttpRequest) -> Picture:
    """Asked of the database once in a request, whoever wants to know."""
    if not hasattr(request, "overlap_picture"):
        request.overlap_picture = Picture.of(request.membership)
    return request.overlap_picture


def _news_of(request: HttpRequest) -> News:
    if not hasattr(request, "overlap_news"):
        request.overlap_news = News.of(_picture_of(request))
    return request.overlap_news


@register.simple_tag(takes_context=True)
def overlap_picture(context: Context) -> Picture:
    return _picture_of(context["request"])


@register.simple_tag(takes_context=True)
def overlap_news(context: Context) -> News:
    return _news_of(context["request"])


@register.inclusion_tag("overlaps/key_figures.html", takes_context=True)
def key_figures(context: Context) -> dict[str, Any]:
    request = context["request"]
    return {"request": request, "figures": _picture_of(request).key_figures}


@register.inclusion_tag("overlaps/matrix.html", takes_context=True)
def matrix(context: Context) -> dict[str, Any]:
    """Our populations against those of the partners that share something.

    `?partner=` chooses one of them, `?page=` the next ones, `?show=pipeline` amounts instead of accounts.
    """
    request = context["request"]
    return {"request": request, "matrix": Matrix.asked_for(request.GET, _picture_of(request))}


@register.inclusion_tag("overlaps/new.html", takes_context=True)
def new_overlaps(context: Context) -> dict[str, Any]:
    request = context["request"]
    return {"request": request, "permissions": context["permissions"], "news": _news_of(request)}


@register.simple_tag(takes_context=True)
def cell_numbers(context: Context, partner: UUID, mine: str, theirs: str) -> str:
    """What a cell of the matrix counts, in all three ways, for the head of the list that it opens."""
    cells = OverlapCount.objects.visible_to(context["request"].membership)
    cell = cells.filter(partner=partner, my_population=mine, their_population=theirs).first()
    if cell is None:
        return ""
    counted = {"accounts": cell.mine, "their_accounts": cell.theirs, "companies": cell.companies}
    return numbers(counted, cell.is_rounded)
