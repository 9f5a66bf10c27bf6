"""Lets a test move a server's clock while it runs; a folder for PYTHONPATH, nothing else.

The one clock of the process, `governance.assembly.services.utc_now`, goes on as it is, moved by as
many seconds as the file that `MOVED_CLOCK` names says.
"""

import datetime as dt
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

CLOCK = "governance.assembly.services"


def seconds_moved() -> float:
    """Return by how much the clock is moved now."""
    return float(Path(os.environ["MOVED_CLOCK"]).read_text(encoding="ascii"))


def utc_now() -> dt.datetime:
    """Return the moved time; its code takes the place of the real one, in that module."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds_moved())


class MovesTheClock(MetaPathFinder):
    """Changes the clock as soon as its module is loaded, wherever it was handed to by then."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the clock's module as usual, with a loader that moves it."""
        spec = PathFinder.find_spec(name, path, target) if name == CLOCK else None
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            vars(module)["seconds_moved"] = seconds_moved
            module.utc_now.__code__ = utc_now.__code__

        spec.loader.exec_module = exec_module  # type: ignore[method-assign] # on this loader alone
        return spec


if "MOVED_CLOCK" in os.environ:
    sys.meta_path.insert(0, MovesTheClock())
