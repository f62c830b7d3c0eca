import contextlib
import subprocess

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from config.postgres.local import local_servers


class Command(BaseCommand):
    help = "The embedded PostgreSQL server: start, stop, status; psql also for a server of your own."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["start", "stop", "status", "psql"])
        parser.add_argument("--owner", action="store_true", help="psql: log in as the owner of the schema")
        parser.add_argument("--tests", action="store_true", help="stop: only the server of the tests")

    def handle(self, *, action: str, **options) -> None:
        getattr(self, f"_{action}")(**options)

    def _start(self, **options) -> None:
        local_servers()[0].make_ready()
        self._status()

    def _stop(self, *, tests: bool, **options) -> None:
        for server in local_servers()[tests:]:
            if server.stop():
                self.stdout.write(f"Stopped the PostgreSQL server in {server.data}.")

    def _status(self, **options) -> None:
        for server in local_servers():
            state = f"runs, socket in {server.socket_dir}" if server.is_running() else "does not run"
            self.stdout.write(f"{server.data}: {state}")

    def _psql(self, *, owner: bool, **options) -> None:
        with connection.as_owner() if owner else contextlib.nullcontext():
            try:
                connection.client.runshell([])
            except FileNotFoundError as error:
                raise CommandError("psql is not installed.") from error
            except subprocess.CalledProcessError as error:
                raise CommandError(
                    "psql could not log in, or was ended.", returncode=error.returncode
                ) from error
