"""A verification in the sandbox, cold and warm, against plain CPython, Monty and a new instance."""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydantic_monty

from contracts.author import Transaction
from contracts.sandbox import runtime as runtimes
from contracts.sandbox.engine import load, on_deep_stack
from contracts.sandbox.machine import Machine
from contracts.sandbox.pool import Pool, Sandboxed
from contracts.sandbox.verdicts import Accepted

ROUNDS = 15
CALLS = {"small": 100, "1,000 outputs": 4}
FRESH_CALLS = 2
COLD_ROUNDS = 15
BATCH = 2_000
BATCHES = 5
SPARE_SECONDS = 0.15  # what a worker needs to make its next spare instance
MAX_WARM_US = 200.0
MIN_RATE = 4_000.0
MAX_COLD_MS = 15.0
MICRO, MILLI = 1e6, 1e3

CONTRACT = """\
from contracts.author import Rejected, Transaction


def verify(tx: Transaction) -> None:
    consumed = made = 0
    for token in tx.inputs:
        if token.quantity <= 0:
            raise Rejected("E_QUANTITY", "not more than 0")
        if token.investor_id not in tx.signers.investors:
            raise Rejected("E_SIGNATURE", token.investor_id)
        consumed += token.quantity
    for token in tx.outputs:
        if token.quantity <= 0:
            raise Rejected("E_QUANTITY", "not more than 0")
        made += token.quantity
    if consumed != made:
        raise Rejected("E_SUM", "not conserved")
"""

# The same for an interpreter without classes of its own.
DICT_CONTRACT = """\
def verify(tx):
    signers = set(tx["signers"]["investors"])
    consumed = 0
    made = 0
    for token in tx["inputs"]:
        if token["quantity"] <= 0:
            raise ValueError("E_QUANTITY")
        if token["investor_id"] not in signers:
            raise ValueError("E_SIGNATURE")
        consumed += token["quantity"]
    for token in tx["outputs"]:
        if token["quantity"] <= 0:
            raise ValueError("E_QUANTITY")
        made += token["quantity"]
    if consumed != made:
        raise ValueError("E_SUM")
    return True
"""


def run() -> dict[str, Any]:
    """Measure both sizes on every side, interleaved; then cold starts and a worker's rate."""
    runtime = runtimes.obtain(progress=print)
    machine = Machine(runtime, progress=print)
    rows = on_deep_stack(_warm, machine)
    machine.close()
    with Pool(runtime, size=1, spares=0) as pool:
        cold = _cold(pool)
        rate, per_core = _rates(pool)
    rows.append({"side": "sekisho, cold, through a worker", "size": "small", "us": cold * MICRO})
    ours = next(row["us"] for row in rows if row["side"] == "sekisho" and row["size"] == "small")
    return {
        "rows": rows,
        "one_worker_per_second": round(rate),
        "reset": machine.reset,
        "runtime": runtime.id,
        "targets": [
            _target(f"small, warm, reset: at most {MAX_WARM_US} us", ours, ours <= MAX_WARM_US),
            _target(
                f"per second of a core, worker and caller: at least {MIN_RATE}",
                per_core,
                per_core >= MIN_RATE,
            ),
            _target(f"cold: under {MAX_COLD_MS} ms", cold * MILLI, cold * MILLI < MAX_COLD_MS),
        ],
    }


def _target(target: str, measured: float, met: bool) -> dict[str, Any]:  # noqa: FBT001 -- one shape
    return {"target": target, "measured": round(measured, 1), "met": met}


def _token(investor: str, quantity: int) -> dict[str, Any]:
    return {
        "token_id": "BR001",
        "investor_id": investor,
        "quantity": quantity,
        "issuer_info": "trust-a",
        "terms": {},
    }


