"""The demo's server: the real one, in a process of its own, on a free loopback port."""

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from governance.errors import ServerUnreachable
from governance.settings import Settings, as_environment

START_PATIENCE = 180.0
"""Seconds that a first start may take: it builds the sandbox once on a machine."""

STOP_PATIENCE = 60.0


class ServerProcess:
    """`sekisho serve` as a child process; a context manager.

    Args:
        settings: how it runs; its port must be set.
        log: the file that takes what it prints.
        tell: takes a line about what it is waited for.
        trust: what its certificate is judged by, where it serves HTTPS.
    """

    def __init__(
        self,
        settings: Settings,
        log: Path,
        tell: Callable[[str], None] = lambda _: None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._trust: ssl.SSLContext | bool = trust or True
        self._log = log
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it, and wait until it is ready."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it in good order."""
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._settings.url

    def workers(self) -> list[int]:
        """Return the ids of its API processes: the children of the one that was started."""
        if self._process is None:
            return []
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        return [int(pid) for pid in children.split()]

    def start(self) -> None:
        """Start it, and wait until it is ready.

        Raises:
            ServerUnreachable: it ended, or was not ready in time; its log says why.
        """
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("SEKISHO_")
        } | as_environment(self._settings)
        if "SEKISHO_CACHE" in os.environ:
            environment["SEKISHO_CACHE"] = os.environ["SEKISHO_CACHE"]
        self._tell("starting the server (the first time, the contract sandbox is built)")
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "governance.cli", "serve"],
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:  # whoever interrupts the start leaves no server behind
            self.kill()
            raise

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]") -> None:
        give_up = time.monotonic() + START_PATIENCE
        while not self._ready():
            if process.poll() is not None or time.monotonic() > give_up:
                tail = self._log.read_text(errors="replace")[-2000:]
                raise ServerUnreachable(f"the server did not become ready:\n{tail}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it in good order; kill it if it does not end within a minute."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Kill it as a power cut would."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _ready(self) -> bool:
        try:
            url = f"{self._settings.url}/health/ready"
            answer = httpx.get(url, timeout=2.0, verify=self._trust)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK
