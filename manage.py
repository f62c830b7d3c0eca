#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

from config.postgres import LocalPostgresError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except LocalPostgresError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
