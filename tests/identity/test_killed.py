"""The issuing process is killed with SIGKILL; the next one finishes, once."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from governance.identity import store
from governance.identity.authority import SIGNING_LEASE, approve, resume
from governance.identity.revocation import Reason
from ledger.database import reading, writing
from tests.identity.test_issuance import counts, order
from tests.membership.consortium import Consortium, new_key

pytestmark = pytest.mark.faults
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("point", ["signing", "signed"])
def test_killed_between_reserving_and_storing(
    consortium: Consortium, tmp_path: Path, point: str
) -> None:
    consortium.join("trust-a")
    with writing(consortium.engine) as session:
        issuance = approve(session, order(new_key()), consortium.at)
    command = [sys.executable, "-m", "tests.identity.killed_issuer"]
    done = subprocess.run(
        [*command, tmp_path / "network", str(issuance), point],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    later = consortium.at + SIGNING_LEASE
    assert len(resume(consortium.engine, consortium.authority, later)) == 1
    assert resume(consortium.engine, consortium.authority, later) == []
    assert counts(consortium) == (1, [Reason.ABANDONED])
    if point == "signed":
        with reading(consortium.engine) as session:
            assert store.revocation(session, done.stdout.strip()) is not None
