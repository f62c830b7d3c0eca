"""`make bench`: figures as ratios, each against its peer in the same run, on a database made for it and thrown away."""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")

import django
from django.db import connection


def main() -> None:
    django.setup()
    from benchmarks import accuracy, importing, mapping, pages, rows, switcher

    wanted = set(sys.argv[1:])
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        for module in (accuracy, importing, mapping, pages, rows, switcher):
            if not wanted or module.__name__.rpartition(".")[2] in wanted:
                print(f"\n{module.__doc__.strip()}\n")
                module.run()
    finally:
        connection.creation.destroy_test_db("cosell", verbosity=0)


main()
