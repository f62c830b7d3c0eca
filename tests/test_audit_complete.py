"""What may be done is recorded: no permission without its events, no event that nobody writes."""

import ast
from pathlib import Path

from audit.actions import Action
from core.roles import Permission

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("core", "audit", "workspaces", "partners", "overlaps", "intros")


def named_in_code() -> set[str]:
    """X of every `Action.X` in the rooms; the list itself, which only defines them, left out."""
    files = [
        path for room in ROOMS for path in (ROOT / room).rglob("*.py") if path != ROOT / "audit/actions.py"
    ]
    return {
        node.attr
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Action"
    }


def test_each_permission_that_changes_something_has_its_events():
    recorded = {action.permission for action in Action}

    assert set(Permission) - recorded <= {Permission.SEE_WORKSPACE}


def test_each_action_is_recorded_somewhere():
    assert {action.name for action in Action} - named_in_code() == set()


def test_codes_are_short_and_begin_with_their_subject():
    for action in Action:
        assert len(action.value) <= 40
        assert action.subject and action.label and action.sentence
