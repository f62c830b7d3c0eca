from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from core import catalogue


class Command(BaseCommand):
    help = "Ask the database whether all locks hold: roles, policies, keys, functions, settings."

    def handle(self, **options: object) -> None:
        found = [*catalogue.problems(), *_session(), *_settings()]
        for problem in found:
            self.stderr.write(problem)
        if found:
            raise CommandError(f"{len(found)} problems.", returncode=1)
        self.stdout.write(f"All locks hold on {len(catalogue.tenant_tables())} tables.")


def _session() -> list[str]:
    """As whom the application is really logged in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, session_user")
        current, session = cursor.fetchone()
        wanted = settings.DATABASES["default"]["USER"]
        cursor.execute("SELECT count(*) FROM core_membership")  # no context: no rows
        (visible,) = cursor.fetchone()
    problems = (
        [] if current == session == wanted else [f"logged in as {session} ({current}), not as {wanted}"]
    )
    return problems + ([f"{visible} memberships can be seen without a context"] if visible else [])


def _settings() -> list[str]:
    unsafe = {
        "ATOMIC_REQUESTS must be off: the middleware opens the transaction": settings.DATABASES[
            "default"
        ].get("ATOMIC_REQUESTS", False),
        "ALLOWED_HOSTS must name hosts": "*" in settings.ALLOWED_HOSTS,
        "guardian's backend lets superusers in": "guardian.backends.ObjectPermissionBackend"
        in settings.AUTHENTICATION_BACKENDS,
    }
    return [problem for problem, is_so in unsafe.items() if is_so]
