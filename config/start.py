"""Outside of development, no process serves while one of the database's locks stands open."""

from io import StringIO

from django.conf import settings
from django.core.management import call_command
from django.db import connection


def refuse_open_locks() -> None:
    """Raises CommandError; what is wrong stands in the error output."""
    if settings.DEBUG:
        return
    try:
        call_command("tenancy_check", stdout=StringIO())
    finally:
        connection.close()  # processes that fork from this one may not share it
