"""What the routes of the records need of the process."""

from dataclasses import dataclass

from ledger.records.directory import Directory
from ledger.records.encryption import MasterKey


@dataclass(frozen=True)
class RecordServices:
    """Handed to the routes as `records`.

    Args:
        master: wraps the data keys of rows and import files.
        directory: answers what the ledger knows; `LedgerDirectory()` over the same database.
    """

    master: MasterKey
    directory: Directory
