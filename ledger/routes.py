"""HTTP of the ledger: transactions in, answers out, and statements about what they rest on."""

import csv
import datetime as dt
import io
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, RawBody
from msgspec import Meta

from ledger import disclosure, queries
from ledger import views as v
from ledger.asking import TAGS, Asks, read
from ledger.commitment import Receipt
from ledger.composition import MAX_ITEMS
from ledger.errors import LedgerError, TransactionMalformed
from ledger.queries import Asked, When
from ledger.record_dates import read_record_dates
from ledger.records.calendar import HolidayAdjustment
from ledger.services import LedgerServices
from ledger.statement_routes import STATEMENT_ROUTES
from ledger.submission_forms import BatchForm, SubmissionForm
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault


class Order(StrEnum):
    """The order of a list: its own, as its description says, or the reverse."""

    OWN = "own"
    REVERSED = "reversed"


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Submissions in order; a later one may spend what an earlier one creates."""

    items: Annotated[tuple[msgspec.Raw, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


@post(
    "/v1/ledger/transactions",
    opt={"authz": Action.TRANSACTION_SUBMIT, "body": SubmissionForm},
    sync_to_thread=True,
    tags=TAGS,
    summary="Submit a transaction",
)
def submit_transaction(
    body: RawBody,
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    ledger: NamedDependency[LedgerServices],
) -> Receipt:
    """Commit a transaction and return its receipt; sent again, it gives the same one."""
    return ledger.submissions.submit(actor, rules, body)


@post(
    "/v1/ledger/transactions/batch",
    opt={"authz": Action.TRANSACTION_SUBMIT, "body": BatchForm},
    sync_to_thread=True,
    tags=TAGS,
    summary="Submit several transactions",
)
def submit_batch(
    body: RawBody,
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    ledger: NamedDependency[LedgerServices],
) -> v.BatchAnswer:
    """Commit what holds, in order, and say for each what became of it."""
    try:
        batch = msgspec.json.decode(body, type=Batch)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        fault = Fault("batch", str(error))
        raise TransactionMalformed(f"not a batch: {error}", (fault,)) from error
    outcomes = ledger.submissions.submit_many(actor, rules, [bytes(raw) for raw in batch.items])
    items = (
        v.BatchItem(problem=ledger.describe(outcome))
        if isinstance(outcome, LedgerError)
        else v.BatchItem(receipt=outcome)
        for outcome in outcomes
    )
    return v.BatchAnswer(tuple(items))


@read(
    "/v1/ledger/transactions/{txid:str}",
    opt={"authz": Action.TRANSACTION_READ},
    summary="Read a transaction as a tear-off",
)
def read_transaction(
    txid: FromPath[str],
    asker: Asks,
) -> v.TransactionView:
    """Return what the caller may see of a transaction, with proofs."""
    with asker.reading() as reader:
        return disclosure.read_transaction(reader, txid)


@read(
    "/v1/ledger/transfers",
    opt={"authz": Action.TRANSFER_READ},
    summary="List transfers",
)
def list_transfers(
    asker: Asks,
    beneficial_right_id: FromQuery[str | None] = None,
    trade_id: FromQuery[str | None] = None,
    transfer_type: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
    order: FromQuery[Order] = Order.OWN,
) -> v.TransferPage:
    """Return the transfers that the caller may see, newest first."""
    where = {
        "beneficial_right_id": beneficial_right_id,
        "trade_id": trade_id,
        "transfer_type": transfer_type,
    }
    with asker.reading() as reader:
        return queries.list_transfers(reader, Asked(where, cursor, limit, order is Order.REVERSED))


@read(
    "/v1/ledger/tokens",
    opt={"authz": Action.TOKEN_READ},
    summary="List tokens that may be spent",
)
def list_tokens(
    asker: Asks,
    token_id: FromQuery[str | None] = None,
    investor_id: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
    order: FromQuery[Order] = Order.OWN,
) -> v.TokenPage:
    """Return unspent tokens, with what spending them takes."""
    where = {"token_id": token_id, "investor_id": investor_id}
    with asker.reading() as reader:
        return queries.list_tokens(reader, Asked(where, cursor, limit, order is Order.REVERSED))


@read(
    "/v1/ledger/rights",
    opt={"authz": Action.BENEFICIAL_RIGHT_READ},
    summary="List beneficial rights",
)
def list_rights(
    asker: Asks,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
    order: FromQuery[Order] = Order.OWN,
) -> v.RightPage:
    """Return the beneficial rights that the caller may see."""
    with asker.reading() as reader:
        return queries.list_rights(reader, Asked({}, cursor, limit, order is Order.REVERSED))


@read(
    "/v1/ledger/holdings",
    opt={"authz": Action.HOLDING_READ},
    summary="List holdings",
)
def list_holdings(
    asker: Asks,
    beneficial_right_id: FromQuery[str | None] = None,
    investor_id: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
    order: FromQuery[Order] = Order.OWN,
) -> v.HoldingPage:
    """Return what investors hold now."""
    where = {"beneficial_right_id": beneficial_right_id, "investor_id": investor_id}
    with asker.reading() as reader:
        return queries.list_holdings(reader, Asked(where, cursor, limit, order is Order.REVERSED))


@read(
    "/v1/ledger/registers/{right:str}",
    opt={"authz": Action.REGISTER_READ},
    summary="Read a register",
)
def read_register(
    right: FromPath[str],
    asker: Asks,
    as_of: FromQuery[dt.date | None] = None,
    at_index: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 500,
) -> v.RegisterView:
    """Return a register now, at the end of a day in Japan, or at a log index."""
    with asker.reading() as reader:
        asked = Asked({}, cursor, limit)
        return queries.read_register(reader, right, When(as_of, at_index), asked)


@read(
    "/v1/ledger/registers/{right:str}/csv",
    opt={"authz": Action.REGISTER_READ, "answer": "text/csv"},
    summary="Export a register as CSV",
)
def export_register(
    right: FromPath[str],
    asker: Asks,
    as_of: FromQuery[dt.date | None] = None,
    at_index: FromQuery[int | None] = None,
) -> Response[str]:
    """Return a whole register as CSV in the fields of the dictionary."""
    with asker.reading() as reader:
        rows = list(queries.walk_register(reader, right, When(as_of, at_index)))
    text = _csv(("as_of", "beneficial_right_id", "investor_id", "quantity"), rows)
    return Response(text, media_type="text/csv; charset=utf-8")


@read(
    "/v1/ledger/registers/{right:str}/record-dates",
    opt={"authz": Action.BENEFICIAL_RIGHT_READ},
    summary="List a right's record dates of a year",
)
def list_record_dates(
    right: FromPath[str],
    asker: Asks,
    year: FromQuery[int],
    adjustment: FromQuery[HolidayAdjustment] = HolidayAdjustment.NONE,
) -> v.RecordDates:
    """Return the days whose registers count, moved to business days as `adjustment` says."""
    with asker.reading() as reader:
        return read_record_dates(reader, right, year, adjustment)


@read(
    "/v1/ledger/registers/{right:str}/attestation",
    opt={"authz": Action.REGISTER_READ},
    summary="Have a register attested",
)
def attest_register(
    right: FromPath[str],
    asker: Asks,
    at: NamedDependency[dt.datetime],
    as_of: FromQuery[dt.date | None] = None,
    at_index: FromQuery[int | None] = None,
) -> v.RegisterAttestation:
    """Return the registrar's signature over a register as of a moment."""
    with asker.reading() as reader:
        when = When(as_of, at_index)
        return queries.attest_register(reader, asker.signers, right, when, at)


