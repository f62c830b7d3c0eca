"""Every address of the product, for tests that call on all of them: the rows of `tests/url_matrix.py`, filled in."""

from django.urls import reverse

from tests.url_matrix import OUTSIDE, WORKSPACE
from tests.world import Company


def addresses(one: Company) -> dict[str, str]:
    """By the names of the URLs, as the people of this company would call them."""
    inside = {name: reverse(name, kwargs=arguments(row, one)) for name, row in WORKSPACE.items()}
    return inside | {name: reverse(name, kwargs=row.get("kwargs", {})) for name, row in OUTSIDE.items()}


def arguments(row: dict, one: Company) -> dict[str, object]:
    given = {key: getattr(one.rows.get(name, name), "pk", name) for key, name in row.get("rows", {}).items()}
    return {"slug": one.tenant.slug} | row.get("kwargs", {}) | given
