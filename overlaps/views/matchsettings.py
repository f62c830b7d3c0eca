"""How this workspace wants to be matched."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps.forms.matchsettings import MatchSettingsForm
from overlaps.models import MatchSettings
from partners.views.access import data_of, status_of


@requires(Permission.CHANGE_SETTINGS)
@require_http_methods(["GET", "POST"])
def match_settings(request: MemberRequest) -> HttpResponse:
    form = MatchSettingsForm(data_of(request), settings=MatchSettings.here(), by=request.membership)
    if form.is_bound and form.succeeds():
        messages.success(request, "Saved. Your lists are matched anew, which takes a while if they are long.")
        return redirect(request.tenant.path_to("overlaps:match_settings"))
    return render(request, "overlaps/match_settings.html", {"form": form}, status=status_of(form))
