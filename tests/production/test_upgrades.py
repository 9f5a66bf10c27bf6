"""A later version's migration keeps every row; an earlier version does not touch what it made."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from governance import upgrading
from governance.assembly.founding import create_network
from governance.assembly.network import open_network
from governance.errors import DatabaseNewer
from governance.operations.backups import log_head
from governance.settings import Settings
from governance.upgrading import current_revision, newest_revision, upgrade_database
from ledger.database import connect

LATER = '''"""a column and a table of a later version"""

import sqlalchemy as sa
from alembic import op

revision = "later"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ledger_right", sa.Column("later", sa.String(8), server_default="new"))
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO later (id) SELECT count(*) FROM log_entries")
'''


@pytest.fixture
def founded(settings: Settings) -> Iterator[Engine]:
    """The database of a network that this version founded."""
    create_network(settings, lambda _line: None)
    engine = connect(settings.database)
    yield engine
    engine.dispose()


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A version of the program that has one migration more; undo it to have this one again."""
    folder = tmp_path / "migrations"
    shutil.copytree(upgrading._MIGRATIONS, folder)
    text = LATER.format(before=newest_revision())
    (folder / "versions" / "9999_later.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(upgrading, "_MIGRATIONS", folder)
    return monkeypatch


def rows(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table of this version."""
    metadata = sa.MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        return {
            table.name: sorted(
                (tuple(row) for row in connection.execute(sa.select(table))), key=repr
            )
            for table in metadata.sorted_tables
            if table.name not in {"alembic_version", "later"}
        }


def test_an_upgrade_keeps_every_row_and_what_protects_them(
    founded: Engine, settings: Settings, later: pytest.MonkeyPatch
):
    before, head = rows(founded), log_head(founded)
    assert before["log_entries"]
    upgrade_database(founded)
    assert current_revision(founded) == newest_revision() == "later"
    assert rows(founded) == before
    assert log_head(founded) == head
    with founded.connect() as connection:
        assert connection.scalar(sa.text("SELECT id FROM later")) == head[0]
        with pytest.raises(DBAPIError, match="append-only"):
            connection.execute(sa.text("UPDATE log_entries SET kind = 'x'"))
    with open_network(settings) as network:
        assert network.view.state().network == settings.network


def test_this_version_refuses_what_a_later_one_made(
    founded: Engine, settings: Settings, later: pytest.MonkeyPatch
):
    upgrade_database(founded)
    later.undo()
    with pytest.raises(DatabaseNewer, match="revision later"):
        upgrade_database(founded)
    assert current_revision(founded) == "later"
