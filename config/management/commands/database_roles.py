import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.postgres.roles import Names, as_script, create_all


class Command(BaseCommand):
    help = (
        "What a database administrator does once on a server of your own, PostgreSQL 15 to 18: prints the "
        "SQL; with --run URL (a superuser, or a managed server's admin role) does it, with the names and "
        "passwords of DATABASE_URL and DATABASE_OWNER_URL. Either may be done again."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--run", metavar="URL", help="postgresql://admin:password@host/postgres")

    def handle(self, *, run: str | None, **options) -> None:
        login = settings.DATABASES["default"]
        names = Names.of(login)
        if not run:
            self.stdout.write(as_script(names))
            return
        passwords = {names.app: login["PASSWORD"], names.owner: (login.get("OWNER") or {}).get("PASSWORD")}
        try:
            create_all(run, names, {role: password for role, password in passwords.items() if password})
        except psycopg.Error as error:
            raise CommandError(" ".join(str(error).split())) from error
        self.stdout.write(f"Ready: {names.owner} may migrate {names.database}, {names.app} may use it.")
