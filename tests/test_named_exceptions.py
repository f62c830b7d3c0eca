"""Whoever reads across workspaces, or as the owner of the schema, is named here with a reason."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("core", "audit", "workspaces", "partners", "overlaps", "intros", "config")
ACROSS = {
    "core/middleware.py": "the membership that the path needs: the person's own",
    "core/models.py": "the managers themselves; whether a founder has another workspace",
    "core/roles.py": "the person's own membership in the workspace of an object",
    "partners/models/invitation.py": "the own workspaces that a person may connect",
    "partners/models/connection.py": "the manager itself",
    "partners/models/request.py": "the manager itself",
    "intros/models.py": "the managers themselves",
    "audit/verification.py": "as the owner of the schema: names of all workspaces, for the report",
    "audit/management/commands/verify_audit.py": "as the owner of the schema: the workspace that is named",
}
AS_OWNER = {
    "audit/management/commands/verify_audit.py": "reads every trail",
    "audit/tasks.py": "writes down the ends of all trails",
    "config/management/commands/localpg.py": "make psql OWNER=1",
    "config/management/commands/migrate.py": "migrates",
    "config/management/commands/run.py": "migrates; asks whether there is anybody yet",
    "config/postgres/base.py": "makes and empties the databases of tests",
}


def users_of(pattern: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "migrations" not in path.parts and re.search(pattern, path.read_text())
    }


def test_who_reads_across_workspaces_is_named():
    assert users_of(r"across_tenants") == ACROSS.keys()


def test_who_becomes_the_owner_is_named():
    assert users_of(r"\.as_owner\(\)") == AS_OWNER.keys()


def test_nobody_calls_set_config():
    """A sharded database passes on SET LOCAL alone; and a setting of the session outlives the request."""
    assert users_of(r"set_config\(") == set()
