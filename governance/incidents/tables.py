"""Incidents as they stand, and everything that was said of them."""

import datetime as dt

from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import APPEND_ONLY, Base


class IncidentRow(Base):
    """An incident as it stands now."""

    __tablename__ = "incident"

    id: Mapped[str] = mapped_column(primary_key=True)
    opened_index: Mapped[int] = mapped_column(unique=True)
    """The report's index in the log."""
    kind: Mapped[str] = mapped_column(index=True)
    operation: Mapped[str] = mapped_column(index=True)
    about: Mapped[str]
    answerable: Mapped[str] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(index=True)
    started_at: Mapped[dt.datetime] = mapped_column(index=True)
    closed_at: Mapped[dt.datetime | None]
    data: Mapped[bytes]
    """The `Incident` as JSON."""


class IncidentEventRow(Base):
    """A statement about an incident, as it came."""

    __tablename__ = "incident_event"
    __table_args__ = ({"info": {APPEND_ONLY: True}},)

    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    incident: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    author: Mapped[str]
    said_at: Mapped[dt.datetime]
    envelope: Mapped[bytes]
