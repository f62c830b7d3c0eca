from django.core.management.commands import migrate
from django.db import connections


class Command(migrate.Command):
    """migrate, as the role that owns the schema."""

    def handle(self, *args, **options) -> None:
        with connections[options["database"]].as_owner():
            super().handle(*args, **options)
