"""Our own list."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps.accounts import SORTS, AccountList
from overlaps.forms.accounts import AccountForm
from overlaps.models import Account, Overlap

INVALID = HTTPStatus.UNPROCESSABLE_ENTITY


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
