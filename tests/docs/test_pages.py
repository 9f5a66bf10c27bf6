"""The pages say what the code says, and their links lead somewhere."""

import re
from pathlib import Path

import click
import pytest

from governance.app import ROUTES
from governance.cli import cli
from governance.client.saying import SAID
from tests.benchmarks.__main__ import names as benchmarks
from tests.docs.generate import PAGES, REFERENCE

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
MACHINE = re.compile(r"(?<![\w.])/(?:root|home|work|tmp)/")


BLOCK = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"(?:^|[ (!]|\$ )sekisho ((?:[a-z][a-z-]*(?= |$|\n) ?)+)([^|)#]*)", re.MULTILINE)


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def headings(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_generated_pages_are_current(name: str) -> None:
    written = (REFERENCE / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), f"docs/reference/{name} is out of date: make docs"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        place, _, anchor = link.partition("#")
        if "://" in place or place.startswith("mailto:"):
            continue
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_no_machine(page: Path) -> None:
    assert not MACHINE.search(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_on_pages_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    wrong = []
    for block in BLOCK.findall(text):
        for words, rest in TYPED.findall(block):
            command = resolve(words.split())
            options = set(re.findall(r"(?<= )--[a-z][a-z-]*", " " + rest.partition("\n")[0]))
            known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
            if isinstance(command, click.Group) and options - {"--help"}:
                wrong.append(words)
            wrong += [f"{words}{option}" for option in options - known - {"--help", "--version"}]
    assert not wrong


def resolve(words: list[str]) -> click.Command:
    command: click.Command = cli
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(click.Context(command), word)
        assert found is not None, f"there is no sekisho {' '.join(words)}"
        command = found
    return command


def test_every_benchmark_is_on_its_page() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert [name for name in benchmarks() if f"| `{name}` |" not in page] == []


def test_every_statement_over_http_can_be_signed_from_the_command_line() -> None:
    posted = {
        re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
        for handler in ROUTES
        if handler.opt["authz"] == "statement"
        for path in handler.paths
    }
    assert posted == {said.path for said in SAID.values()}
