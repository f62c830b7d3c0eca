"""What people say of a pair of accounts: not the same, the same, or: let the rules decide again."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps import matching
from overlaps.forms.verdicts import MatchForm, VetoForm
from overlaps.models import Account, Overlap, Suggestion, Verdict
from partners.models import Partner
from partners.views.access import data_of, status_of

A_PAGE = 25
CONFIRMED = "You confirmed {one.account}. It shows when {one.partner} confirms it too."
REJECTED = "{one.account}: not the same, until somebody takes that back."


def _overlap(request: MemberRequest, pk: UUID, *, known: bool) -> Overlap:
    visible = Overlap.objects.visible_to(request.membership).filter(account__isnull=not known)
    return get_object_or_404(visible.select_related("partner", "account"), pk=pk)


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def veto(request: MemberRequest, pk: UUID) -> HttpResponse:
    overlap = _overlap(request, pk, known=True)
    form = VetoForm(data_of(request), overlap=overlap, by=request.membership)
    if form.is_bound and form.succeeds():
        messages.success(request, f"{overlap.name} and {overlap.account} are two companies from now on.")
        return redirect(request.tenant.path_to("overlaps:verdicts"))
    return render(request, "overlaps/veto.html", {"form": form, "overlap": overlap}, status=status_of(form))


@requires(Permission.EDIT_ACCOUNTS)
@require_http_methods(["GET", "POST"])
def match(request: MemberRequest, pk: UUID) -> HttpResponse:
    """An account that a partner shows us, and that we have under another name."""
    overlap = _overlap(request, pk, known=False)
    form = MatchForm(data_of(request), overlap=overlap, query=request.GET, by=request.membership)
    if form.is_bound and form.succeeds():
        messages.success(request, f"{overlap.name} is matched by hand.")
        return redirect(request.tenant.path_to("overlaps:verdicts"))
    return render(request, "overlaps/match.html", {"form": form, "overlap": overlap}, status=status_of(form))


@requires(Permission.EDIT_ACCOUNTS)
@require_POST
@transaction.atomic
def take(request: MemberRequest, pk: UUID) -> HttpResponse:
    """An account that a partner shows us comes into our own list, with what it shows."""
    overlap = _overlap(request, pk, known=False)
    shown = {name: getattr(overlap, name) for name in ("name", "domain", "country", "company_number")}
    account = Account.make(by=request.membership, **shown)
    if still := Overlap.objects.filter(pk=pk, account=None).select_related("partner").first():
        Verdict.match(still, account, by=request.membership)  # the rules alone don't find it
    messages.success(request, f"{account} is in your list, as a prospect.")
    return redirect(request.tenant.path_to("overlaps:account", pk=account.pk))


@requires(Permission.SEE_WORKSPACE)
@require_GET
def verdict_list(request: MemberRequest) -> HttpResponse:
    seen = Partner.objects.visible_to(request.membership)
    found = Verdict.objects.filter(partner__in=seen).select_related("partner").order_by("-at", "pk")
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    Partner.with_connections([verdict.partner for verdict in page.object_list])
    return render(request, "overlaps/verdicts.html", {"page": page})


@requires(Permission.EDIT_ACCOUNTS)
@require_POST
def take_back(request: MemberRequest, pk: UUID) -> HttpResponse:
    seen = Partner.objects.visible_to(request.membership)
    verdict = get_object_or_404(Verdict.objects.filter(partner__in=seen).select_related("partner"), pk=pk)
    verdict.take_back(by=request.membership)
    messages.success(
        request, f"{verdict.account_name}: the rules decide again, unless the partner says otherwise."
    )
    return redirect(request.tenant.path_to("overlaps:verdicts"))


@requires(Permission.SEE_WORKSPACE)
@require_GET
def suggestion_list(request: MemberRequest) -> HttpResponse:
    found = Suggestion.objects.visible_to(request.membership).select_related("partner", "account")
    page = Paginator(found.order_by("-confidence", "pk"), A_PAGE).get_page(request.GET.get("page"))
    return render(request, "overlaps/suggestions.html", {"page": page})


@requires(Permission.EDIT_ACCOUNTS)
@require_POST
def suggestion_answer(request: MemberRequest, pk: UUID) -> HttpResponse:
    """`says`: "same" or "not"; anything else says nothing."""
    found = Suggestion.objects.visible_to(request.membership).select_related("partner", "account")
    suggestion, says = get_object_or_404(found, pk=pk), request.POST.get("says")
    answers = {"same": (suggestion.confirm, CONFIRMED), "not": (suggestion.reject, REJECTED)}
    if says in answers:
        act, told = answers[says]
        try:
            act(by=request.membership)
            messages.success(request, told.format(one=suggestion))
        except matching.NotThere:
            messages.error(request, "It is not suggested any more.")
    return redirect(request.tenant.path_to("overlaps:suggestions"))
