"""The administrator's page is made from the data."""

from pathlib import Path

from governance.decisions.explanation import who_decides_what
from governance.decisions.genesis import shipped_voting_rules

PAGE = Path(__file__).parents[2] / "docs" / "governance" / "who-decides-what.md"


def test_page_is_current():
    assert PAGE.read_text(encoding="utf-8").endswith(who_decides_what(shipped_voting_rules()))
