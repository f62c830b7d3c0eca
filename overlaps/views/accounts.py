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
from overlaps.accounts import AccountList
from overlaps.dossier import Dossier, with_history
from overlaps.forms.accounts import AccountForm
from overlaps.forms.filters import FilterFields
from overlaps.models import Account

INVALID = HTTPStatus.UNPROCESSABLE_ENTITY


@requires(Permission.SEE_WORKSPACE)
@require_GET
def account_list(request: MemberRequest) -> HttpResponse:
    """With htmx: what was found, or only the further rows, for the row that led to them."""
    wanted = AccountList.asked_for(request.GET, request.membership)
    further = request.htmx and request.htmx.target == "tr#more"
    part = "#rows" if further else "#found" if request.htmx else ""
    return render(
        request, f"overlaps/accounts.html{part}", {"list": wanted, "page": wanted.page, "further": further}
    )


@requires(Permission.SEE_WORKSPACE)
@require_GET
def account_filter(request: MemberRequest) -> HttpResponse:
    """A form for all that the list can be filtered by; sent, it leads to the list."""
    wanted = AccountList.asked_for(request.GET, request.membership)
    if "go" in request.GET:
        return redirect(request.tenant.path_to("overlaps:accounts") + wanted.address())
    fields = FilterFields.of(wanted.filter, member=request.membership, partner=wanted.partner)
    return render(request, "overlaps/account_filter.html", {"list": wanted, "fields": fields})


@requires(Permission.SEE_WORKSPACE)
@require_GET
def account_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    account = get_object_or_404(with_history(Account.objects.all(), request.membership), pk=pk)
    dossier = Dossier(account, request.membership)
    return render(request, "overlaps/account.html", {"account": account, "dossier": dossier})


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def account_new(request: MemberRequest) -> HttpResponse:
    return _form(request, None, f"{request.tenant} has a new account.")


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def account_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    account = get_object_or_404(Account.objects.all(), pk=pk)
    return _form(request, account, f"{account} is saved.")


def _form(request: MemberRequest, account: Account | None, done: str) -> HttpResponse:
    posted = request.method == "POST"
    form = AccountForm(request.POST if posted else None, account=account, by=request.membership)
    if posted and form.succeeds():
        messages.success(request, done)
        for remark in form.remarks:
            messages.warning(request, remark)
        return redirect(request.tenant.path_to("overlaps:account", pk=form.account.pk))
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
