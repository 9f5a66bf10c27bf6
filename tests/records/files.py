"""Import files for tests, and the loop that a client runs."""

import csv
import datetime as dt
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger.database import reading, writing
from ledger.records import imports
from ledger.records.directory import Directory
from ledger.records.import_work import work
from ledger.records.imports import ImportRequest, ImportState, Operation
from ledger.records.intake import Target
from ledger.records.keeping import Clerk
from policies.errors import Fault
from tests.records.conftest import AT, PERSON

INVESTOR_COLUMNS = tuple(PERSON)
TRANSFER: dict[str, Any] = {
    "trade_id": "TRD00000001",
    "beneficial_right_id": "BR001",
    "from_investor_id": "INV000001",
    "to_investor_id": "INV000009",
    "quantity": 10,
    "settlement_date": "2025-04-03",
    "transfer_type": "transfer",
    "cancels_trade_id": "",
    "registered_at": "2025-04-01T09:00:01+09:00",
    "registered_by": "custody-a",
}


def investor(number: int, **changes: Any) -> dict[str, Any]:
    return PERSON | {"investor_id": f"INV{number:06d}", "corporate_number": ""} | changes


def transfer(number: int, **changes: Any) -> dict[str, Any]:
    return TRANSFER | {"trade_id": f"TRD{number:08d}"} | changes


def cancel(number: int, of: int, **changes: Any) -> dict[str, Any]:
    turned = {
        "from_investor_id": TRANSFER["to_investor_id"],
        "to_investor_id": TRANSFER["from_investor_id"],
        "transfer_type": "cancel",
        "cancels_trade_id": f"TRD{of:08d}",
    }
    return transfer(number, **(turned | changes))


def csv_text(rows: Iterable[Mapping[str, Any]], newline: str = "\n") -> str:
    rows = list(rows)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def request(data: bytes, target: Target = Target.INVESTOR, **options: Any) -> ImportRequest:
    return ImportRequest(
        import_target=target,
        file_size=options.pop("file_size", len(data)),
        file_timestamp=AT - dt.timedelta(hours=1),
        file_digest="sha256:" + hashlib.sha256(data).hexdigest(),
        operation=options.pop("operation", Operation.CREATE),
        **options,
    )


def upload(engine: Engine, clerk: Clerk, data: bytes, piece: int = 100_000, **options: Any) -> str:
    with writing(engine) as session:
        import_id = imports.begin(session, clerk, request(data, **options)).import_id
    for offset in range(0, len(data), piece):
        with writing(engine) as session:
            imports.receive(session, clerk, import_id, offset, data[offset : offset + piece])
    return import_id


def run(
    engine: Engine,
    clerk: Clerk,
    directory: Directory,
    import_id: str,
    batch: int = 1000,
    after_each: Callable[[ImportState], None] = lambda _: None,
) -> tuple[ImportState, tuple[Fault, ...]]:
    while True:
        with writing(engine) as session:
            state = work(session, clerk, directory, import_id, batch)
        after_each(state)
        if state.status not in imports.UNFINISHED:
            break
    with reading(engine) as session:
        return state, imports.report(session, clerk, import_id)


def import_file(
    engine: Engine,
    clerk: Clerk,
    data: bytes,
    directory: Directory,
    batch: int = 1000,
    **options: Any,
) -> tuple[ImportState, tuple[Fault, ...]]:
    return run(engine, clerk, directory, upload(engine, clerk, data, **options), batch)


def count(engine: Engine, table: Any) -> int:
    with reading(engine) as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def places(faults: Any) -> list[tuple[int | None, str]]:
    return [(fault.line, fault.where) for fault in faults]
