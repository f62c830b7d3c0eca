"""Many accounts of our list at once. What a list sent is sent again with each step, until it is done."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from core.asking import an_id
from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps import bulk
from overlaps.bulk import Chosen
from overlaps.exposure import counted
from overlaps.forms.bulk import ChangeManyForm, DeleteManyForm, MergeForm
from overlaps.models import Account

OK, INVALID, CONFLICT = HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT
MOST_MERGED = 10


def _to_list(request: MemberRequest) -> HttpResponse:
    query = request.POST.get("query", "")[:5_000]
    return redirect(f"{request.tenant.path_to('overlaps:accounts')}{'?' if query else ''}{query}")


def _nothing(request: MemberRequest) -> HttpResponse:
    messages.warning(request, "Select accounts first.")
    return _to_list(request)


@requires(Permission.EDIT_ACCOUNTS)
@require_POST
def accounts_change(request: MemberRequest) -> HttpResponse:
    """What is to change (`step` says nothing yet); then what comes of it ("look"); then it is done ("do")."""
    chosen, step = Chosen.asked_for(request.POST, request.membership), request.POST.get("step", "")
    if not (found := chosen.accounts.count()):
        return _nothing(request)
    form = ChangeManyForm(request.POST if step else None)
    if step not in ("look", "do") or not form.is_valid():
        context, wrong = {"chosen": chosen, "found": found, "form": form}, step in ("look", "do")
        return render(request, "overlaps/accounts_change.html", context, status=INVALID if wrong else OK)
    if step == "do" and request.POST.get("seen") == str(found):
        changed = bulk.change(chosen, form.wanted, by=request.membership)
        messages.success(request, f"{counted(changed, 'account')} changed.")
        return _to_list(request)
    return _confirm(request, chosen, found, form)


def _confirm(request: MemberRequest, chosen: Chosen, found: int, form: ChangeManyForm) -> HttpResponse:
    again = request.POST["step"] == "do"  # and now there is another number
    told = bulk.consequences(chosen, form.wanted, request.membership)
    context = {"chosen": chosen, "found": found, "form": form, "consequences": told, "again": again}
    return render(request, "overlaps/accounts_change_confirm.html", context, status=CONFLICT if again else OK)


@requires(Permission.EDIT_ACCOUNTS)
@require_POST
def accounts_delete(request: MemberRequest) -> HttpResponse:
    chosen = Chosen.asked_for(request.POST, request.membership)
    if not (found := chosen.accounts.count()):
        return _nothing(request)
    form = DeleteManyForm(request.POST if "number" in request.POST else None, found=found)
    if form.is_valid():
        removed = bulk.remove(chosen, by=request.membership)
        messages.success(request, f"{counted(removed, 'account')} deleted.")
        return redirect(request.tenant.path_to("overlaps:accounts"))
    context = {"chosen": chosen, "found": found, "form": form}
    return render(request, "overlaps/accounts_delete.html", context, status=INVALID if form.is_bound else OK)


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def accounts_merge(request: MemberRequest) -> HttpResponse:
    """By GET too, with the ids in the address: for links from pages that found them."""
    picked = request.POST.getlist("pick") or request.GET.getlist("pick")
    ids = {pk for text in picked[: MOST_MERGED + 1] if (pk := an_id(text))}
    accounts = list(Account.objects.filter(pk__in=ids))
    if not 1 < len(accounts) <= MOST_MERGED:
        messages.warning(request, f"Select from two to {MOST_MERGED} accounts that are one company.")
        return _to_list(request)
    form = MergeForm(request.POST if "seen" in request.POST else None, accounts=accounts)
    stale = form.is_bound and request.POST["seen"] != form.stamp
    if form.is_valid() and not stale:
        kept = Account.merge(accounts, take=form.take, by=request.membership)
        messages.success(request, f"{len(accounts)} accounts are one: {kept}.")
        return redirect(request.tenant.path_to("overlaps:account", pk=kept.pk))
    status = CONFLICT if stale else INVALID if form.is_bound else OK
    return render(request, "overlaps/accounts_merge.html", {"form": form, "stale": stale}, status=status)
