"""From a file to the list, in steps, and back."""

import csv
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from core.spreadsheets import harmless
from overlaps import imports, reports
from overlaps.columns import EXAMPLE, LABELS
from overlaps.forms.imports import (
    ColumnsForm,
    DropForm,
    ReadForm,
    RepairForm,
    StartForm,
    StepForm,
    UploadForm,
)
from overlaps.models import Import
from overlaps.reports import Report
from partners.models import Partner
from partners.views.access import partner_for

A_PAGE = 25
INVALID = HTTPStatus.UNPROCESSABLE_ENTITY
State = Import.State


def _import(request: MemberRequest, pk: UUID) -> Import:
    """404 for one of a partner that this member may not see, 403 for what is beyond role and grants."""
    found = Import.objects.visible_to(request.membership).select_related("partner")
    batch = get_object_or_404(found, pk=pk)
    if not batch.may_be_handled_by(request.membership):
        raise PermissionDenied
    if batch.is_undecided and not batch.has_list:
        batch.fail(imports.NO_LIST, by=None, at=batch.state)
    return batch


def _to(request: MemberRequest, batch: Import, step: str = "import_detail") -> HttpResponse:
    path = request.tenant.path_to(f"overlaps:{step}", pk=batch.pk)
    return HttpResponseClientRedirect(path) if request.htmx else redirect(path)


def _status(form: StepForm | UploadForm) -> HTTPStatus:
    if not form.is_bound:
        return HTTPStatus.OK
    return HTTPStatus.CONFLICT if getattr(form, "conflicts", False) else INVALID


# -- upload -------------------------------------------------------------------------------------------------------


