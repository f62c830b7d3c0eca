from django.conf import settings
from django.core.management.commands import migrate
from django.db import connections

from config.postgres.roles import Names, privilege_statements


class Command(migrate.Command):
    """migrate, as the role that owns the schema; what it makes, the application's role may use."""

    def handle(self, *args, **options) -> None:
        connection = connections[options["database"]]
        names = Names.of(
            settings.DATABASES[options["database"]]
        )  # not the connection's: it may be the owner's
        with connection.as_owner():
            with connection.cursor() as cursor:
                for statement in privilege_statements(names):
                    cursor.execute(statement)
            super().handle(*args, **options)
