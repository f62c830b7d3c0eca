from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from core.gate import open_to


@open_to("anyone")
def mailbox(request: HttpRequest) -> HttpResponse:
    """All mail this installation sent, newest first. Under DEBUG only: config.urls sees to it, and so does this."""
    if not settings.DEBUG:
        raise Http404
    directory = Path(settings.MAILERS["default"]["OPTIONS"]["directory"])
    files = sorted(directory.glob("*.eml"), reverse=True)
    page = Paginator(files, 20).get_page(request.GET.get("page"))
    return render(request, "devmail/mailbox.html", {"page": page, "mails": map(_read, page)})


def _read(file: Path) -> dict[str, Any]:
    message = message_from_bytes(file.read_bytes(), _class=EmailMessage, policy=default)
    body = message.get_body(("plain", "html"))
    return {
        "to": message["to"],
        "sender": message["from"],
        "subject": message["subject"],
        "sent_at": message["date"].datetime,
        "text": body.get_content() if body else "",
    }
