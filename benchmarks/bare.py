"""The peer of a page: Django renders the same HTML from constants; no person, no workspace, no query."""

import re
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.template import Context, Template, engines

from core.gate import open_to

PAGES: dict[str, str] = {}
TEXT = re.compile(r">([^<>{}%]+)<")


@cache
def template_of(name: str) -> tuple[Template, list[str]]:
    """Each piece of text becomes a variable, as it is in the page's own template."""
    texts: list[str] = []

    def variable(match: re.Match[str]) -> str:
        texts.append(match[1])
        return ">{{ texts." + str(len(texts) - 1) + " }}<"

    return engines["django"].from_string(TEXT.sub(variable, PAGES[name])).template, texts


@open_to("anyone")
def bare(request: HttpRequest, name: str) -> HttpResponse:
    template, texts = template_of(name)
    return HttpResponse(template.render(Context({"texts": texts}, autoescape=False)))
