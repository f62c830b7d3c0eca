"""The parts of our list that are matched and shared."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from core.asking import an_id
from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps import populations
from overlaps.forms.populations import PopulationForm
from partners.models import CustomPopulation


@requires(Permission.SEE_WORKSPACE)
@require_GET
def population_list(request: MemberRequest) -> HttpResponse:
    return render(request, "overlaps/populations.html", {"places": populations.places(request.membership)})


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def population_new(request: MemberRequest) -> HttpResponse:
    return _form(request, None)


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def population_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    return _form(request, get_object_or_404(CustomPopulation.objects.all(), pk=pk))


def _form(request: MemberRequest, population: CustomPopulation | None) -> HttpResponse:
    """By GET with conditions in the address: as they are counted without being saved."""
    data = request.POST if request.method == "POST" else None
    form = PopulationForm(data, asked=request.GET, population=population, by=request.membership)
    if data is not None and form.succeeds():
        messages.success(request, f"The population “{form.cleaned_data['name']}” is saved.")
        return redirect(request.tenant.path_to("overlaps:populations"))
    sent = HTTPStatus.CONFLICT if form.must_confirm else HTTPStatus.UNPROCESSABLE_ENTITY
    context = {"form": form, "population": population}
    status = HTTPStatus.OK if data is None else sent
    return render(request, "overlaps/population_edit.html", context, status=status)


@requires(Permission.EDIT_ACCOUNTS)
@require_GET
def population_preview(request: MemberRequest) -> HttpResponse:
    """How many accounts the conditions of an open form find, before they are saved."""
    population = CustomPopulation.objects.filter(pk=an_id(request.GET.get("of"))).first()
    form = PopulationForm(None, asked=request.GET, population=population, by=request.membership)
    return render(request, "overlaps/population_edit.html#effect", {"form": form, "population": population})


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def population_remove(request: MemberRequest, pk: UUID) -> HttpResponse:
    population = get_object_or_404(CustomPopulation.objects.all(), pk=pk)
    if request.method == "POST":
        populations.remove(population, by=request.membership)
        messages.success(request, f"The population “{population}” is removed.")
        return redirect(request.tenant.path_to("overlaps:populations"))
    place = next(p for p in populations.places(request.membership) if p.own == population)
    return render(request, "overlaps/population_remove.html", {"place": place})
