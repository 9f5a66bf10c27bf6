"""initial schema"""

import sqlalchemy as sa
from alembic import op

import ledger.database
from ledger.database import append_only_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


APPEND_ONLY = [
    "authorities",
    "authorities_in_force",
    "certificate_revocations",
    "certificates",
    "contract_activation",
    "contract_event",
    "contract_evidence",
    "contract_member_finding",
    "contract_package",
    "contract_runtime",
    "contract_vote_binding",
    "governance_document",
    "governance_parameters",
    "incident_event",
    "ledger_change",
    "ledger_market_session",
    "ledger_snapshot",
    "ledger_statement",
    "ledger_transaction",
    "ledger_transfer",
    "log_checkpoints",
    "log_entries",
    "log_scope_seals",
    "log_tiles",
    "membership_events",
    "network_maps",
    "notary_nullifier",
    "records_erasure",
    "records_instruction_step",
    "revocation_lists",
    "spent_statement",
    "witness_split_views",
    "log_cosignatures",
]


NO_STATISTICS = """
DO $$
DECLARE sealed record;
BEGIN
  FOR sealed IN
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name LIKE 'records\\_%%' AND data_type = 'bytea'
  LOOP
    EXECUTE format(
      'ALTER TABLE %%I ALTER COLUMN %%I SET STATISTICS 0', sealed.table_name, sealed.column_name
    );
  END LOOP;
END $$
"""
# Statistics hold samples of what stands in a column; no purge of its table reaches them.


