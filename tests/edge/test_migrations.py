from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Engine

from governance.upgrading import current_revision, metadata, newest_revision, upgrade_database
from ledger.database import APPEND_ONLY, connect

PROBES = {"append_only_probe"}
"""Tables that tests of the database make for themselves."""

TRIGGERED = {
    "sqlite": "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT event_object_table FROM information_schema.triggers",
}


@pytest.fixture
def upgraded(database_url: str) -> Iterator[Engine]:
    """A database that migrations made, from nothing."""
    engine = connect(database_url)
    upgrade_database(engine)
    yield engine
    engine.dispose()


def test_migrations_lead_to_exactly_the_tables_of_the_program(upgraded: Engine):
    with upgraded.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, metadata())
    assert [change for change in found if not _about_a_probe(change)] == []
    assert current_revision(upgraded) == newest_revision()


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(upgraded: Engine):
    upgrade_database(upgraded)
    assert current_revision(upgraded) == newest_revision()


def test_history_is_append_only_after_a_migration(upgraded: Engine):
    tables = metadata().sorted_tables
    protected = {t.name for t in tables if t.info.get(APPEND_ONLY)} - PROBES
    with upgraded.connect() as connection:
        triggered = set(connection.scalars(sa.text(TRIGGERED[upgraded.dialect.name])))
    assert triggered >= protected


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_statistics_hold_nothing_of_what_is_sealed(upgraded: Engine):
    key = {"owner_member_id": "custody-a", "table_name": "investor"}
    with upgraded.begin() as connection:
        keys = metadata().tables["records_key"]
        rows = [{**key, "row_id": f"INV{n}", "wrapped_key": b"%064d" % n} for n in range(200)]
        connection.execute(sa.insert(keys), rows)
        connection.exec_driver_sql("ANALYZE records_key")
        sampled = connection.exec_driver_sql(
            "SELECT attname FROM pg_stats WHERE tablename = 'records_key'"
        )
        assert set(sampled.scalars()) == set(keys.columns.keys()) - {"wrapped_key"}


def _about_a_probe(change: Any) -> bool:
    return change[0] == "add_table" and change[1].name in PROBES
