"""Which contract version judges: by log index for history, and now for new transactions."""

import datetime as dt

from sqlalchemy.orm import Session

from contracts import lifecycle, store
from contracts.errors import VersionNotFound
from contracts.lifecycle import IN_USE, Life, State
from contracts.packages import open_package
from contracts.sandbox.pool import Sandboxed
from contracts.sandbox.pools import Approved
from contracts.tables import VersionRow
from ledger.log.store import log_size
from ledger.standing import Standing
from ledger.verification import ContractVersion

_STANDINGS = {
    State.ACTIVE: Standing.IN_FORCE,
    State.DEPRECATED: Standing.DEPRECATED,
    State.FROZEN: Standing.FROZEN,
    State.RETIRED: Standing.RETIRED,
}


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


def standing(session: Session, contract: ContractVersion, at: dt.datetime) -> Standing:
    """Return what this very version may judge now."""
    row = store.find_version(session, contract.name, contract.version)
    if row is None or row.digest != contract.digest:
        return Standing.UNKNOWN
    state = life_at(row, at).state
    if state is State.SCHEDULED and (row.scheduled_index or 0) <= log_size(session):
        return Standing.IN_FORCE
    return _STANDINGS.get(state, Standing.NOT_YET)


def approved(session: Session, contract: ContractVersion) -> Approved:
    """Return what judges under a version: the runtime that it was approved with, and its source.

    Raises:
        VersionNotFound: no such version is registered, or not with this digest.
    """
    row = store.version_row(session, contract.name, contract.version)
    if row.digest != contract.digest:
        raise VersionNotFound(f"{row.name} {row.version} has digest {row.digest}")
    package = store.package_row(session, row.digest)
    gas = open_package(package.archive).manifest.gas_limit
    return Approved(row.runtime, Sandboxed(package.source, gas))


def runtimes_in_use(session: Session) -> list[str]:
    """Return the runtimes of versions that judge, or will when they are activated or thawed."""
    return store.runtimes_of(session, IN_USE)


def source(session: Session, digest: str) -> str:
    """Return the text of `contract.py` of any package that was ever submitted.

    Raises:
        VersionNotFound: no such package.
    """
    return store.package_row(session, digest).source


def life_at(row: VersionRow, at: dt.datetime) -> Life:
    """Return the state of a version at a time: an expired freeze is over."""
    return lifecycle.current(store.life_of(row), at)
