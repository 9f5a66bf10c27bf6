"""The whole sample on a running network: its persons in no file, no log, no answer but their own.

Every investor of the sample is imported by its custodian, every transfer committed, and every GET
of the API's own description asked by every member. Then all that is stored, logged and answered is
searched byte for byte; and again for one person after erasure and purge, for ciphertext too.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from governance.demo.dataset import Dataset
from governance.settings import Settings
from ledger.database import connect, reading
from ledger.records.dictionary import Protection, record_tables
from ledger.records.tables import InvestorRow
from ledger.records.tables_keys import RecordKeyRow
from tests.conftest import new_postgresql
from tests.http.network import SAMPLE, Served, contents, founded, stored_files, stored_rows
from tests.http.shell import Run, done
from tests.records.searching import found_in, personal_values

NAMES = ("investor_name", "contact_name", "payee_account_holder_kana")


def people() -> list[dict[str, str]]:
    """Return the sample's investors, no two of one name: whose it is must be told from it."""
    with (SAMPLE / "investors.csv").open(encoding="utf-8-sig", newline="") as handle:
        persons = list(csv.DictReader(handle))
    for person in persons:
        number = person["investor_id"][-6:]
        person |= {name: f"{person[name]} {number}" for name in NAMES if person[name]}
    return persons


def search(files: list[Path], values: set[bytes] | set[str]) -> set[Any]:
    """Return which of the values the files hold, in any spelling."""
    found: set[Any] = set()
    for data in contents(files):
        for value in values - found:
            if value in data if isinstance(value, bytes) else found_in(data, {value}):
                found.add(value)
    return found


def search_numbers(settings: Settings, numbers: set[str]) -> set[str]:
    """Return which numbers the database and the server's files hold.

    PostgreSQL compresses long values in its files, hashes too, which leaves short pieces of them,
    in which any seven digits occur by chance; so its rows are searched as they are read.
    """
    kept = contents(stored_files(settings, database=not settings.database_url))
    return set().union(*(found_in(data, numbers) for data in chain(kept, stored_rows(settings))))


def keep_records(served: Served, run: Run, folder: Path) -> None:
    """Import each custodian's investors by command, with all their personal fields."""
    by_custodian = defaultdict(list)
    for person in people():
        by_custodian[person["custodian_id"]].append(person)
    for custodian, persons in by_custodian.items():
        connection = served.member(custodian)
        for holder in sorted({p["custody_holder_id"] for p in persons} - {custodian}):
            record = dict.fromkeys(("custody_holder_id", "custody_holder_name"), holder)
            connection.post("/v1/records/custody_holder", record | {"custodian_id": custodian})
        file = folder / f"{custodian}.csv"
        with file.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, list(persons[0]))
            writer.writeheader()
            writer.writerows(persons)
        home = connection.own_folder().path
        done(run("records", "import", "investor", file, "--folder", home))
        file.unlink()


def asked(served: Served, member: str) -> Iterator[tuple[str, bytes]]:
    """Yield what a member is answered to every GET that the API describes."""
    described = served.http.get("/schema/openapi.json").json()["paths"]
    headers = served.token(member)
    places = {
        "txid": [t["transfer_txid"] for t in _items(served, member, "/v1/ledger/transfers")][:20],
        "right": [r.beneficial_right_id for r in served.scenario.data.rights],
        "investor": [p["investor_id"] for p in people()][::20],
        "table": ["investor", "custody_holder"],
        "row_id": [p["investor_id"] for p in people()][::20],
        "member_id": [row.member_id for row in served.scenario.data.members],
    }
    for path, operations in described.items():
        if "get" not in operations or "/follow" in path or "stream" in path:
            continue
        for url in _filled(path, places):
            query = {"year": "2025"} if "record-dates" in path else {}
            try:
                answer = served.http.get(url, headers=headers, params=query)
            except httpx.ReadTimeout:
                continue
            yield url, answer.content + repr(answer.headers).encode()


def _items(served: Served, member: str, path: str) -> list[dict[str, Any]]:
    answer = served.http.get(path, headers=served.token(member), params={"limit": 50})
    return answer.json().get("items", []) if answer.status_code == 200 else []


