"""Whatever somebody pastes, read as e-mail addresses."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from workspaces.models import Invitation, Recipient, Verdict

MOST = 50
NAME_WITH_COMMA = re.compile(r'"[^"\n]*"')
UNSEEN = {ord(sign): None for sign in "\u200b\u200c\u200d\u2060\ufeff\u202a\u202b\u202c\u202d\u202e"}
valid = EmailValidator(allowlist=[])


def parse(text: str) -> list[str]:
    """Lower case, each once, in their order; what is no address is among them as it was written.

    Commas, semicolons, spaces and lines part them; `Name <a@b.c>` counts as a@b.c.
    """
    found = []
    for part in re.split(r"[,;\r\n\t]", NAME_WITH_COMMA.sub(" ", text.translate(UNSEEN))):
        _, opened, rest = part.partition("<")
        words = rest.partition(">")[0].split() if opened else part.split()
        found += [word.removeprefix("mailto:").strip("<>()[]'\".").lower() for word in words]
    return list(dict.fromkeys(filter(None, found)))


def recipients(emails: list[str]) -> list[Recipient]:
    """In the order given."""
    judged = {one.email: one for one in Invitation.judge(filter(is_valid, emails))}
    return [judged.get(email) or Recipient(email[:254], Verdict.INVALID) for email in emails]


def is_valid(email: str) -> bool:
    try:
        valid(email)
    except ValidationError:
        return False
    return len(email) <= 254
