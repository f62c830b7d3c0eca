"""The list, the page of one partner, and the state of the connection."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.asking import an_id, one_of, words
from core.gate import requires
from core.http import MemberRequest
from core.models import Membership
from core.roles import Permission
from partners.forms import ChangeForm, GrantForm, OfflineForm
from partners.models import Connection, Partner, PartnerInvitation
from partners.models.partner import PartnerQuerySet
from partners.views.access import data_of, partner_for, status_of

A_PAGE = 25
State = Partner.State
FILTERS = {
    "": ("All", []),
    "connected": ("Connected", [State.CONNECTED]),
    "invited": ("Invited", [State.INVITED]),
    "offline": ("Offline", [State.OFFLINE]),
    "paused": ("Paused", [State.PAUSED]),
    "ended": ("Ended", [State.ENDED, State.DECLINED, State.REVOKED]),
}


@dataclass(frozen=True)
class PartnerList:
    """What a member sees of the partners, as the address asks for it."""

    member: Membership
    q: str
    state: str
    kind: str
    tier: str
    tag: str
    owner: UUID | None
    number: str  # of the page

    filters = FILTERS

    @classmethod
    def asked_for(cls, query: QueryDict, member: Membership) -> Self:
        return cls(
            member,
            q=words(query),
            state=one_of(FILTERS, query.get("state")),
            kind=one_of(Partner.Kind, query.get("kind")),
            tier=words(query, "tier"),
            tag=words(query, "tag"),
            owner=an_id(query.get("owner")),
            number=query.get("page", ""),
        )

    @cached_property
    def seen(self) -> PartnerQuerySet:
        return Partner.objects.visible_to(self.member)

    @cached_property
    def page(self) -> Page:
        exact = {
            "kind": self.kind,
            "tier": self.tier,
            "tags__contains": self.tag and [self.tag],
            "owner": self.owner,
        }
        found = self.seen.filter(**{field: value for field, value in exact.items() if value})
        found = found.in_states(*FILTERS[self.state][1]).matching(self.q).by_name().select_related("owner")
        page = Paginator(found, A_PAGE).get_page(self.number)
        Partner.with_connections(page.object_list)
        return page

    @property
    def is_filtered(self) -> bool:
        return any((self.q, self.state, self.kind, self.tier, self.tag, self.owner))

    @cached_property
    def choices(self) -> dict[str, list[tuple[str, str]]]:
        """What the partners have, to choose from: one query."""
        told = self.seen.values_list("owner", "owner__name", "owner__email", "tier", "tags").distinct()
        owners, tiers, tags = {}, set(), set()
        for owner, name, email, tier, has in told:
            owners[str(owner)] = name or email
            tiers.add(tier)
            tags.update(has)
        owners.pop("None", None)
        return {
            "owner": sorted(owners.items(), key=lambda pair: pair[1]),
            "tier": [(tier, tier) for tier in sorted(tiers - {""})],
            "tag": [(tag, tag) for tag in sorted(tags)],
        }

    @property
    def selects(self) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
        """Name, label, chosen value and choices of each further filter that there is something to choose in."""
        named = {"kind": "type", "tier": "tier", "tag": "tag", "owner": "manager"}
        choices = {"kind": Partner.Kind.choices} | self.choices
        chosen = {name: str(getattr(self, name) or "") for name in named}
        return [
            (name, label, chosen[name], choices[name])
            for name, label in named.items()
            if choices[name] or chosen[name]
        ]


@requires(Permission.SEE_WORKSPACE)
@require_GET
def partner_list(request: MemberRequest) -> HttpResponse:
    wanted = PartnerList.asked_for(request.GET, request.membership)
    template = "partners/list.html#found" if request.htmx else "partners/list.html"
    return render(request, template, {"list": wanted, "page": wanted.page})


@requires(Permission.CONNECT_PARTNERS)
@require_http_methods(["GET", "POST"])
def offline_new(request: MemberRequest) -> HttpResponse:
    form = OfflineForm(data_of(request), by=request.membership)
    if form.is_bound and form.succeeds():
        messages.success(request, f"{form.partner} is added. Nothing is shown to them: import their list.")
        return redirect(request.tenant.path_to("partners:detail", pk=form.partner.pk))
    return render(request, "partners/offline.html", {"form": form}, status=status_of(form))


@requires(Permission.SEE_WORKSPACE)
@require_GET
def detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    return partner_page(request, partner_for(request, pk))


def partner_page(
    request: MemberRequest, partner: Partner, grant_form: GrantForm | None = None
) -> HttpResponse:
    form = grant_form or GrantForm(partner=partner, by=request.membership)
    invitation = None
    if partner.state in {State.INVITED, State.OFFLINE}:
        invitation = PartnerInvitation.objects.pending().with_inviter().filter(partner=partner).first()
    if invitation:
        invitation.inviter = next(
            (m for m in partner.colleagues if m.user_id == invitation.invited_by_id), None
        )
        invitation.partner = partner
    context = {
        "partner": partner,
        "invitation": invitation,
        "grant_form": form,
    }
    return render(request, "partners/detail.html", context, status=status_of(form))


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def change(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    form = ChangeForm(data_of(request), instance=partner, by=request.membership)
    if form.is_bound and form.succeeds():
        messages.success(request, "The changes are saved.")
        return redirect(request.tenant.path_to("partners:detail", pk=pk))
    return render(request, "partners/change.html", {"form": form, "partner": partner}, status=status_of(form))


@requires(Permission.SEE_WORKSPACE)
@require_POST
def pause(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    return _move(request, partner, partner.pause, f"Paused: {partner} and you show each other nothing.")


@requires(Permission.SEE_WORKSPACE)
@require_POST
def resume(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    return _move(request, partner, partner.resume, f"{partner} and you are connected again.")


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def end(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CONNECT_PARTNERS)
    if request.method == "POST":
        return _move(request, partner, partner.end, f"The partnership with {partner} has ended.")
    if not partner.is_connected:
        return redirect(request.tenant.path_to("partners:detail", pk=pk))
    return render(request, "partners/end.html", {"partner": partner})


def _move(request: MemberRequest, partner: Partner, act: Callable[..., Any], done: str) -> HttpResponse:
    try:
        act(by=request.membership)
    except Connection.NotNow:
        messages.warning(
            request, "Nothing was done: the connection changed meanwhile. It stands as shown here."
        )
    else:
        messages.success(request, done)
    return redirect(request.tenant.path_to("partners:detail", pk=partner.pk))
