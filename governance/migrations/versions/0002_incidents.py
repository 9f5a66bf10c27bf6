"""incidents and what was said of them"""

import sqlalchemy as sa
from alembic import op

import ledger.database
from ledger.database import append_only_ddl

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("opened_index", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("answerable", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("started_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("closed_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint("opened_index", name=op.f("uq_incident_opened_index")),
    )
    with op.batch_alter_table("incident") as batch:
        for column in ("answerable", "kind", "operation", "started_at", "status"):
            batch.create_index(batch.f(f"ix_incident_{column}"), [column], unique=False)
    op.create_table(
        "incident_event",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("said_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_incident_event")),
    )
    with op.batch_alter_table("incident_event") as batch:
        batch.create_index(batch.f("ix_incident_event_incident"), ["incident"], unique=False)
    for statement in append_only_ddl(op.get_bind().dialect.name, ["incident_event"]):
        op.get_bind().exec_driver_sql(statement)
