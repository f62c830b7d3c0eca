"""What the documentation says can be held against the code: tables, settings, commands, links, log-ins."""

import ast
import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from config.demo import LOGINS
from core.roles import GRANTABLE, PERMISSIONS, Permission, Role
from partners.models import Grant, Partner

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
READS_ENVIRONMENT = [ROOT / "config/settings.py", *(ROOT / "config/postgres").glob("*.py")]
READERS = {"env", "env_bool", "env_int", "get"}


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def rows(page: str, first_cell: str) -> dict[str, list[str]]:
    """{what stands in `code` in the first cell: the other cells} of the table with this head."""
    lines = iter(text_of(page).splitlines())
    next(line for line in lines if line.startswith(f"| {first_cell} |"))
    next(lines)
    found = {}
    for line in lines:
        if not line.startswith("|"):
            break
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        assert name.strip("`") not in found, f"{name} stands in {page} twice"
        found[name.strip("`")] = cells
    return found


def mark(role: Role, permission: Permission) -> str:
    if permission in PERMISSIONS[role]:
        return "✓"
    return "grant" if permission in GRANTABLE.get(role, ()) else ""


def test_the_table_of_roles_is_the_one_in_the_code():
    said = {name: cells[1:] for name, cells in rows("docs/permissions.md", "permission").items()}

    assert said == {permission.value: [mark(role, permission) for role in Role] for permission in Permission}
    assert list(said) == [permission.value for permission in Permission]


def test_the_table_of_grants_is_the_one_in_the_code():
    said = {
        name: set(re.findall(r"`(\w+)`", cells[0]))
        for name, cells in rows("docs/permissions.md", "grant").items()
    }

    assert said == {grant.label: {p.value for p in Partner.GRANTS[grant]} for grant in Grant}


def read_from_environment() -> set[str]:
    return {
        node.args[0].value
        for path in READS_ENVIRONMENT
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) in READERS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and re.fullmatch(r"[A-Z][A-Z0-9_]+", str(node.args[0].value))
        and "env" in ast.unparse(node.func)
    }


def test_each_variable_that_is_read_is_explained_and_no_other():
    assert {"SECRET_KEY", "DATABASE_URL", "DATABASE_OWNER_URL", "LOCALPG_DIR"} <= read_from_environment()
    assert rows("docs/operations.md", "variable").keys() == read_from_environment()


def headings(path: Path) -> set[str]:
    """As they are named in links."""
    found = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)", path.read_text()):
        assert "://" not in target, f"{target}: another host"
        name, _, heading = target.partition("#")
        leads_to = (path.parent / name).resolve() if name else path
        assert leads_to.is_relative_to(ROOT) and leads_to.exists(), target
        assert not heading or heading in headings(leads_to), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_and_files_exist(path):
    written = path.read_text()
    targets = re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE)

    assert set(re.findall(r"manage\.py ([a-z_]+)", written)) <= get_commands().keys()
    assert set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", written, re.MULTILINE)) <= set(targets)
    for file in re.findall(
        r"`((?:core|config|audit|workspaces|partners|overlaps|intros|tests|bin)/[\w./-]+)`", written
    ):
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_page_names_somebodys_machine(path):
    assert not re.search(r"(?<![\w.])/(?:root|home|Users|work|tmp)/", path.read_text())


@pytest.mark.parametrize("name", ["README.md", "docs/demo.md"])
def test_the_demo_opens_with_what_is_written(name):
    for email, password, _ in LOGINS:
        assert email in text_of(name)
        assert password in text_of(name)
