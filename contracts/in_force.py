"""Which contract version judges: by log index for history, and now for new transactions."""

import datetime as dt

from sqlalchemy.orm import Session

from contracts import lifecycle, store
from contracts.errors import ContractFrozen, VersionNotFound
from contracts.lifecycle import CAN_JUDGE, Life, State
from contracts.tables import VersionRow
from ledger.log.store import log_size
from ledger.verification import ContractVersion


def active_version(session: Session, name: str, at_index: int) -> ContractVersion | None:
    """Return the version that judges new transactions at a log index; None if there is none.

    This is history: it does not look at freezes of what is active. A scheduled version counts
    from its index on, whether or not `activate_due` has run since.
    """
    row = store.activation_at(session, name, at_index)
    found, since = (None, -1)
    if row is not None:
        found, since = ContractVersion(row.name, row.version, row.digest), row.log_index
    for due in store.scheduled_versions(session, at_index):
        if due.name == name and due.state == State.SCHEDULED and (due.scheduled_index or 0) > since:
            found = ContractVersion(due.name, due.version, due.digest)
    return found


def version_in_force(session: Session, name: str, at: dt.datetime) -> ContractVersion:
    """Return the version that judges new transactions now.

    Raises:
        VersionNotFound: none was ever activated, or the last one was deprecated or retired.
        ContractFrozen: it is frozen.
    """
    found = active_version(session, name, log_size(session))
    if found is None:
        raise VersionNotFound(f"no version of {name} is active")
    if life_at(store.version_row(session, name, found.version), at).state is State.DEPRECATED:
        found = _activated_since(session, found)
    life = life_at(store.version_row(session, name, found.version), at)
    if life.state is State.FROZEN:
        raise ContractFrozen(f"{name} {found.version} is frozen until {life.frozen_until}")
    if life.state not in (State.ACTIVE, State.SCHEDULED):
        raise VersionNotFound(f"{name} {found.version} is {life.state}; no version is active")
    return found


def _activated_since(session: Session, found: ContractVersion) -> ContractVersion:
    """Return the version activated last: two that come at one log index get successive ones."""
    last = store.last_activation(session, found.name)
    return found if last is None else ContractVersion(last.name, last.version, last.digest)


def check_may_judge(session: Session, contract: ContractVersion, at: dt.datetime) -> None:
    """Return if this very version may judge transactions of tokens that name it.

    Raises:
        VersionNotFound: not registered with this digest, or not active or deprecated.
        ContractFrozen: it is frozen.
    """
    row = store.version_row(session, contract.name, contract.version)
    life = life_at(row, at)
    if row.digest != contract.digest:
        raise VersionNotFound(f"{row.name} {row.version} has digest {row.digest}")
    if life.state is State.FROZEN:
        raise ContractFrozen(f"{row.name} {row.version} is frozen until {life.frozen_until}")
    if life.state not in CAN_JUDGE:
        raise VersionNotFound(f"{row.name} {row.version} is {life.state} and judges nothing")


def source(session: Session, digest: str) -> str:
    """Return the text of `contract.py` of any package that was ever submitted.

    Raises:
        VersionNotFound: no such package.
    """
    return store.package_row(session, digest).source


def life_at(row: VersionRow, at: dt.datetime) -> Life:
    """Return the state of a version at a time: an expired freeze is over."""
    return lifecycle.current(store.life_of(row), at)