@requires(Permission.EDIT_ACCOUNTS)
@require_GET
def import_list(request: MemberRequest) -> HttpResponse:
    found = Import.objects.visible_to(request.membership).select_related("partner").newest_first()
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    return render(request, "overlaps/imports.html", {"page": page})


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def import_new(request: MemberRequest) -> HttpResponse:
    return _upload(request)


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def partner_import(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The list of an offline partner, which we keep."""
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    if partner.state != Partner.State.OFFLINE:
        return redirect(request.tenant.path_to("partners:detail", pk=partner.pk))
    return _upload(request, partner)


def _upload(request: MemberRequest, partner: Partner | None = None) -> HttpResponse:
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = UploadForm(*sent, partner=partner, by=request.membership)
    if form.is_bound and form.succeeds():
        return _to(request, form.batch, "import_columns")
    latest = Import.objects.of(partner).newest_first()[:5]
    context = {"form": form, "partner": partner, "fields": LABELS.values(), "latest": latest}
    return render(request, "overlaps/import.html", context, status=_status(form))


# -- columns ------------------------------------------------------------------------------------------------------


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def import_columns(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Sent with `look`, it shows the values of the columns that were chosen, and decides nothing."""
    batch, looks = _import(request, pk), "look" in request.POST
    if not batch.is_undecided:
        return _to(request, batch)
    data = request.POST if request.method == "POST" and not looks else None
    form = ColumnsForm(data, batch=batch, by=request.membership, chosen=request.POST if looks else None)
    if form.is_bound and form.succeeds():
        return _to(request, batch, "import_rows")
    return _columns(request, batch, form, part="#values" if looks and request.htmx else "")


@requires(Permission.SEE_WORKSPACE)
@require_POST
def import_read(request: MemberRequest, pk: UUID) -> HttpResponse:
    """With another encoding, separator or sheet."""
    batch = _import(request, pk)
    if not batch.is_undecided:
        return _to(request, batch)
    read = ReadForm(request.POST, batch=batch, by=request.membership)
    if read.succeeds():
        return _to(request, batch, "import_columns")
    return _columns(request, batch, ColumnsForm(None, batch=batch, by=request.membership), read=read)


def _columns(
    request: MemberRequest, batch: Import, form: ColumnsForm, read: ReadForm | None = None, part: str = ""
) -> HttpResponse:
    context = {"batch": batch, "form": form, "step": "columns"}
    context["read"] = read or ReadForm(None, batch=batch, by=request.membership)
    return render(request, f"overlaps/import_columns.html{part}", context, status=_status(read or form))


# -- rows ---------------------------------------------------------------------------------------------------------


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def import_rows(request: MemberRequest, pk: UUID) -> HttpResponse:
    """What would happen; sent, it happens."""
    batch = _import(request, pk)
    if batch.state not in {State.MAPPED, State.CHECKED}:
        return _to(request, batch)
    if batch.state == State.MAPPED:
        return render(request, "overlaps/import_progress.html", {"batch": batch, "step": "rows"})
    form = StartForm(request.POST if request.method == "POST" else None, batch=batch, by=request.membership)
    if form.is_bound and form.succeeds():
        return _to(request, batch)
    return _rows(request, batch, form)


@requires(Permission.SEE_WORKSPACE)
@require_POST
def import_repair(request: MemberRequest, pk: UUID) -> HttpResponse:
    batch = _import(request, pk)
    form = _repair(request, batch)
    if not form or form.succeeds():
        return _to(request, batch, "import_rows")
    return _rows(request, batch, StartForm(None, batch=batch, by=request.membership), repair=form)


def _repair(request: MemberRequest, batch: Import) -> RepairForm | None:
    """None where there is nothing to be repaired, or not any more."""
    groups = Report(batch, request.membership).groups if batch.state == State.CHECKED else []
    number = request.POST.get("group", "")
    if not number.isdecimal() or len(number) > 4 or int(number) >= len(groups):
        return None
    return RepairForm(
        request.POST, number=int(number), group=groups[int(number)], batch=batch, by=request.membership
    )


@requires(Permission.SEE_WORKSPACE)
@require_POST
def import_repairs_drop(request: MemberRequest, pk: UUID) -> HttpResponse:
    """As if nothing had been repaired."""
    batch = _import(request, pk)
    form = DropForm(request.POST, batch=batch, by=request.membership)
    if batch.state == State.CHECKED and not form.succeeds():
        return _rows(request, batch, StartForm(None, batch=batch, by=request.membership), repair=form)
    return _to(request, batch, "import_rows")


def _rows(
    request: MemberRequest, batch: Import, form: StartForm, repair: StepForm | None = None
) -> HttpResponse:
    after = request.GET.get("after", "")
    report = Report(batch, request.membership, int(after) if after.isdecimal() and len(after) < 9 else 0)
    bound = repair and repair.initial.get("group")
    repairs = [
        repair
        if number == bound
        else RepairForm(None, number=number, group=group, batch=batch, by=request.membership)
        for number, group in enumerate(report.groups)
    ]
    context = {"batch": batch, "report": report, "form": form, "repairs": repairs, "step": "rows"}
    context["conflict"] = repair if repair and bound is None else None
    return render(request, "overlaps/import_rows.html", context, status=_status(repair or form))


# -- what became of it --------------------------------------------------------------------------------------------


@requires(Permission.SEE_WORKSPACE)
@require_GET
def import_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Where it stands: with htmx how far it is, and when it is through, the page that is next."""
    batch = _import(request, pk)
    if batch.is_running:
        part = "#progress" if request.htmx else ""
        return render(request, f"overlaps/import_progress.html{part}", {"batch": batch, "step": "import"})
    if batch.is_undecided:
        return _to(request, batch, "import_rows" if batch.state == State.CHECKED else "import_columns")
    if request.htmx:
        return _to(request, batch)
    return render(request, "overlaps/import_detail.html", _result(request, batch))


def _result(request: MemberRequest, batch: Import) -> dict[str, Any]:
    columns = [
        (name, LABELS.get(target, "Custom field")) for name, target in batch.decided.columns.items() if target
    ]
    kept = reports.kept(batch, member=request.membership) if batch.kept else []
    return {"batch": batch, "columns": columns, "kept": kept, "rejects": reports.first_rejects(batch)}


@requires(Permission.SEE_WORKSPACE)
@require_POST
def import_cancel(request: MemberRequest, pk: UUID) -> HttpResponse:
    batch = _import(request, pk)
    try:
        imports.cancel(batch, by=request.membership)
        messages.success(request, f"The import of {batch} is cancelled. Nothing was changed.")
    except Import.NotNow:
        messages.error(request, "It was too late: the import had come to its end.")
    return _to(request, batch)


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def import_undo(request: MemberRequest, pk: UUID) -> HttpResponse:
    batch = _import(request, pk)
    if not batch.may_be_undone:
        return _to(request, batch)
    if request.method == "GET":
        return render(request, "overlaps/import_undo.html", {"batch": batch})
    try:
        batch.undo(by=request.membership)
    except Import.NotNow:
        messages.error(request, "Somebody took it back already.")
    return _to(request, batch)


@requires(Permission.SEE_WORKSPACE)
@require_GET
def import_rejects(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The rows that were left out, to be put right and imported: the same columns, and why."""
    batch = _import(request, pk)
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
