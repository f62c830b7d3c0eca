import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from audit.checkpoints import Checkpoint
from audit.verification import Verification
from core.models import Tenant

SAID_EVERY = 100_000


class Command(BaseCommand):
    help = (
        "Checks every event of every trail: finds any that was changed, removed, added or moved, and a cut end; "
        "with a checkpoint of earlier also a history that was written anew. One line for each problem. Reads as "
        "the owner of the schema. Exit code 0: in order; 1: not in order; 2: could not be checked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", metavar="SLUG", help="only this workspace's trail")
        parser.add_argument(
            "--checkpoint",
            metavar="FILE",
            type=Path,
            nargs="+",
            default=[],
            help="written earlier; verify against it",
        )
        parser.add_argument(
            "--write-checkpoint", metavar="FILE", type=Path, help="write one now; keep it on another machine"
        )

    def handle(
        self, *, workspace: str | None, checkpoint: list[Path], write_checkpoint: Path | None, **options
    ) -> None:
        checkpoints = [self._read(path) for path in checkpoint]
        if not connection.settings_dict.get("OWNER"):
            raise CommandError("This reads as the owner of the schema: set DATABASE_OWNER_URL.", returncode=2)
        with connection.as_owner(), transaction.atomic():
            with connection.cursor() as cursor:  # one moment, whatever is recorded meanwhile
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            verification = Verification(
                tenant=self._tenant(workspace), checkpoints=checkpoints, tell=self._tell
            )
            found = 0
            for problem in verification.problems():
                self.stdout.write(problem)
                found += 1
            taken = Checkpoint.take()
        self._summarise(verification, found)
        if write_checkpoint:
            self._write(taken, write_checkpoint)
        if found:
            sys.exit(1)

    def _read(self, path: Path) -> Checkpoint:
        try:
            return Checkpoint.read(path)
        except Checkpoint.Unreadable as error:
            raise CommandError(f"This checkpoint can't be trusted: {error}", returncode=2) from error

    def _write(self, taken: Checkpoint, path: Path) -> None:
        try:
            taken.write(path)
        except OSError as error:
            raise CommandError(f"The checkpoint could not be written: {error}", returncode=2) from error
        self.stdout.write(f"Checkpoint of {len(taken.heads)} trails: {path}")

    def _tenant(self, slug: str | None) -> Tenant | None:
        if slug is None:
            return None
        tenant = Tenant.across_tenants.filter(slugs__slug=slug).first()
        if tenant is None:
            raise CommandError(f"There is no workspace {slug!r}.", returncode=2)
        return tenant

    def _tell(self, events: int) -> None:
        if events % SAID_EVERY == 0:
            self.stderr.write(f"{events:,} events …")

    def _summarise(self, verification: Verification, found: int) -> None:
        read = f"{verification.events:,} events in {verification.trails:,} trails"
        self.stdout.write(f"{read}: {found:,} problems." if found else f"{read}: in order.")
