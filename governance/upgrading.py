"""Brings a database to the schema of this version; migrations only go forward."""

import importlib
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from governance.errors import DatabaseNewer
from ledger.database import Base

_MIGRATIONS = Path(__file__).parent / "migrations"

TABLE_MODULES = (
    "governance.access.tables",
    "governance.identity.tables",
    "governance.membership.tables",
    "governance.decisions.tables",
    "governance.incidents.tables",
    "contracts.tables",
    "ledger.tables",
    "ledger.log.tables",
    "ledger.records.tables",
)


def metadata() -> sa.MetaData:
    """Return the tables of every package."""
    for module in TABLE_MODULES:
        importlib.import_module(module)
    return Base.metadata


def upgrade_database(engine: Engine) -> None:
    """Bring the database to this version's schema, in one transaction.

    Raises:
        DatabaseNewer: a later version of the program has been here.
    """
    with engine.begin() as connection:
        config = _config(connection)
        here = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if here is not None and here not in known:
            raise DatabaseNewer(
                f"the database is at revision {here}, which this version does not know;"
                " install the version that wrote it, or a later one"
            )
        command.upgrade(config, "head")


def current_revision(engine: Engine) -> str | None:
    """Return the database's revision, or None for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """Return the revision that this version of the program brings a database to."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head()


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config
