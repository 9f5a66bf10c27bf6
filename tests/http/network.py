"""A business network for the tests of the whole server: the sample's members, a part of its data.

It is played over HTTP by the demo's scenario, against the real server in a process of its own.
"""

import csv
import datetime as dt
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from contracts.authoring import SHIPPED
from governance.client.connection import Connection
from governance.demo.dataset import Dataset
from governance.demo.play import HISTORY_WINDOW
from governance.demo.process import ServerProcess
from governance.demo.scenario import CONTRACT, Scenario
from governance.settings import Settings
from ledger.database import connect
from tests.records.searching import tables_of
from tests.serving import server_settings

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "network"
RIGHTS = ("BR001", "BR003")
INVESTORS = 12
TRANSFERS = 60
PASSES_BY_ITSELF = frozenset(
    {"log_checkpoints", "log_cosignatures", "log_tiles", "spent_statement", "access_token"}
    | {"incident", "incident_event", "network_maps", "revocation_lists", "log_scope_seals"}
)
"""Tables that the server writes by itself, or that note that somebody spoke at all."""

BY_ITSELF = "('read-receipts', 'scopes')"
WITH_KINDS = ("log_entries", "ledger_statement")
"""Tables where receipts of earlier reads appear within a second, and seals once a minute."""


def part_of_the_sample(
    folder: Path,
    rights: Sequence[str] = RIGHTS,
    transfers: int = TRANSFERS,
    most_investors: int = INVESTORS,
) -> Dataset:
    """Write a consistent part of the sample data into `folder`, and read it."""
    folder.mkdir(parents=True)
    shutil.copy(SAMPLE / "members.csv", folder)
    kept, investors = _consistent(rights, transfers, most_investors)
    rows = _rows("beneficial_rights.csv")
    _write(
        folder / "beneficial_rights.csv", [r for r in rows if r["beneficial_right_id"] in rights]
    )
    rows = _rows("investors.csv")
    _write(folder / "investors.csv", [r for r in rows if r["investor_id"] in investors])
    _write(folder / "transfers.csv", kept)
    return Dataset(folder)


def _consistent(
    rights: Sequence[str], most: int, most_investors: int
) -> tuple[list[dict[str, str]], set[str]]:
    """Return the first transfers among the first investors, and who those are."""
    holdings: dict[tuple[str, str], int] = {}
    trades: set[str] = set()
    investors: set[str] = set()
    kept: list[dict[str, str]] = []
    for row in _rows("transfers.csv"):
        right, quantity = row["beneficial_right_id"], int(row["quantity"])
        giver, taker = row["from_investor_id"], row["to_investor_id"]
        sides = {side for side in (giver, taker) if side}
        held = holdings.get((right, giver), 0)
        if (
            right not in rights
            or len(investors | sides) > most_investors
            or (giver and held < quantity)
            or (row["cancels_trade_id"] and row["cancels_trade_id"] not in trades)
        ):
            continue
        investors |= sides
        trades.add(row["trade_id"])
        holdings[right, giver] = held - quantity
        holdings[right, taker] = holdings.get((right, taker), 0) + quantity
        kept.append(row)
        if len(kept) == most:
            break
    return kept, investors


def expected_register(data: Dataset) -> dict[tuple[str, str], int]:
    """Return who holds how much after the last transfer, computed from the lines alone."""
    holdings: dict[tuple[str, str], int] = {}
    for row in data.transfers:
        for side, change in (
            (row.from_investor_id, -row.quantity),
            (row.to_investor_id, row.quantity),
        ):
            if side:
                key = row.beneficial_right_id, side
                holdings[key] = holdings.get(key, 0) + change
    return {key: quantity for key, quantity in holdings.items() if quantity}


def _rows(name: str) -> list[dict[str, str]]:
    with (SAMPLE / name).open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


