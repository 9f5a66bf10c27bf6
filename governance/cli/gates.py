"""How far gates are: a bar on a terminal, a line for each gate elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from contracts.gates.subjects import Progress as Tell
from governance.cli.output import problems


@contextmanager
def gate_progress(*, quiet: bool) -> Iterator[Tell]:
    """Yield what takes gate, steps done and steps in all; it says nothing if `quiet`."""
    if quiet:
        yield lambda _gate, _done, _total: None
    elif not sys.stderr.isatty():
        yield _lines()
    else:
        bar = Progress(
            TextColumn("gate {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=problems,
            transient=True,
        )
        with bar:
            task = bar.add_task("…", total=None)
            yield lambda gate, done, total: bar.update(
                task, description=f"{gate:<12}", completed=done, total=total or None
            )


def _lines() -> Tell:
    last = ""

    def tell(gate: str, _done: int, total: int) -> None:
        nonlocal last
        if gate == last:
            return
        last = gate
        of = f" ({total} steps)" if total else ""
        problems.print(f"  {gate}{of} …", markup=False)

    return tell
