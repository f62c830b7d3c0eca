#!/usr/bin/env python
import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from config.postgres import LocalPostgresError


def main() -> None:
    """A wrong environment is said in one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["match_lists"] and "SECRET_KEY" not in os.environ:
        os.environ.setdefault("DEBUG", "yes")  # for a try before anything is set up: it serves nobody
    try:
        settings.INSTALLED_APPS  # noqa: B018 - reads the environment, of which Django itself would keep quiet
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, LocalPostgresError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