def _transaction(outputs: int) -> str:
    command = dict.fromkeys(
        (
            "trade_id",
            "transfer_creator_id",
            "beneficial_right_id",
            "from_investor_id",
            "to_investor_id",
            "settlement_date",
            "transfer_type",
            "cancels_trade_id",
            "registered_at",
            "registered_by",
        ),
        "BR001",
    )
    right = {
        "registrar": "trust-a",
        "transfer_allowed": True,
        "established_quantity": 120000,
        "issued_quantity": 120000,
        "redemption_date": "2030-03-31",
    }
    return json.dumps(
        {
            "contract": {"name": "beneficial_right", "version": "1.0.0"},
            "registered_at": "2025-04-01T00:00:01Z",
            "inputs": [_token(f"INV-{number}", outputs) for number in range(4)],
            "outputs": [_token(f"INV-{number}", 4) for number in range(outputs)],
            "commands": [command | {"quantity": 1, "terms": {}}],
            "signers": {"investors": [f"INV-{number}" for number in range(4)], "members": []},
            "facts": {"session": "open", "rights": {"BR001": right}, "cancelled": {}},
        }
    )


def _warm(machine: Machine) -> list[dict[str, Any]]:
    """Interleave the sides round by round; return the median of each, and its ratio to ours."""
    reset, fresh = load(machine, CONTRACT), load(machine, CONTRACT, fresh=True)
    space: dict[str, Any] = {}
    exec(CONTRACT, space)
    rows = []
    with _monty() as monty:
        for size, outputs in (("small", 4), ("1,000 outputs", 1_000)):
            text = _transaction(outputs)
            sides: dict[str, Callable[[], object]] = {
                "plain CPython": lambda text=text: space["verify"](Transaction.from_json(text)),
                "pydantic-monty, state kept": lambda text=text: monty(text),
                "sekisho": lambda text=text: reset.judge(text),
                "new wasm instance each time": lambda text=text: fresh.judge(text),
            }
            if type(reset.judge(text).verdict) is not Accepted:
                raise RuntimeError("the transaction is not accepted: nothing is measured")
            rows += _medians(size, sides)
    reset.close()
    fresh.close()
    return rows


def _medians(size: str, sides: dict[str, Callable[[], object]]) -> list[dict[str, Any]]:
    taken: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(ROUNDS):
        for side, call in sides.items():
            calls = FRESH_CALLS if side.startswith("new") else CALLS[size]
            for _ in range(calls):
                begun = time.perf_counter()
                call()
                taken[side].append(time.perf_counter() - begun)
    medians = {side: statistics.median(times) * MICRO for side, times in taken.items()}
    return [
        {
            "side": side,
            "size": size,
            "us": round(median, 1),
            "to_sekisho": round(median / medians["sekisho"], 3),
        }
        for side, median in medians.items()
    ]


@contextmanager
def _monty() -> Iterator[Callable[[str], object]]:
    with pydantic_monty.Monty() as pool, pool.checkout() as session:
        session.feed_run(DICT_CONTRACT)
        yield lambda text: session.feed_run("verify(tx)", inputs={"tx": json.loads(text)})


def _cold(pool: Pool) -> float:
    """Return seconds from a contract that no worker has seen to its first verdict."""
    text = _transaction(4)
    taken = []
    for number in range(COLD_ROUNDS):
        time.sleep(SPARE_SECONDS)
        contract = Sandboxed(f"{CONTRACT}\n# {number}\n")
        begun = time.perf_counter()
        pool.judge(contract, [text])
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def _rates(pool: Pool) -> tuple[float, float]:
    """Return verifications of one worker per second, and per second of processor time.

    The second counts the worker's and the caller's processor time together: it is what a core
    gives when nothing else runs on it, and says the same on a machine that is shared.
    """
    batch = [_transaction(4)] * BATCH
    contract = Sandboxed(CONTRACT)
    pool.judge(contract, batch[:10])
    (pid,) = pool.pids
    elapsed, computed = [], []
    for _ in range(BATCHES):
        begun, before = time.perf_counter(), _processor_time(pid)
        pool.judge(contract, batch)
        elapsed.append(time.perf_counter() - begun)
        computed.append(_processor_time(pid) - before)
    return BATCH / statistics.median(elapsed), BATCH / statistics.median(computed)


def _processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()
