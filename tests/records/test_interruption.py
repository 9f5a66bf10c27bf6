"""An import goes on after `kill -9`, and a large file needs little memory."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger.database import Base, connect, reading
from ledger.records import imports
from ledger.records.intake import Target
from ledger.records.tables import InvestorRow
from ledger.records.tables_keys import RecordKeyRow
from ledger.records.tables_work import ImportChunkRow, ImportKeyRow
from tests.records.conftest import Clerks
from tests.records.files import csv_text, investor, upload

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
    people = [investor(n, custody_holder_id="custody-a") for n in range(PEOPLE)]
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
import_large(sys.argv[1], int(sys.argv[2]))
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's, before exec
print(status.partition("VmHWM:")[2].split()[0])
"""


def import_large(url: str, size: int) -> None:
    """Import about `size` bytes of transfer instructions, made on the way, in this process."""
    import hashlib

    from ledger.database import writing
    from ledger.records import keeping
    from ledger.records.import_work import work
    from ledger.records.keeping import Clerk
    from policies.actors import Actor
    from policies.compilation import compile_rules
    from policies.engine import parse_rule_set, shipped_text
    from tests.records.conftest import AT, MASTER
    from tests.records.files import transfer
    from tests.records.simulated import KnownLedger

    header = ",".join(transfer(0)) + "\n"
    tail = ",".join(str(value) for value in list(transfer(0).values())[1:]) + "\n"
    count = size // len(f"TRD{0:08d},{tail}")

    def blocks():  # noqa: ANN202 - an iterator of bytes
        yield header.encode()
        for first in range(0, count, 5000):
            numbers = range(first, min(first + 5000, count))
            yield "".join(f"TRD{number:08d},{tail}" for number in numbers).encode()

    digest, total = hashlib.sha256(), 0
    for block in blocks():
        digest.update(block)
        total += len(block)
    rules = compile_rules(parse_rule_set(shipped_text()))
    mine = Clerk(Actor("custody-a", frozenset({"custodian"})), rules, MASTER, AT)
    engine = connect(url)
    order = imports.ImportRequest(
        import_target=Target.INSTRUCTION,
        file_size=total,
        file_timestamp=AT,
        file_digest="sha256:" + digest.hexdigest(),
    )
    with writing(engine) as session:
        keeping.create(session, mine, "investor", investor(1, custody_holder_id="custody-a"))
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


def peak_memory(tmp_path: Path, size: int) -> int:
    """Return the kilobytes that a fresh process needs to import `size` bytes."""
    engine = connect(f"sqlite:///{tmp_path / f'large-{size}.sqlite'}")
    Base.metadata.create_all(engine)
    url = engine.url.render_as_string(hide_password=False)
    engine.dispose()
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, url, str(size)],
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
    assert peak_memory(tmp_path, LARGE) < MEMORY


def test_memory_does_not_grow_with_the_file(tmp_path: Path):
    small, large = (peak_memory(tmp_path, size << 20) for size in (1, 6))
    assert large < MEMORY
    assert large - small < 16 << 10
