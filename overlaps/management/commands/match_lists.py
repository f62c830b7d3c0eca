import argparse
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from overlaps import twofiles


class Command(BaseCommand):
    help = (
        "Which rows of two CSV files are the same company: the matching of workspaces, tried on files. Columns: id, "
        "name, website, country, and company_number if there is one. Nothing is kept in the database."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("mine", type=Path, metavar="MINE.csv")
        parser.add_argument("theirs", type=Path, metavar="THEIRS.csv")
        parser.add_argument(
            "--out", type=Path, metavar="PAIRS.csv", help="where the pairs go; else to the screen"
        )
        parser.add_argument(
            "--suggestions",
            action=argparse.BooleanOptionalAction,
            default=False,
            help="pairs too that a person would have to confirm (confidence from 0.70 to 0.84)",
        )

    def handle(self, *, mine: Path, theirs: Path, out: Path | None, suggestions: bool, **options) -> None:
        began = time.monotonic()
        try:
            self._find_functions()
            with out.open("w", newline="", encoding="utf-8") if out else nullcontext(sys.stdout) as file:
                counts = twofiles.match(mine, theirs, file, suggestions=suggestions, progress=self._progress)
        except (twofiles.Unusable, ImproperlyConfigured) as error:
            raise CommandError(str(error), returncode=2) from error
        except OSError as error:
            raise CommandError(f"{out} can't be written: {error.strerror}.", returncode=2) from error
        except DatabaseError as error:
            reason = " ".join(str(error).split())
            raise CommandError(f"The database refused: {reason}", returncode=2) from error
        self._progress("", 1.0)
        self.stderr.write(
            f"{counts['mine']:,} and {counts['theirs']:,} rows: {counts['sure']:,} pairs that confirm themselves"
            + (f", {counts['pairs'] - counts['sure']:,} suggestions" if suggestions else "")
            + f" ({time.monotonic() - began:.1f} s)"
        )

    def _find_functions(self) -> None:
        """On a fresh checkout they are made, where this process may."""
        if self._has_functions():
            return
        if not connection.settings_dict.get("OWNER"):
            raise twofiles.Unusable("The database has no matching functions yet: run manage.py migrate.")
        self.stderr.write("Preparing the database …")
        call_command("migrate", verbosity=0, interactive=False)

    def _has_functions(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT to_regprocedure('overlaps_pairs(uuid, uuid, uuid[], integer)') IS NOT NULL"
            )
            return cursor.fetchone()[0]

    def _progress(self, what: str, share: float) -> None:
        if sys.stderr.isatty():
            bar = "█" * round(share * 30)
            line = f"{what:32.32} {bar:30} {share:4.0%}" if what else ""
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
