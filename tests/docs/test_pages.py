"""The pages say what the code says, and their links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from governance.app import ROUTES
from governance.cli import cli
from governance.client.saying import SAID
from governance.settings import NOT_SETTINGS, PREFIX, Settings
from tests.benchmarks.__main__ import names as benchmarks
from tests.docs.generate import PAGES, REFERENCE

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
MACHINE = re.compile(r"(?<![\w.])/(?:root|home|work|tmp)/")


BLOCK = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"(?:^|[ (!]|\$ )sekisho ((?:[a-z][a-z-]*(?= |$|\n) ?)+)([^|)#]*)", re.MULTILINE)


INLINE = re.compile(r"`sekisho ((?:[a-z][a-z-]*(?= |`) ?)+)([^`]*)`")
VARIABLE = re.compile(r"SEKISHO_[A-Z0-9_]*[A-Z0-9]")


def variables_of_tests() -> set[str]:
    """Return the variables that long runs read, and no program."""
    folders = [ROOT / "tests" / name for name in ("benchmarks", "faults", "ledger", "load")]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    return {name for file in files for name in VARIABLE.findall(file.read_text(encoding="utf-8"))}


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def headings(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_generated_pages_are_current(name: str) -> None:
    program = (
        f"import sys; from tests.docs.generate import PAGES; sys.stdout.write(PAGES[{name!r}]())"
    )
    made = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, timeout=120
    )
    written = (REFERENCE / name).read_bytes()
    assert written == made.stdout, f"docs/reference/{name} is out of date: make docs"


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


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_named_in_a_sentence_exist(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    wrong = []
    for words, rest in INLINE.findall(text):
        command = resolve(words.split())
        known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
        options = set(re.findall(r"--[a-z][a-z-]*", rest))
        wrong += [f"{words} {option}" for option in options - known - {"--help", "--version"}]
    assert not wrong


@pytest.mark.parametrize(
    "file",
    [*pages(), *sorted(p for p in (ROOT / "docs" / "operations").iterdir() if p.suffix != ".md")],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_variables_that_a_page_names_exist(file: Path) -> None:
    named = set(VARIABLE.findall(file.read_text(encoding="utf-8")))
    settings = {PREFIX + name.upper() for name in Settings.__struct_fields__}
    others = {PREFIX + name.upper() for name in NOT_SETTINGS} | variables_of_tests()
    assert named <= settings | others


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
