"""What is kept of decisions besides the log: the folded network, proposals, parameters, texts."""

import datetime as dt

from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import APPEND_ONLY, Base


class NetworkStateRow(Base):
    """The network as of the newest governance entry of the log; one row."""

    __tablename__ = "governance_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes]
    """`NetworkState.encode()`."""
    log_index: Mapped[int]
    """The index of the newest entry that is folded in."""


class ProposalRow(Base):
    """A proposal ever opened, and how it ended."""

    __tablename__ = "governance_proposal"

    id: Mapped[str] = mapped_column(primary_key=True)
    """`sha256:<hex>` of the signed payload."""
    author: Mapped[str]
    opened_at: Mapped[dt.datetime]
    opened_index: Mapped[int] = mapped_column(unique=True)
    """The proposal's index in the log."""
    status: Mapped[str] = mapped_column(index=True)
    envelope: Mapped[bytes]
    decided_at: Mapped[dt.datetime | None]
    decided_index: Mapped[int | None]
    decision: Mapped[bytes | None]
    """The envelope of the decision, signed by the service."""


class ParametersRow(Base):
    """A version of the network parameters, as signed by the service."""

    __tablename__ = "governance_parameters"
    __table_args__ = ({"info": {APPEND_ONLY: True}},)

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    envelope: Mapped[bytes]
    log_index: Mapped[int]


class DocumentRow(Base):
    """A text that proposals name by digest: the rules to be adopted."""

    __tablename__ = "governance_document"
    __table_args__ = ({"info": {APPEND_ONLY: True}},)

    digest: Mapped[str] = mapped_column(primary_key=True)
    data: Mapped[bytes]
    author: Mapped[str]
    deposited_at: Mapped[dt.datetime]
