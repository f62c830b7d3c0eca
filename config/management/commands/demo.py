from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from config.demo import LOGINS
from config.demo.story import play
from core.models import User


class Command(BaseCommand):
    help = "Load the demo: three companies, five people, real account lists. Does nothing where it is loaded."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reset", action="store_true", help="throw everything in the database away first"
        )

    def handle(self, *, reset: bool, verbosity: int, **options: object) -> None:
        if reset:
            call_command("flush", interactive=False, verbosity=0)
        loaded = User.objects.filter(email=LOGINS[0][0]).exists()
        if not loaded and User.objects.exists():
            raise CommandError("This database has people in it already; --reset would throw them away.")
        if not loaded:
            with transaction.atomic():
                play(self.stdout.write if verbosity else lambda line: None)
        if verbosity:
            for email, password, description in LOGINS:
                self.stdout.write(f"  {email:<28} {password:<24} {description}")
