"""what votes on contracts bind, what members find of gates, uploaded runtimes"""

import sqlalchemy as sa
from alembic import op

from ledger.database import UtcDateTime, append_only_ddl

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_DIGEST, _NAME, _VERSION = sa.String(71), sa.String(63), sa.String(20)
_TABLES = ("contract_vote_binding", "contract_member_finding", "contract_runtime")


def upgrade() -> None:
    at = UtcDateTime(timezone=True)
    op.create_table(
        "contract_vote_binding",
        sa.Column("proposal", _DIGEST, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("version", _VERSION, nullable=False),
        sa.Column("binding", sa.LargeBinary(), nullable=False),
        sa.Column("at", at, nullable=False),
        sa.PrimaryKeyConstraint(
            "proposal", "name", "version", name=op.f("pk_contract_vote_binding")
        ),
    )
    op.create_table(
        "contract_member_finding",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gate", sa.String(20), nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("member", _NAME, nullable=False),
        sa.Column("payload_digest", _DIGEST, nullable=False),
        sa.Column("at", at, nullable=False),
        sa.PrimaryKeyConstraint("log_index", "gate", name=op.f("pk_contract_member_finding")),
    )
    with op.batch_alter_table("contract_member_finding") as batch:
        batch.create_index(batch.f("ix_contract_member_finding_digest"), ["digest"], unique=False)
    op.create_table(
        "contract_runtime",
        sa.Column("id", _DIGEST, nullable=False),
        sa.Column("artifact", sa.LargeBinary(), nullable=False),
        sa.Column("added_by", _NAME, nullable=False),
        sa.Column("at", at, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_runtime")),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, list(_TABLES)):
        op.get_bind().exec_driver_sql(statement)
