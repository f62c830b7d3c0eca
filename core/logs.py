import logging
import re

# What follows these in a path opens a door.
SECRET_IN_PATH = re.compile(
    r"(/(?:partner-)?invitations/open/|/confirm-email/|/password/reset/key/)[^\s/\"']+"
)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class MaskTokens(logging.Filter):
    """No token reaches a log, and no logged value breaks its line."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = SECRET_IN_PATH.sub(r"\1***", record.getMessage())
        if not record.exc_info:
            record.msg = CONTROL.sub("?", record.msg)
        record.args = ()
        return True
