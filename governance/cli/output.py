"""How commands speak: tables for people, JSON for machines, one line for an error."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

REFUSED, USAGE, UNREACHABLE, UNVERIFIED = 1, 2, 3, 4
"""Exit codes: refused by the network; bad arguments; no answer; verification failed."""

PIPE_WIDTH = 120
"""Columns of a table that goes to no terminal, unless COLUMNS says otherwise."""

_width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
console = Console(highlight=False, soft_wrap=True, width=_width)
problems = Console(stderr=True, highlight=False, soft_wrap=True)

Item = TypeVar("Item")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z")


def show_json(document: Any) -> None:
    """Print one JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under column names; numbers stand on the right."""
    kept = [tuple(row) for row in rows]
    table = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for index, name in enumerate(columns):
        numeric = bool(kept) and all(isinstance(row[index], int | float) for row in kept)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in kept:
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def show_fields(document: dict[str, Any]) -> None:
    """Print the fields of one thing, a line each."""
    width = max((len(name) for name in document), default=0)
    for name, value in document.items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        console.print(f"[bold]{name:<{width}}[/bold]  {escape(text)}")


def confirm(action: str, *, yes: bool) -> None:
    """Say what will be done, and ask; `yes` answers beforehand."""
    if not yes and not click.confirm(f"{action}\nGo on?", err=True):
        raise click.Abort


@contextmanager
def progress(text: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that moves a progress bar on by so many steps; silent in a pipe."""
    with _bar() as bar:
        task = bar.add_task(text, total=total)
        yield lambda steps: bar.advance(task, steps)


@contextmanager
def counting(text: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that is told how many steps are done and how many there are."""
    with _bar() as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _bar() -> Progress:
    return Progress(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=problems,
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _cell(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    text = str(value)
    instant = _INSTANT.fullmatch(text)
    return f"{instant[1]} {instant[2]}Z" if instant else escape(text)


def escape(text: str) -> str:
    """Return `text` without control characters and markup: it may come from a stranger."""
    plain = "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
    return plain.replace("[", "\\[")
