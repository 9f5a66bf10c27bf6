"""What the lines of an import file mean: investors, registrations, transfer instructions.

An intake checks a batch of lines, and later writes it. Both ask the tables anew: what changed
between check and writing is reported as a problem and not written.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.errors import RecordMalformed
from ledger.records import instruction_store, keeping, store
from ledger.records.dictionary import data_dictionary
from ledger.records.directory import Directory
from ledger.records.instructions import Instruction, Particulars, particulars, read_instruction
from ledger.records.keeping import Clerk
from ledger.records.registration import registration_faults
from ledger.records.schemas import Investor, read_record
from ledger.records.screening import Screen
from ledger.records.tables import ImportFileRow, RecordRow
from ledger.records.tables_work import ImportKeyRow

UPPER_ID = re.compile(r"[A-Z][A-Z0-9-]{1,63}")
"""What an id of an investor or a trade looks like."""


class Target(StrEnum):
    """What a file holds (取込対象)."""

    INVESTOR = "investor"
    REGISTRATION = "investor_registration"
    INSTRUCTION = "transfer"


class Line(msgspec.Struct, frozen=True):
    """A record of the file: the line on which it starts, and its texts by field."""

    number: int
    values: dict[str, str]


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with a line; it never repeats a value, which may be personal."""

    line: int
    field: str
    message: str


class Intake(Protocol):
    """Takes lines of one kind."""

    def check(self, lines: Sequence[Line]) -> list[Problem]:
        """Return every problem of a batch, and remember its ids."""
        ...

    def apply(self, lines: Sequence[Line]) -> tuple[int, list[Problem]]:
        """Write a batch; return how many lines were new or changed, and what could not be."""
        ...


_TABLES = {
    Target.INVESTOR: "investor",
    Target.REGISTRATION: "investor",
    Target.INSTRUCTION: "transfer",
}
_SCHEMAS: dict[Target, type[msgspec.Struct]] = {
    Target.INVESTOR: Investor,
    Target.REGISTRATION: Investor,
    Target.INSTRUCTION: Instruction,
}


