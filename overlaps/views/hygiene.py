"""What is doubtful in our own list, and the ordinary acts that mend it."""

from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from core.asking import an_id
from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps import hygiene
from overlaps.forms.hygiene import FixForm, country_names, ids_of
from overlaps.hygiene import CHECKS, MOST_IN_A_GROUP, Groups
from overlaps.models import Account, KeptApart


@requires(Permission.SEE_WORKSPACE)
@require_GET
def hygiene_overview(request: MemberRequest) -> HttpResponse:
    numbers = hygiene.numbers()
    checks = [(code, check, numbers[code]) for code, check in CHECKS.items()]
    return render(request, "overlaps/hygiene.html", {"checks": checks, "most": hygiene.COUNTED})


@requires(Permission.SEE_WORKSPACE)
@require_GET
def hygiene_check(request: MemberRequest, check: str) -> HttpResponse:
    return _page(request, check)


@requires(Permission.EDIT_ACCOUNTS)
@require_POST
def hygiene_fix(request: MemberRequest, check: str) -> HttpResponse:
    """One field of one account. With htmx its row alone is answered."""
    if check not in CHECKS or not CHECKS[check].fixes:
        raise Http404
    account = get_object_or_404(Account.objects.all(), pk=an_id(request.POST.get("account")))
    form = FixForm(request.POST, account=account, field=CHECKS[check].fixes, by=request.membership)
    done = form.succeeds()
    if request.htmx:
        context = {"form": form, "check": check, "done": done}
        return render(request, "overlaps/hygiene_row.html", context, status=_status(done))
    if not done:
        return _page(request, check, bound=form)
    messages.success(request, f"{account} is saved.")
    return redirect(request.get_full_path().replace("/fix/", "/"))


@requires(Permission.EDIT_ACCOUNTS)
@require_POST
def hygiene_apart(request: MemberRequest) -> HttpResponse:
    """They are two, and are not proposed again."""
    accounts = Account.objects.filter(pk__in=ids_of(request.POST.getlist("pick"), MOST_IN_A_GROUP))
    if len(accounts) > 1:
        KeptApart.say(accounts, by=request.membership)
        messages.success(request, f"{' and '.join(map(str, accounts[:2]))} are kept apart.")
    return redirect(request.tenant.path_to("overlaps:hygiene_check", check=_known(request.POST.get("check"))))


def _page(request: MemberRequest, check: str, bound: FixForm | None = None) -> HttpResponse:
    if check not in CHECKS:
        raise Http404
    page = hygiene.page_of(check, request.GET.get("after", ""))
    context = {"check": check, "facts": CHECKS[check], "page": page, "bound": bound}
    if isinstance(page, Groups):
        singles = [group.accounts[0] for group in page.rows if group.reason == "sources"]
        context["fixes"] = {form.account.pk: form for form in _forms(request, check, singles, bound)}
        return render(request, "overlaps/hygiene_groups.html", context, status=_status(not bound))
    context |= {"forms": _forms(request, check, page.rows, bound), "countries": country_names()}
    return render(request, "overlaps/hygiene_check.html", context, status=_status(not bound))


def _forms(
    request: MemberRequest, check: str, accounts: list[Account], bound: FixForm | None
) -> list[FixForm]:
    return [
        bound
        if bound and bound.account == account
        else FixForm(None, account=account, field=CHECKS[check].fixes, by=request.membership)
        for account in accounts
    ]


def _known(check: str | None) -> str:
    return check if check in hygiene.ASKED_OF else "twice"


def _status(fine: bool) -> HTTPStatus:
    return HTTPStatus.OK if fine else HTTPStatus.UNPROCESSABLE_ENTITY
