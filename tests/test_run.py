"""`manage.py run`: one clear line where it can't, and nothing left behind where it could."""

import argparse
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from config.demo import LOGINS
from config.management.commands.run import port_number
from config.postgres.server import LocalPostgres

SECONDS = 240  # a busy machine is slow, not broken


class Run:
    """The command in a process of its own, without a terminal."""

    def __init__(self, port: int | str, **environment: str) -> None:
        self.output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run", "--port", str(port)],
            cwd=settings.BASE_DIR,
            env=os.environ | {"DEBUG": "yes"} | environment,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )

    @property
    def text(self) -> str:
        # Not read(): that would move the place where the process writes.
        return os.pread(self.output.fileno(), 1_000_000, 0).decode()

    def wait_for(self, line: str) -> None:
        end = time.monotonic() + SECONDS
        while line not in self.text:
            assert self.process.poll() is None and time.monotonic() < end, self.text
            time.sleep(0.05)

    def children(self) -> dict[int, str]:
        """{process id: command} of what it started."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True).stdout
        rows = (line.split(None, 2) for line in listed.splitlines())
        return {int(pid): args for pid, parent, args in rows if int(parent) == self.process.pid}

    def end(self) -> int:
        return self.process.wait(SECONDS)


@pytest.fixture
def start():
    """start(port, NAME=value) runs the command; what still runs after the test is ended."""
    runs = []

    def _start(port, **environment):
        runs.append(Run(port, **environment))
        return runs[-1]

    yield _start
    for run in runs:
        if run.process.poll() is None:
            run.process.terminate()
            run.end()


@pytest.fixture
def folder():
    # Not tmp_path: that is closed to others, and as root the server runs as somebody else.
    path = Path(tempfile.mkdtemp(prefix="cosell-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def port() -> int:
    """A free one, and none that the system gives to the tests that run beside this one."""
    while True:
        wanted = random.randrange(20_000, 30_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", wanted)):
            return wanted


def address(user: str, **parts: object) -> str:
    login = {key.lower(): value for key, value in connection.settings_dict.items()} | parts
    secret = quote(str(login["password"]), safe="")
    return f"postgresql://{user}:{secret}@{quote(login['host'], safe='')}:{login['port']}/{login['name']}"


@pytest.fixture
def served(db) -> dict[str, str]:
    """The tests' database as a server of your own, without the right to migrate it."""
    return {"DATABASE_URL": address(connection.settings_dict["USER"]), "DATABASE_OWNER_URL": ""}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_sigterm_ends_everything(start, port, served):
    run = start(port, **served)
    run.wait_for(f"ready at http://127.0.0.1:{port}/")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/", timeout=5) as response:
        assert response.status == 200
    children = run.children()
    assert len(children) == 2

    run.process.send_signal(signal.SIGTERM)

    assert run.end() == 0, run.text
    assert run.text.endswith("Stopped.\n")
    assert not any(is_alive(pid) for pid in children)
    socket.create_server(("127.0.0.1", port)).close()


def test_from_nothing_to_the_demo_and_down_again(start, port, folder):
    environment = {"DATABASE_URL": "", "DATABASE_OWNER_URL": "", "LOCALPG_DIR": str(folder)}
    for times in ("first", "second"):
        run = start(port, **environment)
        run.wait_for("Ctrl-C stops it.")
        run.process.send_signal(signal.SIGINT)

        assert run.end() == 0, run.text
        assert all(email in run.text for email, *_ in LOGINS)
        assert ("Loading the demo" in run.text) == (times == "first")
        assert not LocalPostgres(folder / "postgres").is_running()


def test_a_child_that_ends_takes_the_rest_with_it(start, port, served):
    run = start(port, **served)
    run.wait_for("ready at")
    children = run.children()
    worker = next(pid for pid, command in children.items() if "procrastinate" in command)

    os.kill(worker, signal.SIGKILL)

    assert run.end() == 1
    assert "The worker ended by itself" in run.text
    assert not any(is_alive(pid) for pid in children)


def refused(run: Run, *parts: str) -> None:
    assert run.end() in {1, 2}
    *before, line = run.text.splitlines()
    assert all(part in line for part in parts), run.text
    assert before == [] or before[0].startswith("usage:")


def test_a_port_in_use(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(start(port), f"Port {port}", "is in use", "make run PORT=")


def test_a_port_that_is_none(start):
    refused(start("80x"), "'80x' is not a port")


@pytest.mark.parametrize("text", ["80x", "0", "65536", "-1", ""])
def test_text_that_is_no_port(text):
    with pytest.raises(argparse.ArgumentTypeError):
        port_number(text)


def test_data_of_another_major_version(start, port, folder):
    (folder / "postgres/data").mkdir(parents=True)
    (folder / "postgres/data/PG_VERSION").write_text("12\n")

    refused(start(port, DATABASE_URL="", LOCALPG_DIR=str(folder)), "PostgreSQL 12", "LOCALPG_DIR")


def test_a_data_folder_that_is_none(start, port, folder):
    (folder / "postgres").touch()

    refused(start(port, DATABASE_URL="", LOCALPG_DIR=str(folder)), "can't be used")


def test_a_database_out_of_reach(start, port):
    refused(start(port, DATABASE_URL="postgresql://app:secret@127.0.0.1:1/cosell"), "cosell at 127.0.0.1:1")


@pytest.mark.skipif("LOCAL_SERVER" not in connection.settings_dict, reason="another server is in use")
def test_a_role_that_bypasses_row_level_security(start, port, db):
    refused(start(port, DATABASE_URL=address("postgres")), "bypasses row-level security")
