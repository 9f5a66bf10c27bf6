"""A whole network over HTTP: investors and instructions imported, all executed, reconciled.

`SEKISHO_BENCHMARK_DATA` names a folder like `docs/examples/network`, of any size; the sample itself
by default. Each custodian imports its customers with all their personal fields, each member the
instructions that it executes; all are matched, approved, executed on the ledger and marked. Then
the registers of three days are compared with the lines, and their totals with what was issued.
"""

import csv
import datetime as dt
import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from governance.cli.records import send_file, work_off
from governance.client.connection import Connection
from governance.demo.dataset import Dataset, TransferRow
from ledger.records.instructions import MAX_BATCH
from tests.faults.breaking import descendants
from tests.http.network import SAMPLE, Served, founded
from tests.load.populated import NO_LIMIT

DATA = Path(os.environ.get("SEKISHO_BENCHMARK_DATA", SAMPLE))
DATABASE = os.environ.get("SEKISHO_BENCHMARK_DATABASE", "")
"""URL of an empty database; SQLite by default."""

JST = dt.timezone(dt.timedelta(hours=9))
Register = dict[tuple[str, str, str], int]


class Stages:
    """Takes note of how long each stage takes, and for how many things."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    @contextmanager
    def stage(self, name: str, count: int) -> Iterator[None]:
        """Time a stage."""
        started = time.monotonic()
        yield
        seconds = time.monotonic() - started
        rate = round(count / seconds, 1)
        row = {"stage": name, "count": count, "seconds": round(seconds, 1), "per_second": rate}
        self.rows.append(row)


def run() -> dict[str, Any]:
    """Play the data; check every register and total; report time and memory."""
    stages = Stages()
    data = Dataset(DATA)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        options = {"database_url": DATABASE} if DATABASE else {}
        with founded(home, data, rate_limit=NO_LIMIT, **options) as served:
            seconds = round(time.monotonic() - started, 1)
            stages.rows.append({"stage": "members, contract, account keys", "seconds": seconds})
            _import_investors(served, home, stages)
            _execute(served, home, stages)
            registers = _check_registers(served, stages)
            memory = _peak_memory(served)
    return {
        "rows": stages.rows,
        "targets": [
            {"target": "registers as the lines say", "measured": registers, "met": True},
        ],
        "investors": len(data.investors),
        "transfers": len(data.transfers),
        "peak_mib": memory,
    }


def _import_investors(served: Served, home: Path, stages: Stages) -> None:
    with (DATA / "investors.csv").open(encoding="utf-8-sig", newline="") as handle:
        people = list(csv.DictReader(handle))
    by_custodian = defaultdict(list)
    for person in people:
        by_custodian[person["custodian_id"]].append(person)
    with stages.stage("import investors", len(people)):
        for custodian, persons in by_custodian.items():
            connection = served.member(custodian)
            for holder in sorted({p["custody_holder_id"] for p in persons} - {custodian}):
                record = dict.fromkeys(("custody_holder_id", "custody_holder_name"), holder)
                connection.post("/v1/records/custody_holder", record | {"custodian_id": custodian})
            _import(connection, home / "investors.csv", "investor", persons)


def _import(connection: Connection, file: Path, target: str, rows: Sequence[Any]) -> None:
    with file.open("w", encoding="cp932", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    state = work_off(connection, send_file(connection, target, file, "create", "auto"))
    if (state["status"], state["rows_written"]) != ("done", len(rows)):
        raise AssertionError(f"{connection.member_id}: {state}")


def _execute(served: Served, home: Path, stages: Stages) -> None:
    """Take every line through the life of an instruction, from an import to its transfer."""
    lines = {row["trade_id"]: row for row in _lines()}
    everything = served.scenario.data.transfers
    rows = [row for row in everything if row.registered_by in _key_holders(served)]
    executor = {row.trade_id: row.registered_by for row in rows}
    late = [r for r in rows if executor.get(r.cancels_trade_id, r.registered_by) != r.registered_by]
    known = {row.trade_id for row in late}  # they cancel what another member made: it must be there
    early = [row for row in rows if row.trade_id not in known]
    with stages.stage("import instructions", len(early)):
        _import_instructions(served, home, early, lines)
    with stages.stage("match and approve", len(early)):
        _step(served, "received", "match")
        _step(served, "matched", "approve")
    with stages.stage("execute", len(everything)):
        served.scenario.load_transfers(lambda _: None)
    with stages.stage("import, match, approve other members' cancels", len(late)):
        _import_instructions(served, home, late, lines)
        _step(served, "received", "match")
        _step(served, "matched", "approve")
    with stages.stage("mark as executed", len(rows)):
        _step(served, "approved", "execute")
    executed = sum(
        sum(
            1 for _ in served.member(member).pages("/v1/instructions", status="executed", limit=500)
        )
        for member in set(executor.values())
    )
    if executed != len(rows):
        raise AssertionError(f"{executed} instructions executed; expected {len(rows)}")


def _key_holders(served: Served) -> set[str]:
    """Return the members that hold account keys: instructions are for them."""
    roles = {"custodian", "direct_securities_firm"}
    return {row.member_id for row in served.scenario.data.members if row.role in roles}


def _lines() -> Iterator[dict[str, str]]:
    with (DATA / "transfers.csv").open(encoding="utf-8-sig", newline="") as handle:
        yield from csv.DictReader(handle)


def _import_instructions(
    served: Served, home: Path, rows: Iterable[TransferRow], lines: dict[str, dict[str, str]]
) -> None:
    by_member = defaultdict(list)
    for row in rows:
        by_member[row.registered_by].append(lines[row.trade_id])
    for member, mine in by_member.items():
        _import(served.member(member), home / "transfers.csv", "transfer", mine)


def _step(served: Served, status: str, verb: str) -> None:
    for member in _key_holders(served):
        connection = served.member(member)
        found = connection.pages("/v1/instructions", status=status, limit=MAX_BATCH)
        ids = [one["instruction_id"] for one in found if one["receiver_id"] == member]
        for start in range(0, len(ids), MAX_BATCH):
            body = {"instruction_ids": ids[start : start + MAX_BATCH]}
            connection.post(f"/v1/instructions/{verb}", body)


def _check_registers(served: Served, stages: Stages) -> int:
    """Compare the registers of three days with the lines; return how many holdings they show."""
    rows = served.scenario.data.transfers
    days = sorted({row.registered_at.astimezone(JST).date() for row in rows})
    chosen = [days[len(days) // 10], days[len(days) // 2], days[-1]]
    with stages.stage("registers as of three days", len(chosen) * len(served.scenario.data.rights)):
        read = served.scenario.registers(chosen)
    shown: Register = {
        (str(r["as_of"]), str(r["beneficial_right_id"]), str(r["investor_id"])): int(
            str(r["quantity"])
        )
        for r in read
    }
    said = _folded(rows, chosen)
    if shown != said:
        raise AssertionError(f"{len(shown.items() ^ said.items())} holdings differ")
    for day in chosen:
        _reconcile(served, day, rows, shown)
    return len(shown)


def _folded(rows: Iterable[TransferRow], days: Sequence[dt.date]) -> Register:
    """Return who holds what at the end of each day, by the lines alone."""
    found: Register = {}
    for day in days:
        held: Counter[tuple[str, str]] = Counter()
        for row in rows:
            if row.registered_at.astimezone(JST).date() <= day:
                held[row.beneficial_right_id, row.from_investor_id] -= row.quantity
                held[row.beneficial_right_id, row.to_investor_id] += row.quantity
        for (right, investor), quantity in held.items():
            if investor and quantity:
                found[day.isoformat(), right, investor] = quantity
    return found


def _reconcile(served: Served, day: dt.date, rows: Iterable[TransferRow], shown: Register) -> None:
    """Compare each right's total with what was issued less what was redeemed, and as stated."""
    signs = {"issue": 1, "redeem": -1}
    issued: Counter[str] = Counter()
    for row in rows:
        if row.registered_at.astimezone(JST).date() <= day:
            issued[row.beneficial_right_id] += signs.get(row.transfer_type, 0) * row.quantity
    for right in served.scenario.data.rights:
        name = right.beneficial_right_id
        total = sum(q for (on, of, _), q in shown.items() if (on, of) == (day.isoformat(), name))
        path = f"/v1/ledger/registers/{name}"
        stated = served.member(right.registrar_member_id).get(path, as_of=day.isoformat(), limit=1)
        if not total == issued[name] == stated["total"]:
            raise AssertionError(f"{name} on {day}: {total}, {issued[name]}, {stated['total']}")


def _peak_memory(served: Served) -> dict[str, int]:
    """Return the most MiB that the API process, a sandbox and the clients had at any time."""
    workers = served.process.workers()
    below = [pid for worker in workers for pid in descendants(worker)]
    return {
        "api": max(map(_peak, map(str, workers))),
        "sandbox": max(map(_peak, map(str, below)), default=0),
        "clients": _peak("self"),
    }


def _peak(pid: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10
