"""What partners see: choose, look at the consequence in numbers, confirm."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps import dryrun
from overlaps.forms.presets import PresetForm
from overlaps.forms.sharing import DefaultsForm, RulesForm, SharingForm
from partners.models import DataRequest, FieldPreset, Partner, SharingRule
from partners.views.access import data_of, partner_for

INVALID = HTTPStatus.UNPROCESSABLE_ENTITY


@requires(Permission.SEE_WORKSPACE)
@require_GET
def sharing(request: MemberRequest, pk: UUID) -> HttpResponse:
    partner = partner_for(request, pk)
    return _page(request, SharingForm(partner=partner, by=request.membership))


@requires(Permission.SEE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def sharing_confirm(request: MemberRequest, pk: UUID) -> HttpResponse:
    """GET shows what would change; POST does it, unless something is not as it was shown."""
    partner = partner_for(request, pk, Permission.CHANGE_SHARING)
    form = SharingForm(data_of(request) or request.GET, partner=partner, by=request.membership)
    if not form.is_valid():
        return _page(request, form, INVALID)
    done = f"Saved: this is what {partner} sees from now on."
    return _confirm(request, form, request.tenant.path_to("overlaps:sharing", pk=pk), done)


@requires(Permission.CHANGE_SETTINGS)
@require_GET
def defaults(request: MemberRequest) -> HttpResponse:
    return _defaults(request, DefaultsForm(by=request.membership))


@requires(Permission.CHANGE_SETTINGS)
@require_http_methods(["GET", "POST"])
def defaults_confirm(request: MemberRequest) -> HttpResponse:
    form = DefaultsForm(data_of(request) or request.GET, by=request.membership)
    if not form.is_valid():
        return _defaults(request, form, INVALID)
    done = "Saved: this is what partners without a rule of their own see from now on."
    return _confirm(request, form, request.tenant.path_to("overlaps:sharing_defaults"), done)


def _confirm(request: MemberRequest, form: RulesForm, page: str, done: str) -> HttpResponse:
    if not form.wanted:
        messages.info(request, "Nothing to change: that is what is shared now.")
        return redirect(page)
    if request.method == "POST":
        try:
            form.act()
        except (Partner.Changed, dryrun.Changed):
            fresh = form.anew()
            fresh.is_valid()
            return _consequence(request, fresh, page, again=True)
        messages.success(request, done)
        return redirect(page)
    return _consequence(request, form, page, again=form.is_stale)


def _consequence(request: MemberRequest, form: RulesForm, page: str, *, again: bool) -> HttpResponse:
    partner = getattr(form, "partner", None)
    context = {"form": form, "partner": partner, "back": page, "again": again}
    template = "overlaps/sharing_confirm.html" if partner else "overlaps/defaults_confirm.html"
    return render(request, template, context, status=HTTPStatus.CONFLICT if again else HTTPStatus.OK)


def _page(request: MemberRequest, form: SharingForm, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    requests = DataRequest.objects.open().filter(connection_id=form.partner.connection_id).newest_first()
    asked = [one for one in requests if not one.is_ours]
    ours = {one.population: one for one in requests if one.is_ours}
    context = {"form": form, "partner": form.partner, "asked": asked, "ours": ours}
    return render(request, "overlaps/sharing.html", context, status=status)


def _defaults(request: MemberRequest, form: DefaultsForm, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    own = FieldPreset.objects.order_by("name")
    explicit = SharingRule.objects.filter(follows_default=False).values("partner")
    followers = Partner.objects.connected().exclude(pk__in=explicit).count()
    context = {"form": form, "presets": own, "followers": followers}
    return render(request, "overlaps/sharing_defaults.html", context, status=status)


# -- sets of fields -----------------------------------------------------------------------------------------------


@requires(Permission.CHANGE_SETTINGS)
@require_http_methods(["GET", "POST"])
def preset_new(request: MemberRequest) -> HttpResponse:
    return _preset(request, None)


@requires(Permission.CHANGE_SETTINGS)
@require_http_methods(["GET", "POST"])
def preset_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    return _preset(request, get_object_or_404(FieldPreset.objects.all(), pk=pk))


def _preset(request: MemberRequest, preset: FieldPreset | None) -> HttpResponse:
    form = PresetForm(data_of(request), preset=preset, by=request.membership)
    if form.is_bound and form.succeeds():
        messages.success(request, f"The fields “{form.preset}” are saved.")
        return redirect(request.tenant.path_to("overlaps:sharing_defaults"))
    status = HTTPStatus.CONFLICT if form.must_confirm else INVALID if form.is_bound else HTTPStatus.OK
    return render(request, "overlaps/preset_edit.html", {"form": form, "preset": preset}, status=status)


@requires(Permission.CHANGE_SETTINGS)
@require_http_methods(["GET", "POST"])
def preset_remove(request: MemberRequest, pk: UUID) -> HttpResponse:
    preset = get_object_or_404(FieldPreset.objects.all(), pk=pk)
    if request.method == "GET":
        return render(request, "overlaps/preset_remove.html", {"preset": preset})
    try:
        preset.remove(by=request.membership)
        messages.success(request, f"The fields “{preset}” are gone.")
    except FieldPreset.InUse:
        messages.error(request, f"“{preset}” is in use: choose other fields where it is, first.")
    return redirect(request.tenant.path_to("overlaps:sharing_defaults"))
