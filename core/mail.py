"""Mails to people: plain text from templates/emails/, the first line is the subject.

Links are made in the template by `{% full_url %}`, from settings.SITE_URL. Everything in the context is a name or a
text that somebody typed: it arrives as one line, cut, and so that no mail program makes a link of it.
"""

import re
from datetime import date
from typing import Any

from django.core.mail import EmailMessage
from django.template import Context
from django.template.loader import get_template

LONGEST = 300
JOINER = "\N{WORD JOINER}"  # not seen, and no address goes on across it


def send(template: str, to: str, context: dict[str, Any]) -> None:
    """`template`: name of a file in templates/emails/ without ".txt"."""
    values = {name: harmless(value) for name, value in context.items()}
    text = get_template(f"emails/{template}.txt").template.render(Context(values, autoescape=False))
    subject, _, body = text.strip().partition("\n")
    message = EmailMessage(subject.strip()[:150], body.strip() + "\n", to=[to])
    message.extra_headers = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    message.send(using="default")


def harmless(value: Any) -> Any:
    """Numbers and dates as they are; all else as one line of at most 300 characters in which nothing is a link."""
    if value is None or isinstance(value, bool | int | float | date):
        return value
    line = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    line = line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"
    return re.sub(r"(?<=\S)([.:/@])(?=\S)", JOINER + r"\1" + JOINER, line)
