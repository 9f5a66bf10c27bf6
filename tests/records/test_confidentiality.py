"""The sample's persons, imported: in no byte of the database, whenever one looks."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from ledger.database import Base, connect, writing
from ledger.records import erasure, keeping
from ledger.records.erasure import ErasureReason
from tests.records.conftest import Clerks
from tests.records.files import csv_text, run, upload
from tests.records.searching import database_bytes, found_in, personal_values
from tests.records.simulated import KnownLedger

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "network" / "investors.csv"
MINE = "custody-a"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'records.sqlite'}")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def people() -> list[dict[str, str]]:
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if row["custodian_id"] == MINE]
    assert len(found) > 50
    return found[:25]


def found_in_files(engine: Engine, values: set[str]) -> set[str]:
    return found_in(database_bytes(engine), values)


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_no_byte_of_the_database_tells_a_person(
    engine: Engine, clerk: Clerks, people: list[dict[str, str]], encoding: str
):
    mine, values = clerk(MINE), personal_values(people)
    assert found_in_files(engine, {"records_investor"}) == {"records_investor"}
    with writing(engine) as session:
        for holder in sorted({row["custody_holder_id"] for row in people}):
            record = {
                "custody_holder_id": holder,
                "custody_holder_name": holder,
                "custodian_id": MINE,
            }
            keeping.create(session, mine, "custody_holder", record)
    import_id = upload(engine, mine, csv_text(people).encode(encoding), piece=10_000)
    assert found_in_files(engine, values) == set()
    seen = []

    def look(state: object) -> None:
        seen.append(found_in_files(engine, values))

    state, faults = run(engine, mine, KnownLedger(), import_id, batch=9, after_each=look)
    assert (state.status, faults) == ("done", ())
    assert len(seen) > 3
    assert not any(seen)
    with writing(engine) as session:
        for row in people[:10]:
            one = row["investor_id"]
            erasure.erase(session, mine, "investor", one, ErasureReason.RETENTION_ENDED)
    erasure.purge(engine)
    assert found_in_files(engine, values) == set()
    with writing(engine) as session:
        kept = keeping.read(session, mine, "investor", people[20]["investor_id"])
    assert kept.values == people[20]


def test_a_report_of_a_shifted_file_names_nobody(
    engine: Engine, clerk: Clerks, people: list[dict[str, str]]
):
    """One cell too few, and every value stands in another's column."""
    mine, values = clerk(MINE), personal_values(people)
    text = csv_text(people)
    shifted = "\n".join(
        line if number == 0 else line.partition(",")[2] + ","
        for number, line in enumerate(text.splitlines())
    )
    headless = "\n".join(text.splitlines()[1:])
    for bad in (shifted, headless):
        import_id = upload(engine, mine, bad.encode())
        state, faults = run(engine, mine, KnownLedger(), import_id)
        assert state.status == "refused"
        assert faults
        said = "".join(map(str, faults)) + state.result
        assert not {value for value in values if value in said}
        assert found_in_files(engine, values) == set()
