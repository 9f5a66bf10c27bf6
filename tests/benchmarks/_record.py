"""Runs benchmarks one after another, and writes what they measured into `docs/benchmarks.md`."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
MEASURED = ROOT / "docs" / "measured.json"
"""The answers as they came; a run of some benchmarks leaves the others' as they are."""

TITLE = "## One run"
LONGEST = 1800
"""Seconds that one benchmark may take."""

NOT_SHOWN = frozenset({"benchmark", "rows", "targets", "python", "machine"})


def record(names: Sequence[str]) -> list[str]:
    """Run these benchmarks, each in a process of its own; return those that gave no answer."""
    found = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    failed = []
    for name in names:
        sys.stderr.write(f"{name} …\n")
        answer = _run(name)
        if answer is None:
            failed.append(name)
            continue
        found = dict(sorted({**found, name: answer}.items()))
        text = json.dumps(found, ensure_ascii=False, indent=1)
        MEASURED.write_text(text + "\n", encoding="utf-8")
        write_page(found)
    return failed


def write_page(found: dict[str, Any]) -> None:
    """Put the figures under their title, in the place of those that stand there."""
    kept = PAGE.read_text(encoding="utf-8").partition(TITLE)[0]
    parts = [kept, TITLE, "\n\n", machine(), "\n"]
    parts += [section(found[name]) for name in sorted(found)]
    PAGE.write_text("".join(parts), encoding="utf-8")


def machine() -> str:
    """Return a sentence about this machine."""
    return (
        f"`make benchmarks` wrote these figures, on {os.cpu_count()} cores"
        f" ({platform.machine()}, {platform.system()}, Python {platform.python_version()})."
        " Yours will differ; compare the ratios.\n"
    )


def section(answer: dict[str, Any]) -> str:
    """Return one benchmark's tables."""
    lines = [f"\n### {answer['benchmark']}\n"]
    targets = [
        {"wanted": t["target"], "measured": t["measured"], "met": "yes" if t["met"] else "**no**"}
        for t in answer.get("targets", ())
    ]
    for table in (targets, answer.get("rows", ())):
        if table:
            lines += ["\n", *_table(table)]
    rest = {k: v for k, v in answer.items() if k not in NOT_SHOWN and not isinstance(v, list)}
    lines.append("\n" + "; ".join(f"{k}: {_text(v)}" for k, v in rest.items()) + ".\n")
    return "".join(lines)


def _table(entries: Sequence[dict[str, Any]]) -> list[str]:
    columns = list(dict.fromkeys(key for entry in entries for key in entry))
    rows = [[_text(entry.get(column, "")) for column in columns] for entry in entries]
    marks = ["---" for _ in columns]
    return [f"| {' | '.join(row)} |\n" for row in (columns, marks, *rows)]


def _text(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case int():
            return f"{value:,}"
        case dict():
            return ", ".join(f"{k} {_text(v)}" for k, v in value.items()) or "none"
    return str(value).replace("|", "\\|")


def _run(name: str) -> dict[str, Any] | None:
    command = [sys.executable, "-m", "tests.benchmarks", name, "--json"]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, check=False, timeout=LONGEST, cwd=ROOT, text=True
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        sys.stderr.write(f"{name} gave no answer: {error}\n")
        return None
    return answer
