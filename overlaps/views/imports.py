"""From a file to the list."""

import csv
from http import HTTPStatus
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from core.spreadsheets import harmless
from overlaps.columns import EXAMPLE, LABELS
from overlaps.forms.imports import ImportForm
from overlaps.models import Import

INVALID = HTTPStatus.UNPROCESSABLE_ENTITY


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def import_new(request: MemberRequest) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None, by=request.membership)
    if request.method == "POST" and form.is_valid():
        batch = form.save()
        return redirect(request.tenant.path_to("overlaps:import_detail", pk=batch.pk))
    context = {"form": form, "fields": LABELS.values(), "latest": Import.objects.newest_first()[:5]}
    return render(
        request, "overlaps/import.html", context, status=INVALID if form.is_bound else HTTPStatus.OK
    )


@requires(Permission.EDIT_ACCOUNTS)
@require_GET
def import_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    batch = get_object_or_404(Import.objects.all(), pk=pk)
    if request.htmx:
        return render(request, "overlaps/import_detail.html#progress", {"batch": batch})
    columns = [(name, LABELS.get(field)) for name, field in batch.matched_columns]
    context = {"batch": batch, "rejects": batch.rejects.order_by("number")[:10], "columns": columns}
    return render(request, "overlaps/import_detail.html", context)


@requires(Permission.EDIT_ACCOUNTS)
@require_GET
def import_rejects(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The rows that were left out, to be put right and imported: the same columns, and why."""
    batch = get_object_or_404(Import.objects.all(), pk=pk)
    rows = batch.rejects.order_by("number").values_list("number", "reason", "cells")
    lines = [[number, reason, *cells] for number, reason, cells in rows.iterator()]
    return _csv("rejected.csv", [["Row", "Reason", *batch.header], *lines])


@requires(Permission.EDIT_ACCOUNTS)
@require_GET
def import_template(request: MemberRequest) -> HttpResponse:
    return _csv("accounts.csv", [LABELS.values(), EXAMPLE.values()])


def _csv(filename: str, lines: list) -> HttpResponse:
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )
    response.write("\ufeff")  # so that Excel reads it as UTF-8
    csv.writer(response).writerows([harmless(cell) for cell in line] for line in lines)
    return response
