"""Rows of decisions."""

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from governance.decisions.network import NetworkState, decode_state
from governance.decisions.tables import DocumentRow, NetworkStateRow, ParametersRow, ProposalRow
from governance.errors import DocumentUnknown, NetworkUnfounded, ParametersUnknown, ProposalUnknown

_STATE_ID = 1


def load_state(session: Session) -> NetworkState:
    """Return the network now.

    Raises:
        NetworkUnfounded: there is none yet.
    """
    data = session.scalar(sa.select(NetworkStateRow.data).where(NetworkStateRow.id == _STATE_ID))
    if data is None:
        raise NetworkUnfounded("the network has no genesis statement yet")
    return decode_state(data)


def founded(session: Session) -> bool:
    """Say whether there is a network."""
    found = session.scalar(sa.select(NetworkStateRow.id).where(NetworkStateRow.id == _STATE_ID))
    return found is not None


def found_state(session: Session, state: NetworkState, log_index: int) -> None:
    """Store the first network."""
    session.execute(
        sa.insert(NetworkStateRow).values(id=_STATE_ID, data=state.encode(), log_index=log_index)
    )


def save_state(session: Session, state: NetworkState, log_index: int) -> None:
    """Store the network as of the log entry at `log_index`."""
    session.execute(
        sa.update(NetworkStateRow)
        .where(NetworkStateRow.id == _STATE_ID)
        .values(data=state.encode(), log_index=log_index)
    )


def add_proposal(session: Session, row: ProposalRow) -> None:
    """Store a proposal that was opened."""
    session.add(row)
    session.flush()


def close_proposal(
    session: Session, proposal: str, status: str, at: dt.datetime, decision: tuple[int, bytes]
) -> None:
    """Store how a proposal ended; `decision` is the log index and envelope of the record."""
    index, envelope = decision
    session.execute(
        sa.update(ProposalRow)
        .where(ProposalRow.id == proposal)
        .values(status=status, decided_at=at, decided_index=index, decision=envelope)
    )


def proposal_row(session: Session, proposal: str) -> ProposalRow:
    """Return a proposal ever opened.

    Raises:
        ProposalUnknown: there is none.
    """
    row = session.scalar(
        sa.select(ProposalRow)
        .where(ProposalRow.id == proposal)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise ProposalUnknown(f"no proposal {proposal}")
    return row


def proposal_rows(
    session: Session, before: int | None, status: str | None, limit: int
) -> Sequence[ProposalRow]:
    """Return up to `limit` proposals, newest first, opened before log index `before`."""
    query = sa.select(ProposalRow).order_by(ProposalRow.opened_index.desc()).limit(limit)
    if before is not None:
        query = query.where(ProposalRow.opened_index < before)
    if status is not None:
        query = query.where(ProposalRow.status == status)
    return session.scalars(query).all()


def add_parameters(session: Session, version: int, envelope: bytes, log_index: int) -> None:
    """Store a signed version of the parameters."""
    session.execute(
        sa.insert(ParametersRow).values(version=version, envelope=envelope, log_index=log_index)
    )


def parameters_envelope(session: Session, version: int | None = None) -> bytes:
    """Return the signed parameters: a version, or the newest.

    Raises:
        ParametersUnknown: there is no such version.
    """
    query = sa.select(ParametersRow.envelope).order_by(ParametersRow.version.desc()).limit(1)
    if version is not None:
        query = query.where(ParametersRow.version == version)
    envelope = session.scalar(query)
    if envelope is None:
        raise ParametersUnknown(f"there is no version {version or 1} of the parameters")
    return envelope


def add_document(session: Session, digest: str, data: bytes, author: str, at: dt.datetime) -> None:
    """Store a text under its digest; the same text again changes nothing."""
    if session.get(DocumentRow, digest) is None:
        session.add(DocumentRow(digest=digest, data=data, author=author, deposited_at=at))
        session.flush()


def document(session: Session, digest: str) -> bytes:
    """Return the text with this digest.

    Raises:
        DocumentUnknown: nobody deposited it.
    """
    data = session.scalar(sa.select(DocumentRow.data).where(DocumentRow.digest == digest))
    if data is None:
        raise DocumentUnknown(f"no document {digest}; deposit it first")
    return data
