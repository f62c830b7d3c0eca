"""What we and a partner both know."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps.inbox import OverlapList
from overlaps.models import InboxVisit, Overlap
from overlaps.views.marks import just_marked


@requires(Permission.SEE_WORKSPACE)
@require_GET
def overlap_list(request: MemberRequest) -> HttpResponse:
    """With htmx: what was found, or only the further rows, for the row that led to them."""
    wanted = OverlapList.asked_for(request.GET, request.membership)
    further = request.htmx and request.htmx.target == "tr#more"
    part = "#rows" if further else "#found" if request.htmx else ""
    since = InboxVisit.begin(request.membership).before
    context = {"list": wanted, "page": wanted.page, "further": further, "since": since}
    return render(request, f"overlaps/list.html{part}", context | {"undo": just_marked(request)})


@requires(Permission.SEE_WORKSPACE)
@require_GET
def overlap_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    visible = Overlap.objects.visible_to(request.membership).select_related("partner", "account")
    return render(request, "overlaps/detail.html", {"overlap": get_object_or_404(visible, pk=pk)})
