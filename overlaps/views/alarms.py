"""What may be wrong with a partner's list."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps.models import Alarm
from partners.views.access import partner_for


@requires(Permission.SEE_WORKSPACE)
@require_POST
def dismiss(request: MemberRequest, pk: UUID, alarm: UUID) -> HttpResponse:
    partner = partner_for(request, pk, Permission.CHANGE_SHARING)
    found = get_object_or_404(Alarm.objects.select_related("partner").filter(partner=partner), pk=alarm)
    try:
        found.dismiss(by=request.membership)
    except Alarm.NotOpen:
        messages.warning(request, "A colleague was quicker: this alarm is dismissed.")
    else:
        messages.success(request, "The alarm is dismissed.")
    return redirect(request.tenant.path_to("partners:detail", pk=pk))
