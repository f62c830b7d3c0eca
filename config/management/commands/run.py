"""Everything in one command, for a look and for development: server, schema, demo, web, worker."""

import argparse
import contextlib
import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse

SECONDS_TO_ANSWER = 120
SECONDS_TO_STOP = 15
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MAY_BYPASS = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


class Stopped(BaseException):
    """Somebody asked to stop: Ctrl-C, SIGTERM, or the terminal went away."""


def port_number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: write a number from 1 to 65535.")
    return int(text)


class Command(BaseCommand):
    help = "Starts the database, brings it up to date, loads the demo once, and serves until it is stopped."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", default=8000, type=port_number)

    def handle(self, *, host: str, port: int, **options) -> None:
        began = time.monotonic()
        address = f"http://{host}:{port}"
        if "SITE_URL" not in os.environ:
            os.environ["SITE_URL"] = settings.SITE_URL = address
        on_signals(stop)
        try:
            with self._listener(host, port) as listener, self._database():
                self._bring_up_to_date()
                with Children() as children:
                    children.start("web server", *self._web(listener), pass_fds=[listener.fileno()])
                    children.start("worker", sys.executable, "manage.py", "procrastinate", "worker")
                    self._wait_for_answer(listener, children)
                    self._announce(address, time.monotonic() - began)
                    children.watch()
        except Stopped:
            self._say("Stopped.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    # -- the port ------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def _listener(self, host: str, port: int) -> Iterator[socket.socket]:
        """Taken before anything else starts and handed to the web server, so nobody gets in between."""
        try:
            listener = socket.create_server((host, port), backlog=512)
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"can't be used ({error.strerror})"
            sys.exit(f"Port {port} on {host} {reason}; another one: make run PORT=8010")
        with listener:
            yield listener

    # -- the database --------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def _database(self) -> Iterator[None]:
        """Connected; an embedded server that did not run before is stopped at the end."""
        server = connection.settings_dict.get("LOCAL_SERVER")
        was_running = server is None or server.is_running()
        try:
            self._check_database()
            yield
        finally:
            on_signals(signal.SIG_IGN)
            connection.close()
            if not was_running:
                server.stop()

    def _check_database(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(MAY_BYPASS)
                bypasses = cursor.fetchone()[0]
            if connection.settings_dict.get("OWNER"):
                with connection.as_owner():
                    connection.ensure_connection()
        except DatabaseError as error:
            login = connection.settings_dict
            where = f"{login['NAME']} at {login['HOST'] or 'localhost'}:{login['PORT'] or 5432}"
            sys.exit(f"The database {where} can't be used: {' '.join(str(error).split())}")
        except ImproperlyConfigured as error:
            sys.exit(str(error))
        if bypasses:
            sys.exit(
                f"{connection.settings_dict['USER']} bypasses row-level security, so workspaces would "
                "not be kept apart: log in as a restricted role (manage.py database_roles makes it)."
            )

    def _bring_up_to_date(self) -> None:
        if not connection.settings_dict.get("OWNER"):
            if self._is_behind():
                sys.exit("The database is not up to date: set DATABASE_OWNER_URL, which may migrate it.")
            return
        with connection.as_owner():
            if self._is_behind():
                self._say("Migrating the database …")
                call_command("migrate", interactive=False, verbosity=0)
            # Asked as the owner: to the application, a workspace that is not its own does not exist.
            empty = not any(
                apps.get_model("core", name)._base_manager.exists() for name in ("Tenant", "User")
            )
        if empty:
            self._say("Loading the demo …")
            call_command("demo", verbosity=0)

    def _is_behind(self) -> bool:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))

    # -- the processes -------------------------------------------------------------------------------------
    def _web(self, listener: socket.socket) -> list[str]:
        return [
            *(sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"fd://{listener.fileno()}"),
            *("--worker-class", "gthread", "--workers", "1", "--threads", "8"),
            *("--graceful-timeout", "5", "--log-level", "warning", "--no-control-socket"),
        ]

    def _wait_for_answer(self, listener: socket.socket, children: "Children") -> None:
        host, port = listener.getsockname()[:2]
        end = time.monotonic() + SECONDS_TO_ANSWER
        answer = "nothing"
        while time.monotonic() < end:
            children.check()
            web = http.client.HTTPConnection("127.0.0.1" if host == "0.0.0.0" else host, port, timeout=2)  # noqa: S104
            with contextlib.closing(web), contextlib.suppress(OSError, http.client.HTTPException):
                web.request("GET", "/health/")
                answer = web.getresponse().status
                if answer < 500:
                    return
            time.sleep(0.05)
        sys.exit(f"The web server does not come up; to /health/ it answered {answer}.")

    def _announce(self, address: str, seconds: float) -> None:
        self._say(f"\nCosell is ready at {address}/ after {seconds:.1f} s.\n\n")
        for email, password, description in self._logins():
            self._say(f"  {email:<28} {password:<24} {description}")
        if settings.DEBUG:
            self._say(f"\n  The mails it sends: {address}{reverse('dev_mail')}")
        self._say("  Ctrl-C stops it.\n\n")

    def _logins(self) -> list[tuple[str, str, str]]:
        from config.demo import LOGINS

        known = get_user_model().objects.filter(email__in=[email for email, *_ in LOGINS])
        emails = set(known.values_list("email", flat=True))
        connection.close()
        return [login for login in LOGINS if login[0] in emails]


class Children:
    """The processes; whichever ends by itself takes the others with it."""

    def __init__(self) -> None:
        self.processes: dict[str, subprocess.Popen] = {}
        # Neither serves better for knowing how to change the schema.
        self.environment = {k: v for k, v in os.environ.items() if k != "DATABASE_OWNER_URL"}
        self.environment["PYTHONUNBUFFERED"] = "1"

    def __enter__(self) -> "Children":
        return self

    def start(self, name: str, *command: str, pass_fds: list[int] = ()) -> None:
        # A session of its own: Ctrl-C reaches only this process, which then stops them in order.
        self.processes[name] = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=self.environment, pass_fds=pass_fds, start_new_session=True
        )

    def check(self) -> None:
        for name, process in self.processes.items():
            if process.poll() is not None:
                sys.exit(f"The {name} ended by itself (exit code {process.returncode}); stopping the rest.")

    def watch(self) -> None:
        while True:
            self.check()
            time.sleep(0.2)

    def __exit__(self, *_) -> None:
        on_signals(signal.SIG_IGN)
        for process in self.processes.values():
            process.terminate()
        end = time.monotonic() + SECONDS_TO_STOP
        for process in self.processes.values():
            try:
                process.wait(max(0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def on_signals(handler) -> None:
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup asked for that
            signal.signal(number, handler)


def stop(*_) -> None:
    on_signals(signal.SIG_IGN)  # stopping has begun, and has a deadline of its own
    raise Stopped
