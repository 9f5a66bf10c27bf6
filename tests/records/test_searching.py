"""The search for personal values finds one that follows on a hash, and none by chance within."""

from pathlib import Path

from ledger.database import connect
from tests.records.searching import database_bytes, found_in

DIGEST = "ab12" * 16


def test_a_number_is_found_in_a_cell_of_its_own(tmp_path: Path):
    engine = connect(f"sqlite:///{tmp_path / 'kept.sqlite'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (digest, number)")
        connection.exec_driver_sql("INSERT INTO kept VALUES (?, ?)", (DIGEST, "7654321"))
    found = found_in(database_bytes(engine), {"7654321", "1112223"})
    engine.dispose()
    assert found == {"7654321"}


def test_a_number_within_a_hash_is_chance():
    hidden = DIGEST[:30] + "1112223" + DIGEST[37:]
    assert found_in(hidden.encode(), {"1112223"}) == set()
    assert found_in(b"account 1112223.", {"1112223"}) == {"1112223"}


def test_a_text_is_found_in_every_spelling():
    name = "見本 太郎"
    for encoding in ("utf-8", "cp932", "utf-16-le", "utf-16-be", "unicode_escape"):
        assert found_in(b"\x00" + name.encode(encoding) + b"\x00", {name}) == {name}
