"""Run benchmarks: `python -m tests.benchmarks NAME… [--json]`, or `--list` to see the names.

A benchmark is a module of this folder with a one-line docstring and `run() -> dict`. Its answer is
JSON; where it has `rows` (a list of flat dicts) and `targets` (dicts with `target`, `measured`,
`met`) they are shown as tables. Every benchmark runs both sides in one run, interleaved: machines
are noisy, so ratios are the result and absolute times are context.
"""

import argparse
import importlib
import json
import pkgutil
import platform
import sys
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

import tests.benchmarks as folder
from tests.benchmarks._record import record


def names() -> list[str]:
    """Return the names of all benchmarks."""
    found = (module.name for module in pkgutil.iter_modules(folder.__path__))
    return sorted(name for name in found if not name.startswith("_"))


def summary(name: str) -> str:
    """Return the first line of a benchmark's docstring."""
    doc = importlib.import_module(f"tests.benchmarks.{name}").__doc__ or ""
    return doc.strip().split("\n")[0]


def measure(name: str) -> dict[str, Any]:
    """Run one benchmark and return its answer with the machine that it ran on."""
    module = importlib.import_module(f"tests.benchmarks.{name}")
    started = time.perf_counter()
    answer: dict[str, Any] = module.run()
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    took = round(time.perf_counter() - started, 1)
    return {"benchmark": name, **answer, **machine, "took_seconds": took}


def show(answer: dict[str, Any], console: Console) -> None:
    """Print tables for `rows` and `targets`, and the rest as it is."""
    rest = {key: value for key, value in answer.items() if key not in {"rows", "targets"}}
    for title in ("rows", "targets"):
        entries: Sequence[dict[str, Any]] = answer.get(title, ())
        if entries:
            columns = dict.fromkeys(key for entry in entries for key in entry)
            table = Table(*columns, title=f"{answer['benchmark']}: {title}")
            for entry in entries:
                table.add_row(*(text(entry.get(column, "")) for column in columns))
            console.print(table)
    console.print_json(json.dumps(rest, ensure_ascii=False))


def text(value: object) -> str:
    """Return a number with four significant digits, anything else as it is."""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; exit with 1 where a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", choices=[*names(), []], metavar="NAME")
    parser.add_argument("--list", action="store_true", help="name the benchmarks and stop")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument(
        "--record", action="store_true", help="run these, or all, and write docs/benchmarks.md"
    )
    options = parser.parse_args(arguments)
    if options.record:
        return 1 if record(options.name or names()) else 0
    if options.list or not options.name:
        for name in names():
            print(f"{name:12} {summary(name)}")
        return 0
    met = True
    for name in options.name:
        answer = measure(name)
        if options.json:
            json.dump(answer, sys.stdout, ensure_ascii=False, indent=2)
            print()
        else:
            show(answer, Console())
        met = met and all(target["met"] for target in answer.get("targets", ()))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
