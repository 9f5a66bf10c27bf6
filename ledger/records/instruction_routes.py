"""`/v1/instructions` and `/v1/trades` over HTTP."""

from typing import Annotated, Any

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta
from sqlalchemy.engine import Engine

from ledger.database import reading, writing
from ledger.records import handlers, instructing
from ledger.records.cursors import cursor_of, id_after, page_size
from ledger.records.instructions import MAX_BATCH, Shown, Status, Step
from ledger.records.keeping import Clerk
from ledger.records.services import RecordServices
from policies.actions import Action

_TAGS = ["instructions"]
Ids = Annotated[list[str], Meta(min_length=1, max_length=MAX_BATCH)]


class InstructionPage(msgspec.Struct, frozen=True):
    """Instructions in order of id."""

    instructions: list[Shown]
    next: str | None


class Life(msgspec.Struct, frozen=True):
    """The steps of an instruction, oldest first."""

    steps: list[Step]


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Instructions that take a step, all or none."""

    instruction_ids: Ids


class ReasonedOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Instructions that come to nothing, and why."""

    instruction_ids: Ids
    reason: str


class Taken(msgspec.Struct, frozen=True):
    """The instructions after the step."""

    instructions: list[Shown]


class Reported(msgspec.Struct, frozen=True):
    """Whether the trade was new."""

    new: bool


@handlers.create(
    "/v1/instructions",
    opt={"authz": Action.INSTRUCTION_SUBMIT},
    summary="Send a transfer instruction",
    tags=_TAGS,
)
def submit_instruction(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    records: NamedDependency[RecordServices],
    data: JSONBody[dict[str, Any]],
) -> Shown:
    """Send an instruction to the member's operating partner; again changes nothing."""
    with writing(database) as session:
        return instructing.submit(session, clerk, records.directory, data)


@handlers.read(
    "/v1/instructions",
    opt={"authz": Action.INSTRUCTION_READ},
    summary="List instructions",
    tags=_TAGS,
)
def list_instructions(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    status: FromQuery[Status | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> InstructionPage:
    """Return a page of the instructions that the member sent or received."""
    with reading(database) as session:
        found = instructing.list_instructions(
            session, clerk, status, id_after(cursor), page_size(limit)
        )
    last = found[-1].instruction_id if len(found) >= page_size(limit) else None
    return InstructionPage(found, cursor_of(last))


@handlers.read(
    "/v1/instructions/{instruction_id:str}",
    opt={"authz": Action.INSTRUCTION_READ},
    summary="Read an instruction",
    tags=_TAGS,
)
def read_instruction(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    instruction_id: FromPath[str],
) -> Shown:
    """Return an instruction that the member sent or received."""
    with reading(database) as session:
        return instructing.read(session, clerk, instruction_id)


@handlers.read(
    "/v1/instructions/{instruction_id:str}/steps",
    opt={"authz": Action.INSTRUCTION_READ},
    summary="Read an instruction's life",
    tags=_TAGS,
)
def read_steps(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    instruction_id: FromPath[str],
) -> Life:
    """Return the steps that the instruction took."""
    with reading(database) as session:
        return Life(instructing.steps(session, clerk, instruction_id))


@handlers.act(
    "/v1/instructions/match",
    opt={"authz": Action.INSTRUCTION_MATCH},
    summary="Match instructions with trades",
    tags=_TAGS,
)
def match_instructions(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    records: NamedDependency[RecordServices],
    data: JSONBody[Order],
) -> Taken:
    """Match instructions with what confirms them, all or none."""
    with writing(database) as session:
        ids = data.instruction_ids
        return Taken(instructing.match(session, clerk, records.directory, ids))


@handlers.act(
    "/v1/instructions/approve",
    opt={"authz": Action.INSTRUCTION_APPROVE},
    summary="Approve instructions",
    tags=_TAGS,
)
def approve_instructions(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    records: NamedDependency[RecordServices],
    data: JSONBody[Order],
) -> Taken:
    """Approve matched instructions for execution, all or none."""
    with writing(database) as session:
        ids = data.instruction_ids
        return Taken(instructing.approve(session, clerk, records.directory, ids))


@handlers.act(
    "/v1/instructions/execute",
    opt={"authz": Action.INSTRUCTION_EXECUTE},
    summary="Mark instructions as executed",
    tags=_TAGS,
)
def execute_instructions(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    records: NamedDependency[RecordServices],
    data: JSONBody[Order],
) -> Taken:
    """Mark approved instructions as executed by their transfers on the ledger, all or none."""
    with writing(database) as session:
        ids = data.instruction_ids
        return Taken(instructing.execute(session, clerk, records.directory, ids))


@handlers.act(
    "/v1/instructions/reject",
    opt={"authz": Action.INSTRUCTION_REJECT},
    summary="Reject instructions",
    tags=_TAGS,
)
def reject_instructions(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    data: JSONBody[ReasonedOrder],
) -> Taken:
    """Refuse received instructions, with a reason that the sender reads, all or none."""
    with writing(database) as session:
        return Taken(instructing.reject(session, clerk, data.instruction_ids, data.reason))


@handlers.act(
    "/v1/instructions/withdraw",
    opt={"authz": Action.INSTRUCTION_WITHDRAW},
    summary="Withdraw instructions",
    tags=_TAGS,
)
def withdraw_instructions(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    data: JSONBody[ReasonedOrder],
) -> Taken:
    """Take back instructions that the member sent and nobody approved yet, all or none."""
    with writing(database) as session:
        return Taken(instructing.withdraw(session, clerk, data.instruction_ids, data.reason))


@handlers.create(
    "/v1/trades", opt={"authz": Action.INSTRUCTION_SUBMIT}, summary="Report a trade", tags=_TAGS
)
def report_trade(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    data: JSONBody[dict[str, Any]],
) -> Reported:
    """Report a trade (約定) to the member's operating partner."""
    with writing(database) as session:
        return Reported(instructing.report_trade(session, clerk, data))


ROUTES = (
    submit_instruction,
    list_instructions,
    read_instruction,
    read_steps,
    match_instructions,
    approve_instructions,
    execute_instructions,
    reject_instructions,
    withdraw_instructions,
    report_trade,
)