def upgrade() -> None:
    op.create_table(
        "access_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("certificate_thumbprint", sa.LargeBinary(), nullable=True),
        sa.Column("issued_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_access_token")),
    )
    with op.batch_alter_table("access_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_token_member_id"), ["member_id"], unique=False)

    op.create_table(
        "applications",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("legal_name", sa.String(length=256), nullable=False),
        sa.Column("name_key", sa.String(length=256), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("applied_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applications")),
    )
    with op.batch_alter_table("applications", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_applications_member_id"), ["member_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_applications_state"), ["state"], unique=False)
        batch_op.create_index(
            "uq_open_application_id",
            ["member_id"],
            unique=True,
            sqlite_where=sa.text("state = 'applied'"),
            postgresql_where=sa.text("state = 'applied'"),
        )
        batch_op.create_index(
            "uq_open_application_name",
            ["name_key"],
            unique=True,
            sqlite_where=sa.text("state = 'applied'"),
            postgresql_where=sa.text("state = 'applied'"),
        )

    op.create_table(
        "authorities",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("issuer", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("not_before", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("not_after", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorities")),
        sa.UniqueConstraint("name", "serial", name=op.f("uq_authorities_name_serial")),
        info={"append_only": True},
    )
    with op.batch_alter_table("authorities", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_authorities_name"), ["name"], unique=False)

    op.create_table(
        "authorities_in_force",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("since", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorities_in_force")),
        info={"append_only": True},
    )
    op.create_table(
        "certificate_holds",
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("since", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_certificate_holds")),
    )
    op.create_table(
        "certificate_issuances",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("certificate_order", sa.LargeBinary(), nullable=False),
        sa.Column("supersedes", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("approved_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("issuer", sa.String(length=64), nullable=True),
        sa.Column("serial", sa.String(length=40), nullable=True),
        sa.Column("tbs_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("reserved_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("finished_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_issuances")),
        sa.UniqueConstraint("serial", name=op.f("uq_certificate_issuances_serial")),
    )
    with op.batch_alter_table("certificate_issuances", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_certificate_issuances_key_id"), ["key_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_certificate_issuances_member_id"), ["member_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_certificate_issuances_state"), ["state"], unique=False)

    op.create_table(
        "certificate_revocations",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("issuer", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("revoked_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("not_after", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_certificate_revocations")),
        info={"append_only": True},
    )
    with op.batch_alter_table("certificate_revocations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_certificate_revocations_issuer"), ["issuer"], unique=False
        )

    op.create_table(
        "certificates",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("issuance_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("issuer", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("thumbprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("not_before", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("not_after", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("issued_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_certificates")),
        sa.UniqueConstraint("issuance_id", name=op.f("uq_certificates_issuance_id")),
        sa.UniqueConstraint("thumbprint", name=op.f("uq_certificates_thumbprint")),
        info={"append_only": True},
    )
    with op.batch_alter_table("certificates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_certificates_key_id"), ["key_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_certificates_not_after"), ["not_after"], unique=False)
        batch_op.create_index("ix_certificates_owner", ["member_id", "node"], unique=False)

    op.create_table(
        "contract_activation",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.PrimaryKeyConstraint("name", "log_index", name=op.f("pk_contract_activation")),
        info={"append_only": True},
    )
    op.create_table(
        "contract_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_event")),
        info={"append_only": True},
    )
    with op.batch_alter_table("contract_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contract_event_name"), ["name"], unique=False)

    op.create_table(
        "contract_evidence",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("gate", sa.String(length=20), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("payload_digest", sa.String(length=71), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_evidence")),
        info={"append_only": True},
    )
    with op.batch_alter_table("contract_evidence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contract_evidence_digest"), ["digest"], unique=False)

    op.create_table(
        "contract_gate_job",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("gate", sa.String(length=20), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("queued_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_contract_gate_job")),
    )
    with op.batch_alter_table("contract_gate_job", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contract_gate_job_status"), ["status"], unique=False)

    op.create_table(
        "contract_member_finding",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gate", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("member", sa.String(length=63), nullable=False),
        sa.Column("payload_digest", sa.String(length=71), nullable=False),
        sa.Column("at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("log_index", "gate", name=op.f("pk_contract_member_finding")),
        info={"append_only": True},
    )
    with op.batch_alter_table("contract_member_finding", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_contract_member_finding_digest"), ["digest"], unique=False
        )

    op.create_table(
        "contract_package",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("archive", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_contract_package")),
        info={"append_only": True},
    )
    op.create_table(
        "contract_runtime",
        sa.Column("id", sa.String(length=71), nullable=False),
        sa.Column("artifact", sa.LargeBinary(), nullable=False),
        sa.Column("added_by", sa.String(length=63), nullable=False),
        sa.Column("at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_runtime")),
        info={"append_only": True},
    )
    op.create_table(
        "contract_version",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("author", sa.String(length=63), nullable=False),
        sa.Column("owner", sa.String(length=63), nullable=False),
        sa.Column("risk_class", sa.String(length=20), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("runtime", sa.String(length=71), nullable=False),
        sa.Column("base_digest", sa.String(length=71), nullable=True),
        sa.Column("submitted_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("frozen_from", sa.String(length=20), nullable=True),
        sa.Column("frozen_until", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("scheduled_index", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_contract_version")),
    )
    with op.batch_alter_table("contract_version", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contract_version_digest"), ["digest"], unique=False)

    op.create_table(
        "contract_vote_binding",
        sa.Column("proposal", sa.String(length=71), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("binding", sa.LargeBinary(), nullable=False),
        sa.Column("at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "proposal", "name", "version", name=op.f("pk_contract_vote_binding")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "enrolment_tokens",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("issued_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_enrolment_tokens")),
    )
    with op.batch_alter_table("enrolment_tokens", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_enrolment_tokens_member_id"), ["member_id"], unique=False
        )

    op.create_table(
        "governance_document",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("deposited_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_governance_document")),
        info={"append_only": True},
    )
    op.create_table(
        "governance_parameters",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_governance_parameters")),
        info={"append_only": True},
    )
    op.create_table(
        "governance_proposal",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("opened_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("opened_index", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("decided_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("decided_index", sa.BigInteger(), nullable=True),
        sa.Column("decision", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_governance_proposal")),
        sa.UniqueConstraint("opened_index", name=op.f("uq_governance_proposal_opened_index")),
    )
    with op.batch_alter_table("governance_proposal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_governance_proposal_status"), ["status"], unique=False)

    op.create_table(
        "governance_state",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_governance_state")),
    )
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
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_incident_answerable"), ["answerable"], unique=False)
        batch_op.create_index(batch_op.f("ix_incident_kind"), ["kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_incident_operation"), ["operation"], unique=False)
        batch_op.create_index(batch_op.f("ix_incident_started_at"), ["started_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_incident_status"), ["status"], unique=False)

    op.create_table(
        "incident_event",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("said_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_incident_event")),
        info={"append_only": True},
    )
    with op.batch_alter_table("incident_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_incident_event_incident"), ["incident"], unique=False)

    op.create_table(
        "invitations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("legal_name", sa.String(length=256), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("invited_by", sa.String(length=64), nullable=False),
        sa.Column("issued_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_by", sa.String(length=64), nullable=True),
        sa.Column("used_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("digest", name=op.f("uq_invitations_digest")),
    )
    op.create_table(
        "ledger_account_key",
        sa.Column("investor_id", sa.String(length=64), nullable=False),
        sa.Column("from_index", sa.BigInteger(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("custodian", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("valid_from", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("valid_until", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("until_index", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("investor_id", "from_index", name=op.f("pk_ledger_account_key")),
    )
    with op.batch_alter_table("ledger_account_key", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ledger_account_key_custodian_investor_id_from_index"),
            ["custodian", "investor_id", "from_index"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_account_key_holder_investor_id_from_index"),
            ["holder", "investor_id", "from_index"],
            unique=False,
        )
        batch_op.create_index(
            "uq_ledger_account_key_current",
            ["investor_id"],
            unique=True,
            sqlite_where=sa.text("until_index IS NULL"),
            postgresql_where=sa.text("until_index IS NULL"),
        )

    op.create_table(
        "ledger_change",
        sa.Column("beneficial_right_id", sa.String(length=64), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("investor_id", sa.String(length=64), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("effective_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("registered_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("registrar", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("beneficial_right_id", "change", name=op.f("pk_ledger_change")),
        info={"append_only": True},
    )
    with op.batch_alter_table("ledger_change", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ledger_change_beneficial_right_id_effective_at_change"),
            ["beneficial_right_id", "effective_at", "change"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_change_beneficial_right_id_log_index_change"),
            ["beneficial_right_id", "log_index", "change"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_change_investor_id_log_index"),
            ["investor_id", "log_index"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_change_registrar_investor_id_log_index"),
            ["registrar", "investor_id", "log_index"],
            unique=False,
        )

    op.create_table(
        "ledger_custody",
        sa.Column("investor_id", sa.String(length=64), nullable=False),
        sa.Column("from_index", sa.BigInteger(), nullable=False),
        sa.Column("custodian", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("valid_from", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("valid_until", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("until_index", sa.BigInteger(), nullable=True),
        sa.Column("released_to", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("investor_id", "from_index", name=op.f("pk_ledger_custody")),
    )
    with op.batch_alter_table("ledger_custody", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ledger_custody_custodian_investor_id_from_index"),
            ["custodian", "investor_id", "from_index"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_custody_holder_investor_id_from_index"),
            ["holder", "investor_id", "from_index"],
            unique=False,
        )
        batch_op.create_index(
            "uq_ledger_custody_current",
            ["investor_id"],
            unique=True,
            sqlite_where=sa.text("until_index IS NULL"),
            postgresql_where=sa.text("until_index IS NULL"),
        )

    op.create_table(
        "ledger_holding",
        sa.Column("beneficial_right_id", sa.String(length=64), nullable=False),
        sa.Column("investor_id", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "beneficial_right_id", "investor_id", name=op.f("pk_ledger_holding")
        ),
    )
    with op.batch_alter_table("ledger_holding", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ledger_holding_investor_id"), ["investor_id"], unique=False
        )

    op.create_table(
        "ledger_market_session",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("session_status", sa.String(length=8), nullable=False),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.Column("set_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_ledger_market_session")),
        info={"append_only": True},
    )
    op.create_table(
        "ledger_right",
        sa.Column("beneficial_right_id", sa.String(length=64), nullable=False),
        sa.Column("beneficial_right_name", sa.String(length=256), nullable=False),
        sa.Column("beneficial_right_type", sa.String(length=64), nullable=False),
        sa.Column("registrar", sa.String(length=64), nullable=False),
        sa.Column("fundraiser", sa.String(length=64), nullable=False),
        sa.Column("asset_manager", sa.String(length=64), nullable=False),
        sa.Column("contract", sa.String(length=256), nullable=False),
        sa.Column("transfer_control_id", sa.String(length=64), nullable=False),
        sa.Column("issuer_info", sa.String(length=256), nullable=False),
        sa.Column("established_quantity", sa.BigInteger(), nullable=False),
        sa.Column("established_on", sa.Date(), nullable=True),
        sa.Column("record_date_1", sa.String(length=5), nullable=False),
        sa.Column("record_date_2", sa.String(length=5), nullable=False),
        sa.Column("redemption_date", sa.Date(), nullable=True),
        sa.Column("issued_quantity", sa.BigInteger(), nullable=False),
        sa.Column("outstanding_quantity", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.Column("snapshot_change", sa.BigInteger(), nullable=False),
        sa.Column("snapshot_holders", sa.BigInteger(), nullable=False),
        sa.Column("effective_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("beneficial_right_id", name=op.f("pk_ledger_right")),
    )
    with op.batch_alter_table("ledger_right", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ledger_right_asset_manager_beneficial_right_id"),
            ["asset_manager", "beneficial_right_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_right_fundraiser_beneficial_right_id"),
            ["fundraiser", "beneficial_right_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_right_registrar_beneficial_right_id"),
            ["registrar", "beneficial_right_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_right_transfer_control_id"), ["transfer_control_id"], unique=False
        )

    op.create_table(
        "ledger_snapshot",
        sa.Column("beneficial_right_id", sa.String(length=64), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("investor_id", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "beneficial_right_id", "change", "investor_id", name=op.f("pk_ledger_snapshot")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "ledger_statement",
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_ledger_statement")),
        info={"append_only": True},
    )
    op.create_table(
        "ledger_transaction",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("txid", sa.LargeBinary(length=32), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("creator", sa.String(length=64), nullable=False),
        sa.Column("contract", sa.String(length=256), nullable=False),
        sa.Column("contract_version", sa.String(length=256), nullable=False),
        sa.Column("committed_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signatures", sa.LargeBinary(), nullable=False),
        sa.Column("attestations", sa.LargeBinary(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("gas", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_ledger_transaction")),
        sa.UniqueConstraint("log_index", name=op.f("uq_ledger_transaction_log_index")),
        sa.UniqueConstraint("txid", name=op.f("uq_ledger_transaction_txid")),
        info={"append_only": True},
    )
    with op.batch_alter_table("ledger_transaction", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ledger_transaction_contract_contract_version_position"),
            ["contract", "contract_version", "position"],
            unique=False,
        )

    op.create_table(
        "ledger_transfer",
        sa.Column(
            "row_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("transfer_txid", sa.LargeBinary(length=32), nullable=False),
        sa.Column("command_index", sa.Integer(), nullable=False),
        sa.Column("trade_id", sa.String(length=64), nullable=False),
        sa.Column("token_txid", sa.LargeBinary(length=32), nullable=False),
        sa.Column("transfer_creator_id", sa.String(length=64), nullable=False),
        sa.Column("beneficial_right_id", sa.String(length=64), nullable=False),
        sa.Column("from_investor_id", sa.String(length=64), nullable=False),
        sa.Column("to_investor_id", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("settlement_date", sa.Date(), nullable=False),
        sa.Column("transfer_type", sa.String(length=64), nullable=False),
        sa.Column("cancels_trade_id", sa.String(length=64), nullable=False),
        sa.Column("registered_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("registered_by", sa.String(length=64), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("cancels_row", sa.BigInteger(), nullable=True),
        sa.Column("registrar", sa.String(length=64), nullable=False),
        sa.Column("from_custodian", sa.String(length=64), nullable=False),
        sa.Column("to_custodian", sa.String(length=64), nullable=False),
        sa.Column("from_holder", sa.String(length=64), nullable=False),
        sa.Column("to_holder", sa.String(length=64), nullable=False),
        sa.Column("fundraiser", sa.String(length=64), nullable=False),
        sa.Column("asset_manager", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_ledger_transfer")),
        sa.UniqueConstraint("cancels_row", name=op.f("uq_ledger_transfer_cancels_row")),
        sa.UniqueConstraint(
            "transfer_creator_id",
            "trade_id",
            name=op.f("uq_ledger_transfer_transfer_creator_id_trade_id"),
        ),
        sa.UniqueConstraint(
            "transfer_txid",
            "command_index",
            name=op.f("uq_ledger_transfer_transfer_txid_command_index"),
        ),
        info={"append_only": True},
    )
    with op.batch_alter_table("ledger_transfer", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ledger_transfer_asset_manager_row_id"),
            ["asset_manager", "row_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_transfer_from_custodian_row_id"),
            ["from_custodian", "row_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_transfer_from_holder_row_id"),
            ["from_holder", "row_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_transfer_from_investor_id_row_id"),
            ["from_investor_id", "row_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_transfer_fundraiser_row_id"),
            ["fundraiser", "row_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_transfer_registrar_row_id"), ["registrar", "row_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_transfer_to_custodian_row_id"),
            ["to_custodian", "row_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_transfer_to_holder_row_id"), ["to_holder", "row_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_transfer_to_investor_id_row_id"),
            ["to_investor_id", "row_id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_ledger_transfer_trade_id"), ["trade_id"], unique=False)

    op.create_table(
        "ledger_transfer_control",
        sa.Column("transfer_control_id", sa.String(length=64), nullable=False),
        sa.Column("registrar", sa.String(length=64), nullable=False),
        sa.Column("transfer_allowed", sa.Boolean(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("transfer_control_id", name=op.f("pk_ledger_transfer_control")),
    )
    with op.batch_alter_table("ledger_transfer_control", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ledger_transfer_control_registrar"), ["registrar"], unique=False
        )

    op.create_table(
        "ledger_unspent",
        sa.Column(
            "row_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("token_txid", sa.LargeBinary(length=32), nullable=False),
        sa.Column("output_index", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.String(length=64), nullable=False),
        sa.Column("investor_id", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("issuer_info", sa.String(length=256), nullable=False),
        sa.Column("component", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=False),
        sa.Column("registrar", sa.String(length=64), nullable=False),
        sa.Column("custodian", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("fundraiser", sa.String(length=64), nullable=False),
        sa.Column("asset_manager", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_ledger_unspent")),
        sa.UniqueConstraint(
            "token_txid", "output_index", name=op.f("uq_ledger_unspent_token_txid_output_index")
        ),
    )
    with op.batch_alter_table("ledger_unspent", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ledger_unspent_asset_manager_row_id"),
            ["asset_manager", "row_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_unspent_custodian_row_id"), ["custodian", "row_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_unspent_fundraiser_row_id"),
            ["fundraiser", "row_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_unspent_holder_row_id"), ["holder", "row_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_unspent_investor_id_row_id"),
            ["investor_id", "row_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_ledger_unspent_registrar_row_id"), ["registrar", "row_id"], unique=False
        )

    op.create_table(
        "log_checkpoints",
        sa.Column(
            "size",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_checkpoints")),
        info={"append_only": True},
    )
    op.create_table(
        "log_entries",
        sa.Column(
            "entry_index",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("entry_index", name=op.f("pk_log_entries")),
        info={"append_only": True},
    )
    op.create_table(
        "log_scope_heads",
        sa.Column("scope", sa.String(length=128), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_log_scope_heads")),
    )
    op.create_table(
        "log_scope_seals",
        sa.Column("entry_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope", sa.String(length=128), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("entry_index", "scope", name=op.f("pk_log_scope_seals")),
        info={"append_only": True},
    )
    op.create_table(
        "log_tiles",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("tile_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("nodes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "tile_index", name=op.f("pk_log_tiles")),
        info={"append_only": True},
    )
    op.create_table(
        "member_group_members",
        sa.Column("group_id", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("since", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "member_id", name=op.f("pk_member_group_members")),
    )
    with op.batch_alter_table("member_group_members", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_member_group_members_member_id"), ["member_id"], unique=False
        )

    op.create_table(
        "member_groups",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=128), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_groups")),
    )
    op.create_table(
        "member_keys",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("first_seen_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_member_keys")),
    )
    with op.batch_alter_table("member_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_member_keys_member_id"), ["member_id"], unique=False)

    op.create_table(
        "member_nodes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("added_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("hosted_key", sa.String(length=192), nullable=True),
        sa.Column("removed_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_nodes")),
    )
    with op.batch_alter_table("member_nodes", schema=None) as batch_op:
        batch_op.create_index("ix_member_nodes_membership", ["member_id", "number"], unique=False)

    op.create_table(
        "membership_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("membership", sa.LargeBinary(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership_events")),
        info={"append_only": True},
    )
    with op.batch_alter_table("membership_events", schema=None) as batch_op:
        batch_op.create_index("ix_membership_events_member", ["member_id", "id"], unique=False)

    op.create_table(
        "memberships",
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("legal_name", sa.String(length=256), nullable=False),
        sa.Column("name_key", sa.String(length=256), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("sponsor_id", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("application_id", sa.String(length=64), nullable=True),
        sa.Column("since", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("member_id", "number", name=op.f("pk_memberships")),
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_memberships_name_key"), ["name_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_memberships_sponsor_id"), ["sponsor_id"], unique=False)

    op.create_table(
        "network_maps",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(length=32), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_network_maps")),
        info={"append_only": True},
    )
    op.create_table(
        "notary_nullifier",
        sa.Column("nullifier", sa.LargeBinary(length=32), nullable=False),
        sa.Column("txid", sa.LargeBinary(length=32), nullable=False),
        sa.Column("attested_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("nullifier", name=op.f("pk_notary_nullifier")),
        info={"append_only": True},
    )
    with op.batch_alter_table("notary_nullifier", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notary_nullifier_txid"), ["txid"], unique=False)

    op.create_table(
        "records_asset_manager",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("asset_manager_id", sa.String(), nullable=False),
        sa.Column("asset_manager_name", sa.String(), nullable=False),
        sa.Column("contact_name", sa.LargeBinary(), nullable=True),
        sa.Column("contact_postal_code", sa.LargeBinary(), nullable=True),
        sa.Column("contact_address", sa.LargeBinary(), nullable=True),
        sa.Column("contact_phone", sa.LargeBinary(), nullable=True),
        sa.Column("contact_email", sa.LargeBinary(), nullable=True),
        sa.Column("registered_address", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_type", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_number", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_holder_kana", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=63), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=63), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "owner_member_id", "asset_manager_id", name=op.f("pk_records_asset_manager")
        ),
    )
    op.create_table(
        "records_beneficial_right",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("beneficial_right_id", sa.String(), nullable=False),
        sa.Column("beneficial_right_name", sa.String(), nullable=False),
        sa.Column("transfer_control_id", sa.String(), nullable=False),
        sa.Column("beneficial_right_type", sa.String(), nullable=False),
        sa.Column("isin", sa.String(), nullable=False),
        sa.Column("trust_contract_id", sa.String(), nullable=False),
        sa.Column("initial_beneficiary_id", sa.String(), nullable=False),
        sa.Column("beneficiary_agent_id", sa.String(), nullable=False),
        sa.Column("established_quantity", sa.BigInteger(), nullable=False),
        sa.Column("established_on", sa.Date(), nullable=False),
        sa.Column("beneficial_right_status", sa.String(), nullable=False),
        sa.Column("redemption_date", sa.Date(), nullable=True),
        sa.Column("record_date_1", sa.String(), nullable=False),
        sa.Column("record_date_2", sa.String(), nullable=False),
        sa.Column("holiday_adjustment", sa.String(), nullable=False),
        sa.Column("register_note", sa.String(), nullable=False),
        sa.Column("free_comment_1", sa.String(), nullable=False),
        sa.Column("free_comment_2", sa.String(), nullable=False),
        sa.Column("created_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=63), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=63), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "owner_member_id", "beneficial_right_id", name=op.f("pk_records_beneficial_right")
        ),
    )
    op.create_table(
        "records_beneficiary_agent",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("beneficiary_agent_id", sa.String(), nullable=False),
        sa.Column("beneficiary_agent_name", sa.String(), nullable=False),
        sa.Column("contact_name", sa.LargeBinary(), nullable=True),
        sa.Column("contact_postal_code", sa.LargeBinary(), nullable=True),
        sa.Column("contact_address", sa.LargeBinary(), nullable=True),
        sa.Column("contact_phone", sa.LargeBinary(), nullable=True),
        sa.Column("contact_email", sa.LargeBinary(), nullable=True),
        sa.Column("registered_address", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_type", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_number", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_holder_kana", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=63), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=63), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "owner_member_id", "beneficiary_agent_id", name=op.f("pk_records_beneficiary_agent")
        ),
    )
    op.create_table(
        "records_change",
        sa.Column(
            "change_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("table_name", sa.String(length=32), nullable=False),
        sa.Column("row_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("fields", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("sealed_before", sa.LargeBinary(), nullable=True),
        sa.Column("changed_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_records_change")),
    )
    with op.batch_alter_table("records_change", schema=None) as batch_op:
        batch_op.create_index(
            "ix_records_change_row",
            ["owner_member_id", "table_name", "row_id", "change_id"],
            unique=False,
        )

    op.create_table(
        "records_custodian",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("custodian_id", sa.String(), nullable=False),
        sa.Column("custodian_name", sa.String(), nullable=False),
        sa.Column("contact_name", sa.LargeBinary(), nullable=True),
        sa.Column("contact_postal_code", sa.LargeBinary(), nullable=True),
        sa.Column("contact_address", sa.LargeBinary(), nullable=True),
        sa.Column("contact_phone", sa.LargeBinary(), nullable=True),
        sa.Column("contact_email", sa.LargeBinary(), nullable=True),
        sa.Column("registered_address", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_type", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_number", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_holder_kana", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=63), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=63), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "owner_member_id", "custodian_id", name=op.f("pk_records_custodian")
        ),
    )
    op.create_table(
        "records_custody_holder",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("custody_holder_id", sa.String(), nullable=False),
        sa.Column("custody_holder_name", sa.String(), nullable=False),
        sa.Column("proprietary_account_id", sa.String(), nullable=False),
        sa.Column("custodian_id", sa.String(), nullable=False),
        sa.Column("contact_name", sa.LargeBinary(), nullable=True),
        sa.Column("contact_postal_code", sa.LargeBinary(), nullable=True),
        sa.Column("contact_address", sa.LargeBinary(), nullable=True),
        sa.Column("contact_phone", sa.LargeBinary(), nullable=True),
        sa.Column("contact_email", sa.LargeBinary(), nullable=True),
        sa.Column("registered_address", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_type", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_number", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_holder_kana", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=63), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=63), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "owner_member_id", "custody_holder_id", name=op.f("pk_records_custody_holder")
        ),
    )
    op.create_table(
        "records_erasure",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("table_name", sa.String(length=32), nullable=False),
        sa.Column("row_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("erased_by", sa.String(length=63), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "owner_member_id", "table_name", "row_id", name=op.f("pk_records_erasure")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "records_import_file",
        sa.Column("import_id", sa.String(length=32), nullable=False),
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("import_target", sa.String(), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("file_timestamp", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("registered_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("registered_by", sa.String(), nullable=False),
        sa.Column("receiver_id", sa.String(length=63), nullable=False),
        sa.Column("file_digest", sa.String(), nullable=False),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("header", sa.String(), nullable=False),
        sa.Column("utf8_tail", sa.LargeBinary(), nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("rows_read", sa.BigInteger(), nullable=False),
        sa.Column("rows_written", sa.BigInteger(), nullable=False),
        sa.Column("problems", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_records_import_file")),
        sa.UniqueConstraint(
            "owner_member_id",
            "import_target",
            "operation",
            "file_digest",
            name=op.f("uq_records_import_file_owner_member_id_import_target_operation_file_digest"),
        ),
    )
    op.create_table(
        "records_instruction",
        sa.Column("instruction_id", sa.String(length=32), nullable=False),
        sa.Column("sender_id", sa.String(length=63), nullable=False),
        sa.Column("receiver_id", sa.String(length=63), nullable=False),
        sa.Column("trade_id", sa.String(length=64), nullable=False),
        sa.Column("beneficial_right_id", sa.String(length=64), nullable=False),
        sa.Column("from_investor_id", sa.String(length=64), nullable=False),
        sa.Column("to_investor_id", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("settlement_date", sa.Date(), nullable=False),
        sa.Column("transfer_type", sa.String(length=32), nullable=False),
        sa.Column("cancels_trade_id", sa.String(length=64), nullable=False),
        sa.Column("registered_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("registered_by", sa.String(length=63), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=256), nullable=False),
        sa.Column("received_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("transfer_txid", sa.String(length=64), nullable=False),
        sa.Column("import_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("instruction_id", name=op.f("pk_records_instruction")),
        sa.UniqueConstraint(
            "receiver_id", "trade_id", name=op.f("uq_records_instruction_receiver_id_trade_id")
        ),
    )
    with op.batch_alter_table("records_instruction", schema=None) as batch_op:
        batch_op.create_index(
            "ix_records_instruction_cancels", ["receiver_id", "cancels_trade_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_records_instruction_import_id"), ["import_id"], unique=False
        )
        batch_op.create_index(
            "ix_records_instruction_sender", ["sender_id", "instruction_id"], unique=False
        )
        batch_op.create_index(
            "ix_records_instruction_status",
            ["receiver_id", "status", "instruction_id"],
            unique=False,
        )

    op.create_table(
        "records_instruction_step",
        sa.Column(
            "step_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("instruction_id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=256), nullable=False),
        sa.Column("taken_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("step_id", name=op.f("pk_records_instruction_step")),
        info={"append_only": True},
    )
    with op.batch_alter_table("records_instruction_step", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_records_instruction_step_instruction_id"),
            ["instruction_id"],
            unique=False,
        )

    op.create_table(
        "records_investor",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("investor_id", sa.String(), nullable=False),
        sa.Column("corporate_number", sa.LargeBinary(), nullable=True),
        sa.Column("corporate_number_index", sa.LargeBinary(), nullable=True),
        sa.Column("investor_name", sa.LargeBinary(), nullable=True),
        sa.Column("registered_address", sa.LargeBinary(), nullable=True),
        sa.Column("custody_type", sa.String(), nullable=False),
        sa.Column("custody_holder_id", sa.String(), nullable=False),
        sa.Column("custody_holder_account_id", sa.String(), nullable=False),
        sa.Column("custodian_id", sa.String(), nullable=False),
        sa.Column("payee_bank_code", sa.LargeBinary(), nullable=True),
        sa.Column("payee_bank_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("payee_branch_code", sa.LargeBinary(), nullable=True),
        sa.Column("payee_branch_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("payee_account_type", sa.LargeBinary(), nullable=True),
        sa.Column("payee_account_number", sa.LargeBinary(), nullable=True),
        sa.Column("payee_account_holder_kana", sa.LargeBinary(), nullable=True),
        sa.Column("investor_status", sa.String(), nullable=False),
        sa.Column("aml_category", sa.String(), nullable=False),
        sa.Column("contact_name", sa.LargeBinary(), nullable=True),
        sa.Column("contact_postal_code", sa.LargeBinary(), nullable=True),
        sa.Column("contact_address", sa.LargeBinary(), nullable=True),
        sa.Column("contact_phone", sa.LargeBinary(), nullable=True),
        sa.Column("contact_email", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=63), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=63), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("owner_member_id", "investor_id", name=op.f("pk_records_investor")),
    )
    with op.batch_alter_table("records_investor", schema=None) as batch_op:
        batch_op.create_index(
            "ix_records_investor_index", ["owner_member_id", "corporate_number_index"], unique=False
        )

    op.create_table(
        "records_key",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("table_name", sa.String(length=32), nullable=False),
        sa.Column("row_id", sa.String(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "owner_member_id", "table_name", "row_id", name=op.f("pk_records_key")
        ),
    )
    op.create_table(
        "records_market_session",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("session_status", sa.String(), nullable=False),
        sa.Column("created_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=63), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=63), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("owner_member_id", name=op.f("pk_records_market_session")),
    )
    op.create_table(
        "records_settlor",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("settlor_id", sa.String(), nullable=False),
        sa.Column("settlor_name", sa.String(), nullable=False),
        sa.Column("contact_name", sa.LargeBinary(), nullable=True),
        sa.Column("contact_postal_code", sa.LargeBinary(), nullable=True),
        sa.Column("contact_address", sa.LargeBinary(), nullable=True),
        sa.Column("contact_phone", sa.LargeBinary(), nullable=True),
        sa.Column("contact_email", sa.LargeBinary(), nullable=True),
        sa.Column("registered_address", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_type", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_number", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_holder_kana", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=63), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=63), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("owner_member_id", "settlor_id", name=op.f("pk_records_settlor")),
    )
    op.create_table(
        "records_trade",
        sa.Column("receiver_id", sa.String(length=63), nullable=False),
        sa.Column("trade_id", sa.String(length=64), nullable=False),
        sa.Column("sender_id", sa.String(length=63), nullable=False),
        sa.Column("beneficial_right_id", sa.String(length=64), nullable=False),
        sa.Column("from_investor_id", sa.String(length=64), nullable=False),
        sa.Column("to_investor_id", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("settlement_date", sa.Date(), nullable=False),
        sa.Column("traded_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("received_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "receiver_id", "trade_id", "sender_id", name=op.f("pk_records_trade")
        ),
    )
    op.create_table(
        "records_trust_contract",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("trust_contract_id", sa.String(), nullable=False),
        sa.Column("trust_contract_number", sa.String(), nullable=False),
        sa.Column("trust_contract_name", sa.String(), nullable=False),
        sa.Column("fund_number", sa.String(), nullable=False),
        sa.Column("settlor_id", sa.String(), nullable=False),
        sa.Column("trustee_id", sa.String(), nullable=False),
        sa.Column("asset_manager_id", sa.String(), nullable=False),
        sa.Column("created_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=63), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=63), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "owner_member_id", "trust_contract_id", name=op.f("pk_records_trust_contract")
        ),
    )
    op.create_table(
        "records_trustee",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("trustee_id", sa.String(), nullable=False),
        sa.Column("trustee_name", sa.String(), nullable=False),
        sa.Column("registered_address", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_bank_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_code", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_branch_name_kana", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_type", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_number", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_account_holder_kana", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=63), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=63), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("owner_member_id", "trustee_id", name=op.f("pk_records_trustee")),
    )
    op.create_table(
        "records_user",
        sa.Column("owner_member_id", sa.String(length=63), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("branch_code", sa.String(), nullable=False),
        sa.Column("branch_name", sa.String(), nullable=False),
        sa.Column("section", sa.String(), nullable=False),
        sa.Column("account_type", sa.String(), nullable=False),
        sa.Column("user_name", sa.LargeBinary(), nullable=True),
        sa.Column("employee_number", sa.LargeBinary(), nullable=True),
        sa.Column("employee_number_index", sa.LargeBinary(), nullable=True),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("previous_password_hash", sa.String(), nullable=True),
        sa.Column("second_previous_password_hash", sa.String(), nullable=True),
        sa.Column("failed_logins", sa.BigInteger(), nullable=False),
        sa.Column("last_login_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("user_status", sa.String(), nullable=False),
        sa.Column("password_changed_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=63), nullable=False),
        sa.Column("updated_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=63), nullable=False),
        sa.Column("erased_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("owner_member_id", "user_id", name=op.f("pk_records_user")),
    )
    with op.batch_alter_table("records_user", schema=None) as batch_op:
        batch_op.create_index(
            "ix_records_user_index", ["owner_member_id", "employee_number_index"], unique=False
        )

    op.create_table(
        "recoveries",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("csr", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", ledger.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_recoveries")),
    )
    with op.batch_alter_table("recoveries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recoveries_member_id"), ["member_id"], unique=False)

    op.create_table(
        "revocation_lists",
        sa.Column("issuer", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(length=32), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("this_update", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("next_update", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "number", name=op.f("pk_revocation_lists")),
        info={"append_only": True},
    )
    op.create_table(
        "spent_statement",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("spent_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spent_statement")),
        info={"append_only": True},
    )
    with op.batch_alter_table("spent_statement", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_spent_statement_author_spent_at"), ["author", "spent_at"], unique=False
        )

    op.create_table(
        "witness_heads",
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("cosigned_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_witness_heads")),
    )
    op.create_table(
        "witness_split_views",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("found_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_witness_split_views")),
        info={"append_only": True},
    )
    op.create_table(
        "log_cosignatures",
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("witness", sa.String(length=255), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("cosigned_at", ledger.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["size"], ["log_checkpoints.size"], name=op.f("fk_log_cosignatures_size")
        ),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_log_cosignatures")),
        info={"append_only": True},
    )
    op.create_table(
        "records_import_chunk",
        sa.Column("import_id", sa.String(length=32), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["records_import_file.import_id"],
            name=op.f("fk_records_import_chunk_import_id"),
        ),
        sa.PrimaryKeyConstraint("import_id", "start", name=op.f("pk_records_import_chunk")),
    )
    op.create_table(
        "records_import_key",
        sa.Column("import_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["records_import_file.import_id"],
            name=op.f("fk_records_import_key_import_id"),
        ),
        sa.PrimaryKeyConstraint("import_id", "key", name=op.f("pk_records_import_key")),
    )
    op.create_table(
        "records_import_problem",
        sa.Column("import_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["records_import_file.import_id"],
            name=op.f("fk_records_import_problem_import_id"),
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_records_import_problem")),
    )

    for statement in append_only_ddl(op.get_bind().dialect.name, APPEND_ONLY):
        op.get_bind().exec_driver_sql(statement)
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(NO_STATISTICS)
