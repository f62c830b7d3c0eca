import csv
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from core.spreadsheets import harmless
from overlaps.columns import EXAMPLE, LABELS
from overlaps.forms import AccountForm, ImportForm
from overlaps.lists import SORTS, AccountList, OverlapList
from overlaps.models import Account, Import, Overlap

INVALID = HTTPStatus.UNPROCESSABLE_ENTITY

# -- overlaps ---------------------------------------------------------------------------------------------------


@requires(Permission.SEE_WORKSPACE)
@require_GET
def overlap_list(request: MemberRequest) -> HttpResponse:
    wanted = OverlapList.asked_for(request.GET, request.membership)
    template = "overlaps/list.html#found" if request.htmx else "overlaps/list.html"
    return render(request, template, {"list": wanted, "page": wanted.page})


@requires(Permission.SEE_WORKSPACE)
@require_GET
def overlap_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    visible = Overlap.objects.visible_to(request.membership).select_related("partner", "account")
    return render(request, "overlaps/detail.html", {"overlap": get_object_or_404(visible, pk=pk)})


# -- accounts ---------------------------------------------------------------------------------------------------


@requires(Permission.SEE_WORKSPACE)
@require_GET
def account_list(request: MemberRequest) -> HttpResponse:
    wanted = AccountList.asked_for(request.GET)
    template = "overlaps/accounts.html#found" if request.htmx else "overlaps/accounts.html"
    return render(request, template, {"list": wanted, "page": wanted.page, "sorts": SORTS})


@requires(Permission.SEE_WORKSPACE)
@require_GET
def account_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    account = get_object_or_404(Account.objects.all(), pk=pk)
    overlaps = (
        Overlap.objects.visible_to(request.membership).filter(account=account).select_related("partner")
    )
    context = {"account": account, "overlaps": overlaps.order_by("partner__name", "name", "pk")[:50]}
    return render(request, "overlaps/account.html", context)


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def account_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    account = get_object_or_404(Account.objects.all(), pk=pk)
    posted = request.method == "POST"
    form = AccountForm(request.POST if posted else None, account=account, by=request.membership)
    if posted and form.succeeds():
        messages.success(request, f"{account} is saved.")
        return redirect(request.tenant.path_to("overlaps:account", pk=pk))
    status = HTTPStatus.CONFLICT if form.conflicts else INVALID if posted else HTTPStatus.OK
    return render(request, "overlaps/account_edit.html", {"form": form, "account": account}, status=status)


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def account_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    account = get_object_or_404(Account.objects.all(), pk=pk)
    if request.method == "POST":
        account.remove(by=request.membership)
        messages.success(request, f"{account} is deleted.")
        return redirect(request.tenant.path_to("overlaps:accounts"))
    return render(request, "overlaps/account_delete.html", {"account": account})


# -- imports ----------------------------------------------------------------------------------------------------


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
