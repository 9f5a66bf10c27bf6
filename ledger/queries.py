"""What members may ask of the ledger; every row passes the gateway, every answer names the rules.

What is hidden from the viewer and what does not exist give the same answer.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from sqlalchemy.orm import Session

from ledger import scopes
from ledger import views as v
from ledger.errors import NotFound, RegistrarUnavailable
from ledger.gateway import MAX_PAGE, Gateway, Page, Seen, Viewer
from ledger.hashing import tagged_hash
from ledger.keys import key_id
from ledger.network import HostedSigners
from ledger.pseudonyms import CursorKey
from ledger.reads import NAMED_BY, Notes
from ledger.register import (
    Lines,
    Registers,
    State,
    find_change,
    register_at_change,
)
from ledger.signatures import TransactionSignature
from ledger.store import CLOSED
from ledger.visible import View
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.rules import Effect

_V = TypeVar("_V", bound=msgspec.Struct)


class Reader(msgspec.Struct, frozen=True):
    """Who asks, through which gateway, under which rules, on which snapshot of the database.

    What it shows of sensitive resources is noted in `notes`, if there are any to keep. Registers
    worked out before are found in `registers`.
    """

    session: Session
    gateway: Gateway
    rules: CompiledRules
    actor: Actor
    notes: Notes | None = None
    registers: Registers = msgspec.field(default_factory=Registers)

    def decide(self, action: Action) -> Viewer:
        """Return the actor as a viewer of what `action` reads.

        Raises:
            Denied: no rule allows it.
        """
        return Viewer(self.actor.member_id, self.rules.decide(self.actor, action))

    def rows(self, view: View, viewer: Viewer, asked: "Asked") -> Page:
        """Return a page of `view`."""
        where = {name: value for name, value in asked.where.items() if value is not None}
        page = self.gateway.page(
            self.session,
            view,
            viewer,
            where=where,
            cursor=asked.cursor,
            limit=asked.limit,
            reverse=asked.reverse,
        )
        name = NAMED_BY.get(view.resource)
        if self.notes is not None and name is not None:
            clear = (row for row in page.rows if row.effects[name] is Effect.CLEAR)
            names = (str(_show(row.fields[name])) for row in clear)
            self.notes.take(viewer.member_id, viewer.decision, names)
        return page


class Asked(msgspec.Struct, frozen=True):
    """Which part of a list is asked for: filters (None: any), cursor, rows at most, in what order.

    `reverse` is against the list's own order, which its use case names.
    """

    where: Mapping[str, Any] = {}
    cursor: str | None = None
    limit: int = 50
    reverse: bool = False


def list_transfers(reader: Reader, asked: Asked) -> v.TransferPage:
    """Return the transfers that the actor may see, newest first."""
    viewer = reader.decide(Action.TRANSFER_READ)
    page = reader.rows(scopes.TRANSFERS, viewer, asked)
    items = tuple(transfer_view(seen) for seen in page.rows)
    return v.TransferPage(viewer.decision.rule_set, items, page.next)


def transfer_view(seen: Seen) -> v.TransferView:
    """Return a transfer as it is shown."""
    fields = dict(seen.fields)
    if "terms" in fields:
        fields["terms"] = msgspec.json.decode(fields["terms"])
    return v.TransferView(**_shown(fields))


def list_tokens(reader: Reader, asked: Asked) -> v.TokenPage:
    """Return the tokens that may be spent, with what it takes where every field is clear."""
    viewer = reader.decide(Action.TOKEN_READ)
    page = reader.rows(scopes.TOKENS, viewer, asked)
    items = tuple(_token(seen) for seen in page.rows)
    return v.TokenPage(viewer.decision.rule_set, items, page.next)


def _token(seen: Seen) -> v.TokenView:
    fields = dict(seen.fields)
    if "terms" in fields:
        fields["terms"] = msgspec.json.decode(fields["terms"])["terms"]
    if all(effect is Effect.CLEAR for effect in seen.effects.values()):
        fields |= {
            "index": seen.extra["output_index"],
            "component": seen.extra["component"].decode(),
            "nonce": seen.extra["nonce"].hex(),
        }
    return v.TokenView(**_shown(fields))


def list_rights(reader: Reader, asked: Asked) -> v.RightPage:
    """Return the beneficial rights that the actor may see."""
    viewer = reader.decide(Action.BENEFICIAL_RIGHT_READ)
    page = reader.rows(scopes.RIGHTS, viewer, asked)
    items = tuple(_shape(v.RightView, seen) for seen in page.rows)
    return v.RightPage(viewer.decision.rule_set, items, page.next)


def list_holdings(reader: Reader, asked: Asked) -> v.HoldingPage:
    """Return what investors hold now."""
    viewer = reader.decide(Action.HOLDING_READ)
    page = reader.rows(scopes.HOLDINGS, viewer, asked)
    items = tuple(_shape(v.HoldingView, seen) for seen in page.rows)
    return v.HoldingPage(viewer.decision.rule_set, items, page.next)


def list_custody(reader: Reader, asked: Asked) -> v.CustodyPage:
    """Return who manages which investors, and did."""
    viewer = reader.decide(Action.CUSTODY_READ)
    page = reader.rows(scopes.CUSTODY, viewer, asked)
    items = tuple(_shape(v.CustodyView, seen) for seen in page.rows)
    return v.CustodyPage(viewer.decision.rule_set, items, page.next)


def list_account_keys(reader: Reader, asked: Asked) -> v.AccountKeyPage:
    """Return account keys, those of the past included."""
    viewer = reader.decide(Action.ACCOUNT_KEY_READ)
    page = reader.rows(scopes.ACCOUNT_KEYS, viewer, asked)
    items = tuple(
        v.AccountKeyView(
            **seen.fields,
            valid_from=seen.extra["valid_from"],
            valid_until=seen.extra["valid_until"],
        )
        for seen in page.rows
    )
    return v.AccountKeyPage(viewer.decision.rule_set, items, page.next)


def list_controls(reader: Reader, asked: Asked) -> v.ControlPage:
    """Return which rights may be transferred."""
    viewer = reader.decide(Action.TRANSFER_CONTROL_READ)
    page = reader.rows(scopes.CONTROLS, viewer, asked)
    items = tuple(_shape(v.ControlView, seen) for seen in page.rows)
    return v.ControlPage(viewer.decision.rule_set, items, page.next)


def list_uniqueness(reader: Reader, asked: Asked) -> v.UniquenessPage:
    """Return what the notary keeps."""
    viewer = reader.decide(Action.UNIQUENESS_READ)
    page = reader.rows(scopes.UNIQUENESS, viewer, asked)
    items = tuple(_shape(v.UniquenessView, seen) for seen in page.rows)
    return v.UniquenessPage(viewer.decision.rule_set, items, page.next)


def read_session(reader: Reader) -> v.SessionView:
    """Return the market session."""
    viewer = reader.decide(Action.MARKET_SESSION_READ)
    page = reader.rows(scopes.SESSIONS, viewer, Asked(limit=1))
    if not page.rows:
        return v.SessionView(viewer.decision.rule_set, CLOSED, None)
    return v.SessionView(viewer.decision.rule_set, **page.rows[0].fields)


def read_statement(reader: Reader, investor: str, asked: Asked) -> v.StatementView:
    """Return what an investor holds and how it came about, as far as the actor may see.

    Raises:
        NotFound: there is nothing of this investor that the actor may see.
    """
    viewer = reader.decide(Action.HOLDING_READ)
    whose = {"investor_id": investor}
    holdings = reader.rows(scopes.HOLDINGS, viewer, Asked(whose, limit=MAX_PAGE))
    changes = reader.rows(scopes.CHANGES, viewer, Asked(whose, asked.cursor, asked.limit))
    if not holdings.rows and not changes.rows and asked.cursor is None:
        raise NotFound(f"there is nothing of investor {investor} that you may see")
    return v.StatementView(
        viewer.decision.rule_set,
        investor,
        tuple(_shape(v.HoldingView, seen) for seen in holdings.rows),
        tuple(_change(seen) for seen in changes.rows),
        changes.next,
    )


def _change(seen: Seen) -> v.HoldingView:
    clear = seen.effects.get("quantity") is Effect.CLEAR
    extra = {"delta": seen.extra["delta"]} if clear else {}
    return v.HoldingView(**seen.fields, **extra)


class When(msgspec.Struct, frozen=True):
    """The moment that a register is asked for: a day, a log index, or now."""

    day: dt.date | None = None
    log_index: int | None = None


def read_register(reader: Reader, right: str, when: When, asked: Asked) -> v.RegisterView:
    """Return the register of a right as of a moment.

    Pages that follow are of the same moment as the first, whatever was committed in between.

    Raises:
        NotFound: there is no such right that the actor may see.
        CursorInvalid: the cursor was not given out for this register and moment.
    """
    viewer = reader.decide(Action.REGISTER_READ)
    seen = _find_register(reader, viewer, right)
    listed = f"register {right} {when.day or when.log_index}"
    change, after = None, None
    if asked.cursor is not None:
        change, after = _place(reader.gateway.open_cursor(viewer, listed, asked.cursor))
    state, lines = _register(reader, viewer, seen, when, change)
    limit = max(1, min(asked.limit, MAX_PAGE))
    shown, more = lines.after(after, limit)
    return v.RegisterView(
        viewer.decision.rule_set,
        right,
        when.day,
        state.log_index,
        state.effective_at,
        state.total if seen.effects["quantity"] is Effect.CLEAR else None,
        tuple(_lines(seen, state, shown)),
        reader.gateway.cursor(viewer, listed, [state.change, shown[-1][0]]) if more else None,
    )


def _place(key: CursorKey) -> tuple[int, str]:
    change, name = key
    return int(change), str(name)


def _find_register(reader: Reader, viewer: Viewer, right: str) -> Seen:
    page = reader.rows(scopes.REGISTERS, viewer, Asked({"beneficial_right_id": right}, limit=1))
    if not page.rows:
        raise NotFound(f"there is no register of {right} that you may see")
    return page.rows[0]


def _register(
    reader: Reader, viewer: Viewer, seen: Seen, when: When, change: int | None
) -> tuple[State, Lines]:
    """Return a register after `change`, or as of `when`, with its lines as the viewer sees them."""
    right, session = seen.fields["beneficial_right_id"], reader.session
    if change is None:
        change = find_change(session, right, day=when.day, log_index=when.log_index)
    at = change
    scope = tagged_hash("pseudonym/register", right.encode(), str(at).encode())
    clear = seen.effects["investor_id"] is Effect.CLEAR
    return reader.registers.find(
        ("" if clear else viewer.member_id, right, at),
        lambda: register_at_change(session, right, at),
        None if clear else lambda name: reader.gateway.pseudonym(viewer, scope, name),
    )


def _lines(seen: Seen, state: State, shown: Iterable[tuple[str, int]]) -> Iterator[v.HoldingView]:
    effects = seen.effects
    for name, quantity in shown:
        yield v.HoldingView(
            as_of=state.effective_at if effects["as_of"] is Effect.CLEAR else msgspec.UNSET,
            beneficial_right_id=seen.fields["beneficial_right_id"],
            investor_id=name if effects["investor_id"] is not Effect.HIDDEN else msgspec.UNSET,
            quantity=quantity if effects["quantity"] is Effect.CLEAR else msgspec.UNSET,
        )


def attest_register(
    reader: Reader, signers: HostedSigners, right: str, when: When, at: dt.datetime
) -> v.RegisterAttestation:
    """Return the registrar's signature over a register as of a moment.

    Raises:
        NotFound: there is no such right whose register the actor may see in clear.
        RegistrarUnavailable: the registrar's node is not hosted here.
    """
    viewer = reader.decide(Action.REGISTER_READ)
    seen = _find_register(reader, viewer, right)
    if not {seen.effects["investor_id"], seen.effects["quantity"]} == {Effect.CLEAR}:
        raise NotFound(f"there is no register of {right} that you may see")
    registrar = seen.extra["registrar"]
    signer = signers.hosted_signer(registrar)
    if signer is None:
        raise RegistrarUnavailable(f"the node of {registrar} is not hosted here")
    state, _ = _register(reader, viewer, seen, when, None)
    unsigned = v.RegisterAttestation(
        registrar,
        right,
        when.day,
        state.log_index,
        len(state.holdings),
        state.total,
        register_digest(state.holdings),
        at,
    )
    signature = signer.sign(attested_bytes(unsigned))
    by_key = key_id(signer.public_key())
    signed = TransactionSignature("registrar", registrar, by_key, signature.hex())
    return msgspec.structs.replace(unsigned, signature=signed)


def register_digest(holdings: Mapping[str, int]) -> str:
    """Return the hash, in hex, of holdings by investor."""
    return tagged_hash("register", msgspec.json.encode(holdings, order="sorted")).hex()


def attested_bytes(attestation: v.RegisterAttestation) -> bytes:
    """Return the 32 bytes that the registrar signs: a hash of all but the signature."""
    unsigned = msgspec.structs.replace(attestation, signature=None)
    return tagged_hash("register/attestation", msgspec.json.encode(unsigned))


def _shape(kind: type[_V], seen: Seen) -> _V:
    return kind(**_shown(seen.fields))


def _shown(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an answer says: bytes in hex, everything else as it is."""
    return {n: value.hex() if type(value) is bytes else value for n, value in fields.items()}


def _show(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def walk_register(reader: Reader, right: str, when: When) -> Iterator[v.HoldingView]:
    """Yield every line of a register, page by page; `as_of` is the day, if one was asked for.

    Raises:
        NotFound: there is no such right that the actor may see.
    """
    cursor: str | None = None
    while True:
        page = read_register(reader, right, when, Asked({}, cursor, MAX_PAGE))
        yield from page.items
        cursor = page.next
        if cursor is None:
            return
