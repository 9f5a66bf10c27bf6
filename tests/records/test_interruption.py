"""An import goes on after `kill -9`, and a large file needs little memory."""

import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger.database import Base, connect, reading, writing
from ledger.records import imports, keeping
from ledger.records.import_work import work
from ledger.records.intake import Target
from ledger.records.keeping import Clerk
from ledger.records.tables import InvestorRow
from ledger.records.tables_keys import RecordKeyRow
from ledger.records.tables_work import ImportChunkRow, ImportKeyRow
from policies.actors import Actor
from policies.compilation import compile_rules
from policies.engine import parse_rule_set, shipped_text
from tests.records.conftest import AT, MASTER, Clerks
from tests.records.files import csv_text, investor, transfer, upload
from tests.records.simulated import KnownLedger

ROOT = Path(__file__).parents[2]
PEOPLE = 2500
KILLS = 6


def start(engine: Engine, import_id: str) -> "subprocess.Popen[str]":
    url = engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.records.importer", url, import_id],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def count(engine: Engine, table: type[Base]) -> int:
    with reading(engine) as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_an_import_survives_kills_and_writes_everything_once(engine: Engine, clerk: Clerks):
    people = [investor(n) for n in range(PEOPLE)]
    mine = clerk("custody-a")
    import_id = upload(engine, mine, csv_text(people).encode("cp932"))
    rng = random.Random(6)
    seen = set()
    for _ in range(KILLS):
        process = start(engine, import_id)
        time.sleep(rng.uniform(0.05, 0.5))
        process.kill()
        process.communicate()
        with reading(engine) as session:
            state = imports.state(session, mine, import_id)
        seen.add((state.status, state.position))
        written = count(engine, InvestorRow)
        assert written == state.rows_written
        assert written == count(engine, RecordKeyRow)
        if state.status == "checking":
            assert written == 0
    assert len(seen) > 1  # the kills found it at different places
    process = start(engine, import_id)
    assert process.communicate(timeout=120)[0] == f"done {PEOPLE}\n"
    with reading(engine) as session:
        ids = set(session.scalars(sa.select(InvestorRow.investor_id)))
    assert ids == {one["investor_id"] for one in people}
    assert count(engine, ImportChunkRow) == count(engine, ImportKeyRow) == 0


LARGE = 500 << 20
"""Bytes of the large file."""

MEMORY = 200 << 10
"""Kilobytes that importing it may take."""

_CHILD = """
import sys
from pathlib import Path
from tests.records.test_interruption import import_large
import_large(sys.argv[1], sys.argv[2], int(sys.argv[3]))
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's, before exec
print(status.partition("VmHWM:")[2].split()[0])
"""

LONGEST = {
    **dict.fromkeys(
        ("investor_name", "registered_address", "contact_name", "contact_address"), "関" * 256
    ),
    **dict.fromkeys(
        ("payee_bank_name_kana", "payee_branch_name_kana", "payee_account_holder_kana"), "セ" * 100
    ),
    "custody_holder_id": "custody-a",
    "contact_email": "h" * 242 + "@example.jp",
}
"""Fields of an investor that take up as much as they may: 4.5 KB."""


def long_lines(target: Target, size: int) -> tuple[int, Callable[[], Iterator[bytes]]]:
    """Return how many lines make about `size` bytes, and the file in blocks, made on the way."""
    row = list((investor(1, **LONGEST) if target is Target.INVESTOR else transfer(1)).items())
    letters, tail = str(row[0][1])[:3], ",".join(str(value) for _, value in row[1:]) + "\n"
    count = size // len(f"{letters}{0:08d},{tail}".encode())

    def blocks() -> Iterator[bytes]:
        yield (",".join(name for name, _ in row) + "\n").encode()
        for first in range(0, count, 1000):
            numbers = range(first, min(first + 1000, count))
            yield "".join(f"{letters}{number:08d},{tail}" for number in numbers).encode()

    return count, blocks


def import_large(url: str, target_name: str, size: int) -> None:
    """Import about `size` bytes in this process."""
    target = Target(target_name)
    count, blocks = long_lines(target, size)
    digest, total = hashlib.sha256(), 0
    for block in blocks():
        digest.update(block)
        total += len(block)
    rules = compile_rules(parse_rule_set(shipped_text()))
    mine = Clerk(Actor("custody-a", frozenset({"custodian"})), rules, MASTER, AT)
    engine = connect(url)
    order = imports.ImportRequest(
        import_target=target,
        file_size=total,
        file_timestamp=AT,
        file_digest="sha256:" + digest.hexdigest(),
    )
    with writing(engine) as session:
        keeping.create(session, mine, "investor", investor(1))
        import_id = imports.begin(session, mine, order).import_id
    offset = 0
    for block in blocks():
        with writing(engine) as session:
            imports.receive(session, mine, import_id, offset, block)
        offset += len(block)
    while True:
        with writing(engine) as session:
            state = work(session, mine, KnownLedger(), import_id)
        if state.status not in imports.UNFINISHED:
            break
    assert (state.status, state.rows_written) == ("done", count), state


def peak_memory(tmp_path: Path, target: Target, size: int) -> int:
    """Return the kilobytes that a fresh process needs to import `size` bytes."""
    engine = connect(f"sqlite:///{tmp_path / f'large-{size}.sqlite'}")
    Base.metadata.create_all(engine)
    url = engine.url.render_as_string(hide_password=False)
    engine.dispose()
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, url, target.value, str(size)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


@pytest.mark.slow
def test_a_file_of_500_megabytes_within_200_megabytes_of_memory(tmp_path: Path):
    assert peak_memory(tmp_path, Target.INVESTOR, LARGE) < MEMORY


def test_memory_does_not_grow_with_the_file(tmp_path: Path):
    small, large = (peak_memory(tmp_path, Target.INSTRUCTION, size << 20) for size in (1, 6))
    assert large < MEMORY
    assert large - small < 16 << 10