@read(
    "/v1/ledger/investors/{investor:str}/statement",
    opt={"authz": Action.HOLDING_READ},
    summary="Read an investor's statement",
)
def read_statement(
    investor: FromPath[str],
    asker: Asks,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> v.StatementView:
    """Return an investor's holdings and their changes, oldest first."""
    with asker.reading() as reader:
        return queries.read_statement(reader, investor, Asked({}, cursor, limit))


@read(
    "/v1/ledger/uniqueness",
    opt={"authz": Action.UNIQUENESS_READ},
    summary="List consumed hashes",
)
def list_uniqueness(
    asker: Asks,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
    order: FromQuery[Order] = Order.OWN,
) -> v.UniquenessPage:
    """Return what the notary keeps."""
    with asker.reading() as reader:
        return queries.list_uniqueness(reader, Asked({}, cursor, limit, order is Order.REVERSED))


@read(
    "/v1/ledger/custody",
    opt={"authz": Action.CUSTODY_READ},
    summary="List customers",
)
def list_custody(
    asker: Asks,
    investor_id: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
    order: FromQuery[Order] = Order.OWN,
) -> v.CustodyPage:
    """Return the caller's customers, those of the past included."""
    with asker.reading() as reader:
        asked = Asked({"investor_id": investor_id}, cursor, limit, order is Order.REVERSED)
        return queries.list_custody(reader, asked)


@read(
    "/v1/ledger/account-keys",
    opt={"authz": Action.ACCOUNT_KEY_READ},
    summary="List account keys",
)
def list_account_keys(
    asker: Asks,
    investor_id: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
    order: FromQuery[Order] = Order.OWN,
) -> v.AccountKeyPage:
    """Return account keys, those of the past included."""
    with asker.reading() as reader:
        asked = Asked({"investor_id": investor_id}, cursor, limit, order is Order.REVERSED)
        return queries.list_account_keys(reader, asked)


@read(
    "/v1/ledger/transfer-controls",
    opt={"authz": Action.TRANSFER_CONTROL_READ},
    summary="List transfer controls",
)
def list_controls(
    asker: Asks,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
    order: FromQuery[Order] = Order.OWN,
) -> v.ControlPage:
    """Return which rights may be transferred."""
    with asker.reading() as reader:
        return queries.list_controls(reader, Asked({}, cursor, limit, order is Order.REVERSED))


@read(
    "/v1/ledger/market-session",
    opt={"authz": Action.MARKET_SESSION_READ},
    summary="Read the market session",
)
def read_session(
    asker: Asks,
) -> v.SessionView:
    """Return whether the market session is open."""
    with asker.reading() as reader:
        return queries.read_session(reader)


def _csv(columns: Sequence[str], rows: Sequence[v.HoldingView]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = (getattr(row, name) for name in columns)
        writer.writerow("" if cell is msgspec.UNSET else cell for cell in cells)
    return out.getvalue()


ROUTES = (
    submit_transaction,
    submit_batch,
    read_transaction,
    list_transfers,
    list_tokens,
    list_rights,
    list_holdings,
    read_register,
    export_register,
    list_record_dates,
    attest_register,
    read_statement,
    list_uniqueness,
    list_custody,
    list_account_keys,
    list_controls,
    read_session,
    *STATEMENT_ROUTES,
)
"""Every handler of the ledger."""
