"""Our accounts as a partner sees them."""

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from core.asking import one_of, words
from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps.seenby import SeenBy
from partners.views.access import partner_for

A_PAGE = 25


@requires(Permission.SEE_WORKSPACE)
@require_GET
def seen_by(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CHANGE_SHARING)
    shares = {name.value: (name, share) for name, share in partner.shares.items()}
    population = one_of(shares, request.GET.get("population"))
    seen = SeenBy(partner, population, words(request.GET))
    context = {
        "partner": partner,
        "page": Paginator(seen, A_PAGE).get_page(request.GET.get("page")),
        "q": seen.begins,
        "population": population,
        "shares": [pair for pair in shares.values() if pair[1].level != "hidden"],
    }
    return render(request, "overlaps/seen_by.html", context)
