#!/usr/bin/env python
import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from config.postgres import LocalPostgresError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        settings.INSTALLED_APPS  # noqa: B018 - reads the environment
    except (ImproperlyConfigured, LocalPostgresError) as error:
        sys.exit(str(error))
    try:
        execute_from_command_line(sys.argv)
    except LocalPostgresError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
