"""Imports run one way: core ← audit ← workspaces ← partners ← overlaps ← intros; config knows all."""

import ast
from pathlib import Path

import pytest

ROOMS = ["core", "audit", "workspaces", "partners", "overlaps", "intros"]
ROOT = Path(__file__).parent.parent


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 or path.parts[-2] in {"postgres", "devmail"}, f"{path}: relative import"
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_one_to_its_right(room):
    to_the_right = set(ROOMS[ROOMS.index(room) + 1 :]) | {"config", "tests", "e2e", "benchmarks", "conftest"}
    files = list((ROOT / room).rglob("*.py"))
    assert files
    assert {
        (str(path.relative_to(ROOT)), name) for path in files for name in imported(path) & to_the_right
    } == set()


def test_no_drawer_for_everything():
    names = {path.name for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    assert names.isdisjoint({"services.py", "utils.py", "helpers.py"})
