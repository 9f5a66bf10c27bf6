"""Runs the quickstart: every `bash` block of the page, in order, against a real server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from governance.access.fronting import free_port

PAGE = Path(__file__).parents[2] / "docs" / "quickstart.md"
PATIENCE = 1_800
"""Seconds; on a busy machine; on a quiet one it takes two to three minutes."""


def blocks(page: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.mark.interop
def test_the_page_runs_as_it_stands(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    port = str(free_port())
    script = "set -euo pipefail\n" + "\n".join(blocks(page)).replace(":8480", ":" + port)
    environment = {name: v for name, v in os.environ.items() if not name.startswith("SEKISHO_")}
    if "SEKISHO_CACHE" in os.environ:
        environment["SEKISHO_CACHE"] = os.environ["SEKISHO_CACHE"]
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment["SEKISHO_PORT"] = port
    file = tmp_path / "quickstart.sh"
    file.write_text("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + script, encoding="utf-8")
    done = subprocess.run(
        ["bash", str(file)],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told = done.stdout + done.stderr
    assert "trust-a/node.crt: OK" in told
    assert told.count("refused (not-found): there is no transaction") == 2
    assert "no rule lets custodian do register:read" in told
    assert re.search(r"INV002 +holds 20 of BR001|INV002 holds 20 of BR001", told)
    assert '"legal_name"' not in told
    assert "Hinoki AM" in told
    assert "urn:sekisho:problem:not-found" in told
    assert "urn:sekisho:problem:unauthenticated" in told
    assert told.count("verified ") >= 2
