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
    wanted = OverlapList.asked_for(request.GET, request.membership)
    template = "overlaps/list.html#found" if request.htmx else "overlaps/list.html"
    since = InboxVisit.begin(request.membership).before
    query = request.GET.urlencode()
    context = {
        "list": wanted,
        "page": wanted.page,
        "query": query,
        "undo": just_marked(request),
        "since": since,
    }
    return render(request, template, context)


@requires(Permission.SEE_WORKSPACE)
@require_GET
def overlap_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    visible = Overlap.objects.visible_to(request.membership).select_related("partner", "account")
    return render(request, "overlaps/detail.html", {"overlap": get_object_or_404(visible, pk=pk)})
