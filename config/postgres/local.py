"""The DATABASES entry of the embedded server, which starts at the first connection."""

import os
import sys
from pathlib import Path

from .roles import Names
from .server import LocalPostgres

REPOSITORY = Path(__file__).resolve().parents[2]


def local_folder(base_dir: Path = REPOSITORY) -> Path:
    return Path(os.environ.get("LOCALPG_DIR") or base_dir / ".local").resolve()


def local_servers(base_dir: Path = REPOSITORY) -> list[LocalPostgres]:
    """The one with the data, and the throw-away one of the tests."""
    folder = local_folder(base_dir)
    return [LocalPostgres(folder / "postgres"), LocalPostgres(folder / "postgres-test", durable=False)]


def local_database(base_dir: Path = REPOSITORY) -> dict:
    testing = "pytest" in sys.modules or sys.argv[1:2] == ["test"]
    server = local_servers(base_dir)[testing]
    names = Names()
    return {
        "ENGINE": "config.postgres",
        "NAME": names.database,
        "HOST": str(server.socket_dir),
        "PORT": "5432",
        "USER": names.app,
        "PASSWORD": "",
        "OWNER": {"USER": names.owner, "PASSWORD": ""},
        "LOCAL_SERVER": server,
        "CONN_MAX_AGE": 0 if testing else 60,
        "CONN_HEALTH_CHECKS": not testing,
        "OPTIONS": {},
        "TEST": {"TEMPLATE": "template0"},
    }
