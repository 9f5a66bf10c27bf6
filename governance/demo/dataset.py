"""A network's input: the files of `docs/examples/network`, or of any folder like it."""

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from governance.errors import DatasetInvalid
from policies.errors import Fault

Row = TypeVar("Row", bound=msgspec.Struct)


class MemberRow(msgspec.Struct, frozen=True):
    """A line of `members.csv`."""

    member_id: str
    legal_name: str
    role: str
    sponsor_member_id: str = ""


class RightRow(msgspec.Struct, frozen=True):
    """A line of `beneficial_rights.csv`."""

    beneficial_right_id: str
    beneficial_right_name: str
    registrar_member_id: str
    fundraiser_member_id: str
    asset_manager_member_id: str
    beneficial_right_type: str
    established_quantity: int
    established_on: dt.date
    record_date_1: str
    record_date_2: str
    redemption_date: dt.date


class InvestorRow(msgspec.Struct, frozen=True):
    """What the ledger needs of a line of `investors.csv`; the rest is the custodian's own."""

    investor_id: str
    custody_holder_id: str
    custodian_id: str


class TransferRow(msgspec.Struct, frozen=True):
    """A line of `transfers.csv`."""

    trade_id: str
    beneficial_right_id: str
    from_investor_id: str
    to_investor_id: str
    quantity: int
    settlement_date: dt.date
    transfer_type: str
    cancels_trade_id: str
    registered_at: dt.datetime
    registered_by: str


class Dataset:
    """The files of one folder, read and checked.

    Raises:
        DatasetInvalid: a file is missing, or has faults; all are listed.
    """

    def __init__(self, folder: Path) -> None:
        faults: list[Fault] = []
        self.folder = folder
        self.members = list(_rows(folder / "members.csv", MemberRow, faults))
        self.rights = list(_rows(folder / "beneficial_rights.csv", RightRow, faults))
        self.investors = list(_rows(folder / "investors.csv", InvestorRow, faults))
        self.transfers = list(_rows(folder / "transfers.csv", TransferRow, faults))
        if faults:
            raise DatasetInvalid(f"{folder} has {len(faults)} fault(s)", tuple(faults))

    def expected_register(self) -> list[dict[str, str]] | None:
        """Return `expected/register.csv`, if there is one."""
        return _optional(self.folder / "expected" / "register.csv")

    def expected_visible(self) -> dict[str, int] | None:
        """Return how many transfers each member may see, if that is stated."""
        rows = _optional(self.folder / "expected" / "visible_transfers.csv")
        if rows is None:
            return None
        return {row["member_id"]: int(row["visible_transfers"]) for row in rows}


def _optional(path: Path) -> list[dict[str, str]] | None:
    if not path.exists():
        return None
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def _rows(path: Path, kind: type[Row], faults: list[Fault]) -> Iterator[Row]:
    wanted = {field.name for field in msgspec.structs.fields(kind)}
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            missing = wanted - set(reader.fieldnames or ())
            if missing:
                faults.append(Fault(path.name, f"columns missing: {', '.join(sorted(missing))}"))
                return
            for number, row in enumerate(reader, start=2):
                yield from _row(path, number, row, kind, faults)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        faults.append(Fault(path.name, str(error)))


def _row(
    path: Path, number: int, row: dict[str, Any], kind: type[Row], faults: list[Fault]
) -> Iterator[Row]:
    try:
        yield msgspec.convert(row, kind, strict=False)
    except msgspec.ValidationError as error:
        faults.append(Fault(path.name, str(error), number))
