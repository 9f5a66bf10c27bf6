"""Where the log is kept: entries, complete tiles, checkpoints, cosignatures; nothing changes.

There is no tree-head row: the size is one more than the last index, so that it can neither lag
behind the entries nor run ahead of them.
"""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import APPEND_ONLY, Base

Position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A 64-bit integer that SQLite can use as the row's own number."""


class EntryRow(Base):
    """One entry; its leaf hash stands before its data, so that reading hashes skips the data."""

    __tablename__ = "log_entries"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    entry_index: Mapped[int] = mapped_column(Position, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.String(64))
    leaf_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    data: Mapped[bytes] = mapped_column(sa.LargeBinary)


class TileRow(Base):
    """One complete tile of 256 hashes with every node above them.

    Args:
        level: the tile's level as in tlog-tiles; 0 is the level of leaf hashes.
        tile_index: the tile's index in its level.
        root: the hash over the whole tile, which is a hash of the tile one level above.
        nodes: 510 hashes: the 256 of the tile, then 128, 64, 32, 16, 8, 4 and 2.
    """

    __tablename__ = "log_tiles"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    level: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True, autoincrement=False)
    tile_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    nodes: Mapped[bytes] = mapped_column(sa.LargeBinary)


class CheckpointRow(Base):
    """One published checkpoint: the signed note exactly as it was shown."""

    __tablename__ = "log_checkpoints"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    size: Mapped[int] = mapped_column(Position, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    note: Mapped[bytes] = mapped_column(sa.LargeBinary)
    published_at: Mapped[dt.datetime]


class CosignatureRow(Base):
    """One witness's signature line on a published checkpoint, its time as the witness says."""

    __tablename__ = "log_cosignatures"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    size: Mapped[int] = mapped_column(sa.ForeignKey(CheckpointRow.size), primary_key=True)
    witness: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    line: Mapped[str] = mapped_column(sa.Text)
    cosigned_at: Mapped[dt.datetime]


class WitnessHeadRow(Base):
    """The latest checkpoint that this witness cosigned for one log; moved on by check-and-set."""

    __tablename__ = "witness_heads"

    origin: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    size: Mapped[int]
    root: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    note: Mapped[bytes] = mapped_column(sa.LargeBinary)
    cosigned_at: Mapped[dt.datetime]


class SplitViewRow(Base):
    """Proof that a log signed two histories: two notes, as this witness received them."""

    __tablename__ = "witness_split_views"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    id: Mapped[int] = mapped_column(Position, primary_key=True)
    origin: Mapped[str] = mapped_column(sa.String(255))
    evidence: Mapped[bytes] = mapped_column(sa.LargeBinary)
    found_at: Mapped[dt.datetime]


class ScopeHeadRow(Base):
    """The running hash over one scope's transactions, moved on with each commit."""

    __tablename__ = "log_scope_heads"

    scope: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    count: Mapped[int]
    head: Mapped[bytes] = mapped_column(sa.LargeBinary(32))


class ScopeSealRow(Base):
    """One scope's head as one entry of the log sealed it."""

    __tablename__ = "log_scope_seals"
    __table_args__ = {"info": {APPEND_ONLY: True}}  # noqa: RUF012 - SQLAlchemy reads it as is

    entry_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    scope: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    count: Mapped[int]
    head: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