class Served:
    """A server with the network that was played on it."""

    def __init__(
        self, settings: Settings, scenario: Scenario, process: ServerProcess, log: Path
    ) -> None:
        self.settings = settings
        self.scenario = scenario
        self.process = process
        self.log = log
        self.chair = scenario.connections[scenario.administrator]
        self.http = httpx.Client(base_url=settings.url, timeout=60.0)

    def member(self, member_id: str) -> Connection:
        return self.scenario.connections[member_id]

    def token(self, member_id: str) -> dict[str, str]:
        """Return the headers with a member's access token."""
        return {"Authorization": f"Bearer {self.member(member_id).token()}"}

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def rows(self) -> dict[str, int]:
        """Return how many rows each table has, read beside the server."""
        engine = connect(self.settings.database)
        others = dict.fromkeys(WITH_KINDS, f" WHERE kind NOT IN {BY_ITSELF}")
        try:
            with engine.connect() as connection:
                return {
                    name: connection.execute(
                        sa.text(f"SELECT count(*) FROM {name}{others.get(name, '')}")
                    ).scalar_one()
                    for name in sa.inspect(connection).get_table_names()
                    if name not in PASSES_BY_ITSELF
                }
        finally:
            engine.dispose()

    @contextmanager
    def nothing_stored(self) -> Iterator[None]:
        """Check that what is done inside leaves no row behind."""
        before = self.rows()
        assert before["ledger_transaction"] > 0
        yield
        after = self.rows()
        assert {name: n for name, n in after.items() if n != before[name]} == {}


def stored_files(settings: Settings, *, database: bool = True) -> list[Path]:
    """Return every file of the server but its programs' keys: database, log tiles, journals.

    Args:
        settings: the server's.
        database: with the files of a PostgreSQL server.
    """
    files = [file for file in settings.data_dir.rglob("*") if file.is_file()]
    if database and settings.database_url:
        engine = connect(settings.database)
        with engine.connect() as connection:
            connection.exec_driver_sql("CHECKPOINT")
            folder = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
        engine.dispose()
        files += [file for file in folder.rglob("*") if file.is_file()]
    return files


def stored_rows(settings: Settings) -> Iterator[bytes]:
    """Yield each table as it is read, its cells apart; of PostgreSQL, as it is copied in binary."""
    engine = connect(settings.database)
    if not settings.database_url:
        yield from tables_of(engine)
        engine.dispose()
        return
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        for table in sa.inspect(engine).get_table_names():
            with cursor.copy(f'COPY (SELECT * FROM "{table}") TO STDOUT (FORMAT binary)') as rows:
                yield b"".join(rows)
    engine.dispose()


def contents(files: Sequence[Path]) -> Iterator[bytes]:
    """Yield what is in each of these files that is still there."""
    for file in files:
        with suppress(FileNotFoundError):
            yield file.read_bytes()


def low_risk(folder: Path) -> Path:
    """Return the shipped contract as its owner may class it too: fewer gates, a faster start."""
    shutil.copytree(SHIPPED / CONTRACT, folder)
    manifest = folder / "contract.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('risk_class = "high"', 'risk_class = "low"'), encoding="utf-8")
    return folder


@contextmanager
def founded(home: Path, data: Dataset, **options: Any) -> Iterator[Served]:
    """Serve a fresh network with its members, contract, rights, investors; no transfers yet."""
    chair = next(row for row in data.members if row.role == "platform_administrator")
    settings = server_settings(
        home / "server",
        network="st.example",
        platform_member=chair.member_id,
        platform_legal_name=chair.legal_name,
        registration_window=HISTORY_WINDOW,
        **options,
    )
    log = home / "server.log"
    with ServerProcess(settings, log) as process:
        folder = settings.data_dir / "members" / chair.member_id
        scenario = Scenario(data, settings.url, home, folder, low_risk(home / "contract"))
        served = Served(settings, scenario, process, log)
        with closing(scenario), served.http:
            scenario.admit_members(_quietly)
            scenario.deploy_contract()
            scenario.register(_quietly)
            yield served


@contextmanager
def loaded(home: Path, **options: Any) -> Iterator[Served]:
    """Serve a fresh network of a part of the sample, its transfers executed."""
    with founded(home, part_of_the_sample(home / "data"), **options) as served:
        served.scenario.load_transfers(_quietly)
        yield served


def _quietly(_count: int) -> None:
    return
