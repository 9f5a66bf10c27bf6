"""Settings of the servers that tests start, in one place: `--processes` changes them all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from governance.access.fronting import free_port
from governance.settings import Settings

PROCESSES = {"workers": 2, "verification_workers": 2}
"""Two API processes, two sandbox processes in each."""

wherever: Callable[[], dict[str, Any]] = dict
"""Settings of every server whose test does not name others; `--processes` puts others here."""


def server_settings(data_dir: Path, **values: Any) -> Settings:
    """Return settings of a server of its own; `values` come before what `--processes` says."""
    return Settings(**{"data_dir": data_dir, "port": free_port()} | wherever() | values)
