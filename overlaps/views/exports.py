"""Lists as files."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from core.gate import requires
from core.http import MemberRequest
from core.roles import Permission
from overlaps.bulk import Chosen
from overlaps.exports import FORMATS, Accounts, Content, Export, Overlaps, TooMany
from overlaps.inbox import ChosenOverlaps


@requires(Permission.SEE_WORKSPACE)
@require_POST
def accounts_export(request: MemberRequest) -> HttpResponseBase:
    return _file(request, Accounts(Chosen.asked_for(request.POST, request.membership)))


@requires(Permission.SEE_WORKSPACE)
@require_POST
def overlaps_export(request: MemberRequest) -> HttpResponseBase:
    return _file(request, Overlaps(ChosenOverlaps.asked_for(request.POST, request.membership)))


def _file(request: MemberRequest, content: Content) -> HttpResponseBase:
    format = request.POST.get("format", "")
    if format not in FORMATS or not content.rows(request.membership).exists():
        messages.warning(request, f"Select {content.noun} first.")
        return _to_list(request, content)
    try:
        return Export.begin(content, format=format, by=request.membership).response()
    except TooMany as most:
        words = f"An Excel file is made of up to {most.args[0]:,} {content.noun}. Take CSV for more."
        messages.warning(request, words)
        return _to_list(request, content)


def _to_list(request: MemberRequest, content: Content) -> HttpResponseBase:
    query = request.POST.get("query", "")[:5_000]
    return redirect(f"{request.tenant.path_to(content.place)}{'?' if query else ''}{query}")
