"""Where each proposal stands, seat by seat: who approved, who rejected, who is awaited."""

import base64
import binascii
import datetime as dt

import msgspec
from sqlalchemy.orm import Session

from governance.decisions.actions import Action
from governance.decisions.liveness import Shortfall, forecast
from governance.decisions.network import Ballot, NetworkState, OpenProposal, bindings
from governance.decisions.statements import DECISION, PROPOSAL, Decision, Proposal
from governance.decisions.store import load_state, proposal_row, proposal_rows
from governance.decisions.tables import ProposalRow
from governance.decisions.tallies import SeatTally
from governance.decisions.voting import Dropped, Status, decide
from ledger.errors import CursorInvalid
from ledger.statements import read_envelope, read_statement
from policies.actions import Action as Permission
from policies.actors import Actor
from policies.compilation import CompiledRules

MAX_PAGE = 200
"""Proposals in the longest page."""

MAX_FORECAST_DAYS = 400
"""Days that the longest forecast looks ahead."""


class Bound(msgspec.Struct, frozen=True):
    """A digest that a proposal binds, as it was and as it is; "gone" where it is no more."""

    name: str
    bound: str
    now: str

    @property
    def same(self) -> bool:
        """Say whether it is what it was."""
        return self.bound == self.now


class ProposalView(msgspec.Struct, frozen=True):
    """One proposal.

    Args:
        id: `sha256:<hex>` of the signed payload; what votes name.
        author: who proposed it.
        opened_at: when.
        status: open, or how it ended.
        reason: why it was proposed.
        actions: what it would do.
        binds: what it was judged on; of a closed one, as it was.
        reasons: why it stands as it does.
        seats: seat by seat; a required number of 0 is a waived seat.
        votes: those received; of a closed one see the decision and the log.
        dropped: votes that do not count, and why.
        closes_at: when an open one expires.
        effective_at: when a carried one takes effect.
        decided_at: when it was decided.
    """

    id: str
    author: str
    opened_at: dt.datetime
    status: Status
    reason: str
    actions: tuple[Action, ...]
    binds: tuple[Bound, ...]
    reasons: tuple[str, ...]
    seats: tuple[SeatTally, ...]
    dropped: tuple[Dropped, ...]
    votes: tuple[Ballot, ...] = ()
    closes_at: dt.datetime | None = None
    effective_at: dt.datetime | None = None
    decided_at: dt.datetime | None = None


class ProposalLine(msgspec.Struct, frozen=True):
    """One line of the list of proposals."""

    id: str
    author: str
    opened_at: dt.datetime
    status: Status
    kinds: tuple[str, ...]
    decided_at: dt.datetime | None


class ProposalPage(msgspec.Struct, frozen=True):
    """Proposals, newest first; `next` is the cursor of the next page, None on the last."""

    proposals: tuple[ProposalLine, ...]
    next: str | None


def show(
    session: Session, rules: CompiledRules, actor: Actor, proposal: str, at: dt.datetime
) -> ProposalView:
    """Return where a proposal stands at `at`.

    Raises:
        Denied: no rule lets the actor read proposals.
        ProposalUnknown: there is none with this digest.
    """
    rules.decide(actor, Permission.PROPOSAL_READ)
    state = load_state(session)
    if proposal in state.proposals:
        return readiness(state, state.proposals[proposal], max(at, state.at))
    return _closed(proposal_row(session, proposal))


def readiness(state: NetworkState, proposal: OpenProposal, at: dt.datetime) -> ProposalView:
    """Return where an open proposal stands at `at`."""
    outcome = decide(state, proposal, proposal.ballots, at)
    now = bindings(state)
    return ProposalView(
        id=proposal.id,
        author=proposal.author,
        opened_at=proposal.opened_at,
        status=outcome.status,
        reason=proposal.reason,
        actions=proposal.actions,
        binds=tuple(
            Bound(name, digest, now.get(name, "gone"))
            for name, digest in sorted(proposal.binds.items())
        ),
        reasons=outcome.reasons,
        seats=outcome.seats,
        dropped=outcome.dropped,
        votes=proposal.ballots,
        closes_at=outcome.closes_at,
        effective_at=outcome.effective_at,
    )


def page(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    *,
    status: Status | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> ProposalPage:
    """Return a page of proposals, newest first.

    Raises:
        Denied: no rule lets the actor read proposals.
        CursorInvalid: the cursor was not given out for this list.
    """
    rules.decide(actor, Permission.PROPOSAL_READ)
    limit = max(1, min(limit, MAX_PAGE))
    before = None if cursor is None else _read_cursor(cursor)
    rows = proposal_rows(session, before, status, limit + 1)
    more = _cursor(rows[limit - 1].opened_index) if len(rows) > limit else None
    return ProposalPage(tuple(_line(row) for row in rows[:limit]), more)


def look_ahead(
    session: Session, rules: CompiledRules, actor: Actor, at: dt.datetime, days: int
) -> list[Shortfall]:
    """Return when expiring certificates would cost a quorum within `days`.

    Raises:
        Denied: no rule lets the actor read proposals.
    """
    rules.decide(actor, Permission.PROPOSAL_READ)
    days = max(1, min(days, MAX_FORECAST_DAYS))
    return forecast(load_state(session), at, at + dt.timedelta(days=days))


def _body(row: ProposalRow) -> Proposal:
    return read_statement(read_envelope(row.envelope), PROPOSAL, Proposal).body


def _line(row: ProposalRow) -> ProposalLine:
    kinds = tuple(str(a.__struct_config__.tag) for a in _body(row).actions)
    return ProposalLine(
        row.id, row.author, row.opened_at, Status(row.status), kinds, row.decided_at
    )


def _closed(row: ProposalRow) -> ProposalView:
    body = _body(row)
    decided = _decision(row)
    return ProposalView(
        id=row.id,
        author=row.author,
        opened_at=row.opened_at,
        status=Status(row.status),
        reason=body.reason,
        actions=body.actions,
        binds=tuple(Bound(name, digest, digest) for name, digest in sorted(body.binds.items())),
        reasons=decided.reasons if decided else (),
        seats=decided.seats if decided else (),
        dropped=decided.dropped if decided else (),
        decided_at=row.decided_at,
    )


def _decision(row: ProposalRow) -> Decision | None:
    if row.decision is None:
        return None
    return read_statement(read_envelope(row.decision), DECISION, Decision).body


def _cursor(index: int) -> str:
    return base64.urlsafe_b64encode(b"p%d" % index).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return int(data.removeprefix(b"p"))
    except (binascii.Error, ValueError) as error:
        raise CursorInvalid("the cursor was not given out for this list") from error
