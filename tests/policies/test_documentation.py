"""Pages that are made from the data say what the data says."""

from pathlib import Path

from policies.resources import ROLE_GROUPS, SCOPES
from policies.responsibility import matrix_markdown, shipped_matrix

PAGES = Path(__file__).parents[2] / "docs" / "policies"


def test_the_responsibility_page_has_the_shipped_matrix() -> None:
    assert matrix_markdown(shipped_matrix()) in (PAGES / "responsibility.md").read_text()


def test_the_rules_page_names_every_scope_and_every_group() -> None:
    page = (PAGES / "rules.md").read_text()
    for scope in SCOPES:
        assert f"| `{scope}` |" in page
    for group in ROLE_GROUPS:
        assert f"`{group}`" in page


def test_the_index_names_every_module() -> None:
    page = (PAGES / "README.md").read_text()
    package = Path(__file__).parents[2] / "policies"
    for module in package.glob("*.py"):
        if module.name not in {"__init__.py", "actors.py", "errors.py", "rules.py"}:
            assert f"`{module.name}`" in page
    for link in PAGES.glob("*.md"):
        assert link.name == "README.md" or f"({link.name})" in page