def read_header(target: Target, cells: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """Return the field names of the columns, and what is wrong with them.

    A column may be headed by the field's name or by its Japanese name. Headings that are neither
    are named by their place only: a file without a header has a person there.
    """
    fields = _SCHEMAS[target].__struct_fields__
    table = data_dictionary()[_TABLES[target]]
    japanese = {f.field_ja: f.field for f in table.fields if f.field in fields}
    names, problems = [], []
    for place, cell in enumerate(cells, 1):
        name = japanese.get(cell.strip(), cell.strip())
        if name not in fields:
            problems.append(Problem(1, "header", f"column {place} is no field of {table.table}"))
        elif name in names:
            problems.append(Problem(1, "header", f"column {place}: {name} is there twice"))
        names.append(name)
    required = [f.name for f in msgspec.structs.fields(_SCHEMAS[target]) if f.required]
    missing = [name for name in required if name not in names]
    problems += [Problem(1, "header", f"the column {name} is missing") for name in missing]
    return names, problems


def intake_for(session: Session, clerk: Clerk, directory: Directory, row: ImportFileRow) -> Intake:
    """Return the intake of an import."""
    match Target(row.import_target):
        case Target.INVESTOR | Target.REGISTRATION:
            return InvestorIntake(session, clerk, row)
        case Target.INSTRUCTION:
            return InstructionIntake(session, clerk, directory, row)


class InvestorIntake:
    """Takes investors: into the company's own records, or as registrations into its sponsor's."""

    def __init__(self, session: Session, clerk: Clerk, row: ImportFileRow) -> None:
        self._session, self._clerk, self._row = session, clerk, row
        self._owner = row.receiver_id
        self._registers = row.import_target == Target.REGISTRATION

    def check(self, lines: Sequence[Line]) -> list[Problem]:
        """Return every problem of a batch, and remember its investor ids."""
        records, problems = self._read(lines)
        seen = _SeenKeys(self._session, self._row.import_id)
        problems += seen.add(_ids(lines, "investor_id", {}), "investor_id")
        problems += self._unknown(records)
        _, _, taken = self._sort(records)
        return problems + taken

    def apply(self, lines: Sequence[Line]) -> tuple[int, list[Problem]]:
        """Write a batch."""
        records, problems = self._read(lines)
        new, changed, taken = self._sort(records)
        keeping.insert_records(self._session, self._clerk, "investor", new, self._owner)
        rows = store.find_rows(
            self._session, "investor", self._owner, [r.investor_id for r in changed]
        )
        for record in changed:
            row = rows[record.investor_id]
            keeping.update_record(self._session, self._clerk, "investor", row, record)
        return len(new) + len(changed), problems + taken

    def _read(self, lines: Sequence[Line]) -> tuple[dict[int, Investor], list[Problem]]:
        records: dict[int, Investor] = {}
        problems: list[Problem] = []
        for line in lines:
            values = line.values
            if self._registers:
                values = values | {"investor_status": "applied"}
            try:
                record = read_record("investor", values, text=True)
            except RecordMalformed as error:
                problems += [Problem(line.number, f.where, f.message) for f in error.faults]
            else:
                if isinstance(record, Investor):
                    records[line.number] = record
        return records, problems

    def _unknown(self, records: dict[int, Investor]) -> list[Problem]:
        investors = list(records.values())
        if self._registers:
            firm = self._clerk.owner
            found = [tuple(registration_faults(one, firm, self._owner)) for one in investors]
        else:
            found = keeping.unknown_parties(self._session, self._clerk, investors)
        return [
            Problem(line, fault.where, fault.message)
            for line, faults in zip(records, found, strict=True)
            for fault in faults
        ]

    def _sort(
        self, records: dict[int, Investor]
    ) -> tuple[list[Investor], list[Investor], list[Problem]]:
        """Return what is new, what is changed, and what cannot be."""
        ids = [record.investor_id for record in records.values()]
        rows = store.find_rows(self._session, "investor", self._owner, ids)
        changes = self._row.operation == "change"
        new, changed, problems = [], [], []
        for line, record in records.items():
            row = rows.get(record.investor_id)
            if row is None:
                if changes:
                    problems.append(Problem(line, "investor_id", "there is no such investor"))
                new.append(record)
            elif row.erased_at is not None:
                problems.append(Problem(line, "investor_id", "was erased and is not used again"))
            elif self._differs(row, record):
                if changes:
                    changed.append(record)
                else:
                    message = "is taken by an investor with other contents"
                    problems.append(Problem(line, "investor_id", message))
        return ([] if changes else new), changed, problems

    def _differs(self, row: RecordRow, record: Investor) -> bool:
        names = keeping.differing(self._session, self._clerk, "investor", row, record)
        if self._registers:  # accepted meanwhile: the custodian's status stands
            names = [name for name in names if name != "investor_status"]
        return bool(names)


class InstructionIntake:
    """Takes transfer instructions for the operating partner that executes them."""

    def __init__(
        self, session: Session, clerk: Clerk, directory: Directory, row: ImportFileRow
    ) -> None:
        self._session, self._clerk, self._row = session, clerk, row
        self._seen = _SeenKeys(session, row.import_id)
        self._screen = Screen(
            session, directory, clerk.actor.member_id, row.receiver_id, self._seen
        )

    def check(self, lines: Sequence[Line]) -> list[Problem]:
        """Return every problem of a batch, and remember its trades and cancels."""
        said, problems = self._read(lines)
        verdicts = self._screen.screen(list(said.values()))
        for number, faults in zip(said, verdicts, strict=True):
            problems += [Problem(number, f.where, f.message) for f in faults or ()]
        details = {number: _detail(one) for number, one in said.items()}
        problems += self._seen.add(_ids(lines, "trade_id", details), "trade_id")
        self._seen.add_cancels({n: s for n, s in said.items() if s.cancels_trade_id})
        return problems

    def apply(self, lines: Sequence[Line]) -> tuple[int, list[Problem]]:
        """Write a batch."""
        said, problems = self._read(lines)
        verdicts = self._screen.screen(list(said.values()))
        taken = []
        for (number, one), faults in zip(said.items(), verdicts, strict=True):
            problems += [Problem(number, f.where, f.message) for f in faults or ()]
            if faults == []:
                taken.append(one)
        instruction_store.insert(
            self._session,
            taken,
            sender=self._clerk.actor.member_id,
            receiver=self._row.receiver_id,
            at=self._clerk.at,
            import_id=self._row.import_id,
        )
        return len(taken), problems

    def _read(self, lines: Sequence[Line]) -> tuple[dict[int, Instruction], list[Problem]]:
        said: dict[int, Instruction] = {}
        problems: list[Problem] = []
        for line in lines:
            try:
                said[line.number] = read_instruction(line.values, text=True)
            except RecordMalformed as error:
                problems += [Problem(line.number, f.where, f.message) for f in error.faults]
        return said, problems


_CANCELS = "cancels:"


class _SeenKeys:
    """The ids that the file has used so far: in a table, so that memory stays constant."""

    def __init__(self, session: Session, import_id: str) -> None:
        self._session, self._import_id = session, import_id

    def add(self, keys: dict[int, tuple[str, str]], field: str) -> list[Problem]:
        """Remember keys with details by line; return a problem for each that was there before."""
        before = {row.key: row.line for row in self._find(key for key, _ in keys.values())}
        problems, rows = [], []
        for line, (key, detail) in keys.items():
            if key in before:
                message = f"is on line {before[key]} already"
                problems.append(Problem(line, field, message))
                continue
            before[key] = line
            rows.append(self._row(key, line, detail))
        self._insert(rows)
        return problems

    def add_cancels(self, said: dict[int, Instruction]) -> None:
        """Remember which trades the lines cancel; the first to do so counts."""
        done = self.cancelled([one.cancels_trade_id for one in said.values()])
        rows: dict[str, dict[str, object]] = {}
        for line, one in said.items():
            if one.cancels_trade_id not in done:
                row = self._row(_CANCELS + one.cancels_trade_id, line, one.trade_id)
                rows.setdefault(one.cancels_trade_id, row)
        self._insert(list(rows.values()))

    def originals(self, trade_ids: Iterable[str]) -> dict[str, Particulars]:
        """Return the earlier instructions for those trades."""
        rows = self._find(trade_ids)
        return {
            row.key: msgspec.json.decode(row.detail, type=Particulars) for row in rows if row.detail
        }

    def cancelled(self, trade_ids: Iterable[str]) -> dict[str, str]:
        """Return which of the trades an earlier line cancels."""
        rows = self._find(_CANCELS + trade_id for trade_id in trade_ids)
        return {row.key.removeprefix(_CANCELS): row.detail for row in rows}

    def _find(self, keys: Iterable[str]) -> list[ImportKeyRow]:
        wanted = list(keys)
        found: list[ImportKeyRow] = []
        for start in range(0, len(wanted), store.CHUNK):
            query = sa.select(ImportKeyRow).where(
                ImportKeyRow.import_id == self._import_id,
                ImportKeyRow.key.in_(wanted[start : start + store.CHUNK]),
            )
            found += self._session.scalars(query).all()
        return found

    def _row(self, key: str, line: int, detail: str) -> dict[str, object]:
        return {"import_id": self._import_id, "key": key, "line": line, "detail": detail}

    def _insert(self, rows: list[dict[str, object]]) -> None:
        store.insert_into(self._session, ImportKeyRow, rows)


def _ids(
    lines: Sequence[Line], field: str, details: Mapping[int, str]
) -> dict[int, tuple[str, str]]:
    """Return the id and detail of each line that has something like an id, faults or not."""
    return {
        line.number: (line.values[field], details.get(line.number, ""))
        for line in lines
        if UPPER_ID.fullmatch(line.values[field])
    }


def _detail(said: Instruction) -> str:
    return msgspec.json.encode(particulars(said)).decode()
