"""The sample's persons, next to the sample's ledger: in no table, no file, no log, no answer.

The first lines of the sample are committed through the real pipeline, and every custodian's
investors are kept as records in the same database. Then everything that is stored or shown is
searched byte for byte.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.engine import Engine

from ledger import disclosure, queries
from ledger.database import Base, connect, protect_append_only, reading, writing
from ledger.errors import NotFound
from ledger.gateway import Gateway
from ledger.log.store import log_size, read_entries
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Asked, Reader, When
from ledger.records import keeping
from policies.errors import Denied
from tests.ledger.test_sample_network import SampleNetwork, rows
from tests.records.conftest import Clerks, clerk, rules
from tests.records.files import csv_text, run, upload
from tests.records.searching import database_bytes, found_in, personal_values
from tests.records.simulated import KnownLedger

__all__ = ("clerk", "rules")  # fixtures

TRANSFERS = 200
"""Lines of the sample that are committed: every kind of row is there by then."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'network.sqlite'}")
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        protect_append_only(connection)
    yield engine
    engine.dispose()


def keep_records(engine: Engine, clerk: Clerks) -> None:
    """Import every custodian's investors, with all their personal fields."""
    people = rows("investors.csv")
    for custodian in sorted({row["custodian_id"] for row in people}):
        mine = [row for row in people if row["custodian_id"] == custodian]
        with writing(engine) as session:
            for holder in sorted({row["custody_holder_id"] for row in mine}):
                names = ("custody_holder_id", "custody_holder_name")
                record = dict.fromkeys(names, holder) | {"custodian_id": custodian}
                keeping.create(session, clerk(custodian), "custody_holder", record)
        import_id = upload(engine, clerk(custodian), csv_text(mine).encode())
        state, faults = run(engine, clerk(custodian), KnownLedger(), import_id)
        assert (state.status, faults) == ("done", ())


def answers(network: SampleNetwork, member: str) -> Iterator[bytes]:
    """Yield all that a member can be shown, as JSON."""
    gateway = Gateway(Pseudonyms(b"s" * 32))
    lists = (
        queries.list_transfers,
        queries.list_tokens,
        queries.list_rights,
        queries.list_holdings,
        queries.list_custody,
        queries.list_account_keys,
        queries.list_controls,
        queries.list_uniqueness,
    )
    with reading(network.engine) as session:
        reader = Reader(session, gateway, network.rules, network.actor(member))
        for ask in lists:
            with contextlib.suppress(Denied):
                page = ask(reader, Asked({}, None, 500))
                yield msgspec.json.encode(page)
        with contextlib.suppress(Denied):
            for right in queries.list_rights(reader, Asked()).items:
                with contextlib.suppress(NotFound):
                    name = right.beneficial_right_id
                    register = queries.read_register(reader, name, When(), Asked({}, None, 500))
                    yield msgspec.json.encode(register)
        with contextlib.suppress(Denied):
            for transfer in queries.list_transfers(reader, Asked({}, None, 40)).items:
                yield msgspec.json.encode(
                    disclosure.read_transaction(reader, transfer.transfer_txid)
                )


def test_nothing_personal_is_stored_logged_or_shown(
    engine: Engine, clerk: Clerks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    values = personal_values(rows("investors.csv"))
    assert len(values) > 500
    network = SampleNetwork(engine)
    network.found()
    network.load(TRANSFERS)
    keep_records(engine, clerk)
    network.submissions.close()
    stored = database_bytes(engine)
    ids = {row["investor_id"] for row in rows("investors.csv")}
    assert found_in(stored, ids) == ids  # the search finds what is there
    assert found_in(stored, values) == set()
    assert found_in(caplog.text.encode(), values) == set()
    with reading(engine) as session:
        log = b"\n".join(data for _, _, data in read_entries(session, 0, log_size(session)))
    assert found_in(log, values | ids) == set()
    shown = 0
    for member in network.roles:
        for answer in answers(network, member):
            shown += 1
            assert found_in(answer, values) == set()
    assert shown > 100
    with reading(engine) as session:
        one = rows("investors.csv")[5]
        kept = keeping.read(session, clerk(one["custodian_id"]), "investor", one["investor_id"])
    assert kept.values["investor_name"] == one["investor_name"]  # it was there to be found