def _filled(path: str, places: dict[str, list[str]]) -> list[str]:
    names = re.findall(r"{(\w+)}", path)
    if any(name not in places for name in names):
        return []
    if "row_id" in names and "/records/investor/" not in path:
        places = places | {"row_id": places["row_id"][:2]}  # ids of investors: nothing is there
    filled = [path]
    for name in names:
        filled = [url.replace("{" + name + "}", v) for url in filled for v in places[name]]
    return filled


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_samples_persons_are_nowhere_but_in_their_own_records(
    kind: str,
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    options = {"log_level": "debug"}
    if kind == "postgresql":
        server = request.getfixturevalue("postgresql_server")
        options["database_url"] = new_postgresql(server)[0]
    home, work = tmp_path / "network", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    person = people()[5]
    with founded(home, Dataset(SAMPLE), **options) as served:
        served.scenario.load_transfers(lambda _: None)
        keep_records(served, run, work)
        values = personal_values(people())
        assert len(values) > 500
        search_files(served, values)
        search_answers(served)
        settings, traces = served.settings, sealed(served.settings, person["investor_id"])
        assert len(traces) > 10
        assert search(stored_files(settings), traces) == traces
        erase(served, run, person)
    purge_and_search(settings, run, monkeypatch, traces)


def search_files(served: Served, values: set[str]) -> None:
    """Search all that the server wrote: database, journals, log, tiles, what it said."""
    settings = served.settings
    ids = {p["investor_id"] for p in people()}
    assert search(stored_files(settings), ids) == ids  # the search finds what is there
    assert search_numbers(settings, ids) == ids
    search_stored(settings, stored_files(settings), values)
    assert "route=/v1/" in served.log.read_text(encoding="utf-8")  # it does say what was asked
    assert found_in(served.log.read_bytes(), values) == set()


def search_stored(settings: Settings, files: list[Path], values: set[str]) -> None:
    numbers = {value for value in values if value.isdigit()}
    assert len(numbers) > 50
    assert search(files, values - numbers) == set()
    assert search_numbers(settings, numbers) == set()


def search_answers(served: Served) -> None:
    """Search all that members are answered for the persons of other custodians."""
    answers = 0
    for row in served.scenario.data.members:
        others = personal_values([p for p in people() if p["custodian_id"] != row.member_id])
        others -= personal_values([p for p in people() if p["custodian_id"] == row.member_id])
        assert len(others) > 500
        for url, answer in asked(served, row.member_id):
            answers += 1
            assert found_in(answer, others) == set(), (row.member_id, url)
    assert answers > 1_000
    assert found_in(served.log.read_bytes(), personal_values(people())) == set()


def erase(served: Served, run: Run, person: dict[str, str]) -> None:
    custodian = served.member(person["custodian_id"])
    home = custodian.own_folder().path
    shown = custodian.get(f"/v1/records/investor/{person['investor_id']}")
    assert shown["values"]["investor_name"] == person["investor_name"]  # it was there to be found
    words = ("investor", person["investor_id"], "--yes", "--folder", home)
    done(run("records", "erase", *words))


def sealed(settings: Settings, investor: str) -> set[bytes]:
    """Return the ciphertexts and the wrapped key of a person, once the database has sampled all."""
    engine = connect(settings.database)
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    with reading(engine) as session:
        found = session.scalars(sa.select(InvestorRow).where(InvestorRow.investor_id == investor))
        row = found.one()
        names = record_tables()["investor"].named(Protection.PERSONAL)
        fields = [getattr(row, name) for name in names]
        keys = session.scalars(
            sa.select(RecordKeyRow.wrapped_key).where(RecordKeyRow.row_id == investor)
        ).all()
    engine.dispose()
    return {value for value in chain(fields, keys) if isinstance(value, bytes) and value}


def purge_and_search(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch, traces: set[bytes]
) -> None:
    """After the documented purge nothing of the person is in the database's files."""
    monkeypatch.setenv("SEKISHO_DATA_DIR", str(settings.data_dir))
    if settings.database_url:
        monkeypatch.setenv("SEKISHO_DATABASE_URL", settings.database_url)
    done(run("database", "purge", "--yes"))
    files = [file for file in stored_files(settings) if file.parent.name != "pg_wal"]
    assert search(files, traces) == set()
    search_stored(settings, files, personal_values(people()))
