"""The installation that people rely on: it starts only when it is safe, and says in one line what is missing."""

import hashlib
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests.test_headers import PRODUCTION
from tests.test_run import address

ROOT = Path(settings.BASE_DIR)
HTMX = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"  # npm's htmx.org 4.0.1, dist/htmx.min.js
FLOORS = {
    "django": (6, 1, 3),
    "django-allauth": (65, 21, 1),
    "django-guardian": (3, 5, 2),
    "django-htmx": (1, 29, 0),
    "gunicorn": (27, 0, 0),
    "pillow": (12, 0, 0),
    "psycopg": (3, 3, 0),
    "procrastinate": (3, 10, 0),
    "whitenoise": (6, 12, 0),
}
SERVE = """
from io import BytesIO
from wsgiref.util import setup_testing_defaults
from config.wsgi import application

def get(path):
    asked = {"PATH_INFO": path, "HTTP_HOST": "cosell.example", "wsgi.url_scheme": "https", "wsgi.input": BytesIO()}
    setup_testing_defaults(asked)
    answer = {}
    body = b"".join(application(asked, lambda status, headers: answer.update(status=status, **dict(headers))))
    return answer, body.decode("utf-8", "replace")
"""


@pytest.fixture
def production(db, tmp_path) -> dict[str, str]:
    """The environment of a server: what a shell brings along, and what the settings ask for."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    served = {"DATABASE_URL": address(connection.settings_dict["USER"]), "STATIC_ROOT": str(tmp_path)}
    return kept | PRODUCTION | served


def start(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True)


def without(environment: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key != name}


def test_the_deployment_check_has_nothing_to_say(production):
    done = start("manage.py", "check", "--deploy", "--fail-level", "WARNING", env=production)

    assert done.stderr == ""
    assert done.returncode == 0
    # Two are silenced with a reason each, in the settings: none of Django's own about security is.
    assert [name for name in settings.SILENCED_SYSTEM_CHECKS if name.startswith("security.")] == []


@pytest.mark.parametrize("name", [*PRODUCTION])
def test_what_must_be_said_is_asked_for(production, name):
    done = start("manage.py", "check", env=without(production, name))

    assert done.returncode == 1
    assert done.stderr == f"{name} must be set.\n"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SECRET_KEY", "", "SECRET_KEY can be guessed"),
        ("SECRET_KEY", "only-for-development-and-tests", "SECRET_KEY can be guessed"),
        ("SECRET_KEY", "a" * 64, "SECRET_KEY can be guessed"),
        ("SECRET_KEY", "django-insecure-" + PRODUCTION["SECRET_KEY"], "SECRET_KEY can be guessed"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS must name"),
        ("ALLOWED_HOSTS", "cosell.example,*", "ALLOWED_HOSTS must name"),
        ("ALLOWED_HOSTS", "", "ALLOWED_HOSTS must name"),
        ("DEBUG", "true", "DEBUG is 'true': write yes or no"),
        ("DEBUG", "", "DEBUG is '': write yes or no"),
        ("DEBUG", "0", "DEBUG is '0': write yes or no"),
        ("SSL_REDIRECT", "perhaps", "SSL_REDIRECT is 'perhaps'"),
        ("SITE_URL", "http://cosell.example", "SITE_URL must begin with https://"),
        ("SITE_URL", "cosell.example", "SITE_URL must begin with https://"),
        ("DATABASE_URL", "mysql://x@y/z", "DATABASE_URL must be"),
        ("EMAIL_PORT", "mail", "EMAIL_PORT is 'mail': write a number"),
        ("TRUSTED_PROXY_COUNT", "one", "TRUSTED_PROXY_COUNT is 'one': write a number"),
    ],
)
def test_what_is_unsafe_or_nonsense_stops_the_start(production, name, value, says):
    done = start("manage.py", "check", env=production | {name: value})

    assert done.returncode == 1
    assert done.stderr.startswith(says)
    assert done.stderr.count("\n") == 1


# -- the locks -------------------------------------------------------------------------------------------------

PROCESSES = {
    "wsgi": ("-c", "import config.wsgi"),
    "asgi": ("-c", "import config.asgi"),
    "worker": ("manage.py", "procrastinate", "worker", "--one-shot"),
}


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.django_db(transaction=True)
def test_it_starts_while_all_locks_hold(production, process):
    done = start(*process, env=production)

    assert done.returncode == 0
    assert done.stderr in {"", "Launching a worker on all queues\n"}


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.django_db(transaction=True)
def test_it_does_not_start_while_one_stands_open(production, process):
    force(False)
    try:
        done = start(*process, env=production)
        developing = start("-c", "import config.wsgi", env=production | {"DEBUG": "yes"})
    finally:
        force(True)

    assert done.returncode != 0
    assert "overlaps_account: row-level security is not enabled and forced" in done.stderr
    assert "1 problems" in done.stderr
    assert developing.returncode == 0


def force(state: bool) -> None:
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE overlaps_account {'' if state else 'NO'} FORCE ROW LEVEL SECURITY")


@pytest.mark.django_db(transaction=True)
def test_it_does_not_start_as_a_role_that_sees_everything(production):
    owner = connection.settings_dict["OWNER"]["USER"]

    done = start("-c", "import config.wsgi", env=production | {"DATABASE_URL": address(owner)})

    assert done.returncode != 0
    assert f"{owner}: owns core_tenant" in done.stderr


def test_it_does_not_start_without_its_database(production):
    nowhere = "postgresql://app:secret@127.0.0.1:1/cosell"

    done = start("-c", "import config.wsgi", env=production | {"DATABASE_URL": nowhere})

    assert done.returncode != 0
    assert "secret" not in done.stderr


# -- the files -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_look_is_collected_whole_and_served_for_good(production, tmp_path):
    """By its manifest: a file that a style sheet names and that is not there stops `collectstatic`."""
    collected = start("manage.py", "collectstatic", "--noinput", env=production)
    assert (collected.returncode, collected.stderr) == (0, "")

    ask = SERVE + 'answer, page = get("/accounts/login/")\nprint(answer["status"])\nprint(page)'
    answer = start("-c", ask, env=production)
    assert answer.stdout.startswith("200 OK"), answer.stderr
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.stdout)
    assert len(files) >= 8
    assert all(re.search(r"\.[0-9a-f]{12}\.\w+$", path) for path in files)
    named = {path for text in (ROOT / "templates").rglob("*.html") for path in statics(text.read_text())}
    manifest = (tmp_path / "staticfiles.json").read_text()
    assert [path for path in named if f'"{path}":' not in manifest] == []

    ask = (
        SERVE
        + f"for path in {files!r}:\n    answer, _ = get(path)\n    print(answer['status'], answer['Cache-Control'])"
    )
    answer = start("-c", ask, env=production)
    assert answer.stdout.splitlines() == ["200 OK max-age=315360000, public, immutable"] * len(files)


def statics(template: str) -> list[str]:
    return re.findall(r"""{% static ["']([^"']+)["'] %}""", template)


@pytest.mark.django_db(transaction=True)
def test_the_mailbox_is_only_there_in_development(production):
    ask = SERVE + 'answer, page = get("/dev/mail/")\nprint(answer["status"])\nprint(page)'
    start("manage.py", "collectstatic", "--noinput", env=production)

    answer = start("-c", ask, env=production)

    assert answer.stdout.startswith("404 Not Found"), answer.stderr
    assert "There is nothing here" in answer.stdout
    assert "urlpatterns" not in answer.stdout


# -- what it is built of ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("package", "floor"), FLOORS.items(), ids=FLOORS)
def test_no_package_is_older_than_the_mends_we_rely_on(package, floor):
    locked = re.search(rf"^{package}==([\d.]+)", (ROOT / "requirements/base.txt").read_text(), re.MULTILINE)[
        1
    ]

    assert version(package) == locked
    assert tuple(map(int, locked.split("."))) >= floor


def test_the_locks_hold_hashes_of_all_and_addresses_of_none():
    for name in ("base", "dev"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        packages = re.findall(r"^[a-z].*?(?=^[a-z#]|\Z)", text, re.MULTILINE | re.DOTALL)
        assert len(packages) > 20
        assert [package for package in packages if "--hash=sha256:" not in package] == []
        assert "://" not in text


def test_htmx_is_the_file_that_its_makers_published():
    [script] = (ROOT / "core/static/core/js").glob("htmx*.js")

    assert script.name == "htmx-4.0.1.min.js"
    assert hashlib.sha256(script.read_bytes()).hexdigest() == HTMX


@pytest.mark.django_db
def test_no_database_is_older_than_the_mends_we_rely_on():
    """CVE-2025-8713 and those after it let rows through row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        major, minor = divmod(int(cursor.fetchone()[0]), 10_000)

    assert minor >= {15: 18, 16: 14, 17: 10, 18: 4}[major]
