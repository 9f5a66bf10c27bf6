"""Random ledgers, written straight into the tables, and what is true of each row in plain words.

What a row is named by (`Fact.named`) is worked out from who kept, managed or held what when it came
about, never from SQL: the other side of the differential tests.
"""

import datetime as dt
import random
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger import scopes
from ledger.database import writing
from ledger.gateway import STAMP
from ledger.tables import (
    AccountKeyRow,
    ChangeRow,
    CustodyRow,
    HoldingRow,
    NullifierRow,
    RightRow,
    SessionRow,
    TransferControlRow,
    TransferRow,
    UnspentRow,
)
from ledger.visible import View

MEMBERS = ("m-a", "m-b", "m-c", "m-d")
INVESTORS = ("INV1", "INV2", "INV3", "INV4")
RIGHTS = ("BR1", "BR2", "BR3")
DEALS = 40
AT = dt.datetime(2025, 4, 1, tzinfo=dt.UTC)
EVERYBODY = frozenset(MEMBERS)
TABLES = (
    TransferRow, UnspentRow, ChangeRow, HoldingRow, AccountKeyRow, CustodyRow, NullifierRow,
    SessionRow, TransferControlRow, RightRow,
)  # fmt: skip


class Fact(msgspec.Struct, frozen=True):
    """One row: its place in the list, its values, whom each arm names, and its transaction."""

    place: Any
    values: dict[str, Any]
    named: dict[str, frozenset[str]]
    txid: bytes | None = None


class Right(msgspec.Struct, frozen=True):
    """A right: who keeps its register, whose product it is, which control it is under."""

    id: str
    registrar: str
    fundraiser: str
    manager: str
    control: str


class Period(msgspec.Struct):
    """Custody of an investor, from one moment until before another, if it ended."""

    investor: str
    start: int
    custodian: str
    holder: str
    end: int | None = None


class Deal(msgspec.Struct, frozen=True):
    """A transfer, at the moment `n`."""

    n: int
    right: str
    giver: str
    taker: str
    quantity: int


VIEWS: dict[str, View] = {
    "transfer": scopes.TRANSFERS,
    "transaction": scopes.TRANSACTIONS,
    "token": scopes.TOKENS,
    "beneficial_right": scopes.RIGHTS,
    "register": scopes.REGISTERS,
    "transfer_control": scopes.CONTROLS,
    "market_session": scopes.SESSIONS,
    "custody": scopes.CUSTODY,
    "account_key": scopes.ACCOUNT_KEYS,
    "holding": scopes.HOLDINGS,
    "change": scopes.CHANGES,
    "uniqueness": scopes.UNIQUENESS,
}
"""Every view by a name of its own."""


class World:
    """What happened, moment after moment."""

    def __init__(self, rnd: random.Random) -> None:
        members = [rnd.choice(MEMBERS) for _ in range(3 * len(RIGHTS))]
        self.rights = {
            name: Right(name, *members[3 * i : 3 * i + 3], f"CTL{i % 2}-{members[3 * i]}")
            for i, name in enumerate(RIGHTS)
        }
        self.periods = [
            Period(name, 1, rnd.choice(MEMBERS), rnd.choice(MEMBERS)) for name in INVESTORS
        ]
        self.deals: list[Deal] = []
        for n in range(2, DEALS + 2):
            if rnd.random() < 0.2:
                self._move(rnd, rnd.choice(INVESTORS), n)
            giver, taker = rnd.choice(("", *INVESTORS)), rnd.choice(("", *INVESTORS))
            if giver != taker:
                self.deals.append(Deal(n, rnd.choice(RIGHTS), giver, taker, rnd.randrange(1, 5)))
        self.kept = {deal.n for deal in self.deals if deal.taker and rnd.random() < 0.6}
        self.keys = [p for p in self.periods if rnd.random() < 0.8]
        self.sessions = [(n, rnd.choice(("open", "closed"))) for n in (3, 9, 27)]

    def _move(self, rnd: random.Random, investor: str, n: int) -> None:
        last = [p for p in self.periods if p.investor == investor][-1]
        if last.start < n:
            last.end = n
            self.periods.append(Period(investor, n, rnd.choice(MEMBERS), rnd.choice(MEMBERS)))

    def manager(self, investor: str, n: int | None) -> tuple[str, str]:
        """Return custodian and holder of an investor when moment `n` came about; None: now."""
        for p in self.periods:
            now = p.end is None if n is None else p.start <= n and (p.end is None or n < p.end)
            if p.investor == investor and now:
                return p.custodian, p.holder
        return "", ""

    def facts(self, name: str) -> list[Fact]:
        """Return every row of a view, in the view's order."""
        found: list[Fact] = getattr(self, f"_{name}")()
        return sorted(found, key=lambda fact: fact.place)

    def _sides(self, deal: Deal) -> dict[str, frozenset[str]]:
        givers, takers = (self.manager(i, deal.n) for i in (deal.giver, deal.taker))
        return {
            "own_register": frozenset({self.rights[deal.right].registrar}),
            "managed_customers.from": frozenset({givers[0]}),
            "managed_customers.to": frozenset({takers[0]}),
            "own_customers.from": frozenset({givers[1]}),
            "own_customers.to": frozenset({takers[1]}),
        }

    def _transfer(self) -> list[Fact]:
        return [
            Fact(
                -d.n,
                {
                    "trade_id": f"TRD{d.n}", "beneficial_right_id": d.right,
                    "from_investor_id": d.giver, "to_investor_id": d.taker,
                    "quantity": d.quantity,
                },
                self._sides(d),
                txid(d.n),
            )
            for d in self.deals
        ]  # fmt: skip

    def _transaction(self) -> list[Fact]:
        facts = []
        for deal in self.deals:
            sides = self._sides(deal)
            named = {
                "own_register": sides["own_register"],
                "managed_customers": sides["managed_customers.from"]
                | sides["managed_customers.to"],
                "own_customers": sides["own_customers.from"] | sides["own_customers.to"],
            }
            facts.append(Fact(deal.n, {"txid": txid(deal.n)}, named))
        return facts

    def _held_by(self, right: str, investor: str, n: int | None) -> dict[str, frozenset[str]]:
        custodian, holder = self.manager(investor, n)
        return {
            "own_register": frozenset({self.rights[right].registrar}),
            "managed_customers": frozenset({custodian}),
            "own_customers": frozenset({holder}),
        }

    def _token(self) -> list[Fact]:
        return [
            Fact(
                d.n,
                {"token_id": d.right, "investor_id": d.taker, "quantity": d.quantity},
                self._held_by(d.right, d.taker, None),
                txid(d.n),
            )
            for d in self.deals
            if d.n in self.kept
        ]

    def _beneficial_right(self) -> list[Fact]:
        return [
            Fact(
                r.id,
                {"beneficial_right_id": r.id, "registrar_id": r.registrar},
                {
                    "own_register": frozenset({r.registrar}),
                    "own_products": frozenset({r.fundraiser, r.manager}),
                    "everything": EVERYBODY,
                },
            )
            for r in self.rights.values()
        ]

    def _register(self) -> list[Fact]:
        return [
            Fact(f.place, {"beneficial_right_id": f.place}, f.named)
            for f in self._beneficial_right()
        ]

    def _transfer_control(self) -> list[Fact]:
        return [
            Fact(
                (r.control, r.id),
                {"transfer_control_id": r.control, "beneficial_right_id": r.id},
                {"own_register": frozenset({r.registrar}), "everything": EVERYBODY},
            )
            for r in self.rights.values()
        ]

    def _market_session(self) -> list[Fact]:
        return [
            Fact(-n, {"session_status": status}, {"everything": EVERYBODY})
            for n, status in self.sessions
        ]

    def _custody(self) -> list[Fact]:
        return [
            Fact(
                (p.investor, p.start),
                {
                    "investor_id": p.investor, "custodian_id": p.custodian,
                    "custody_holder_id": p.holder,
                },
                {
                    "managed_customers": frozenset({p.custodian}),
                    "own_customers": frozenset({p.holder}),
                },
            )
            for p in self.periods
        ]  # fmt: skip

    def _account_key(self) -> list[Fact]:
        holds = {investor: self.holdings(investor) for investor in INVESTORS}
        return [
            Fact(
                (p.investor, p.start),
                {"investor_id": p.investor, "public_key": key_of(p)},
                {
                    "own_register": frozenset(self.rights[r].registrar for r in holds[p.investor]),
                    "managed_customers": frozenset({p.custodian}),
                    "own_customers": frozenset({p.holder}),
                },
            )
            for p in self.keys
        ]

    def holdings(self, investor: str) -> dict[str, int]:
        """Return what an investor was ever given of which right."""
        held: dict[str, int] = {}
        for deal in self.deals:
            if deal.taker == investor:
                held[deal.right] = held.get(deal.right, 0) + deal.quantity
        return held

    def _holding(self) -> list[Fact]:
        return [
            Fact(
                (investor, right),
                {"investor_id": investor, "beneficial_right_id": right, "quantity": quantity},
                self._held_by(right, investor, None),
            )
            for investor in INVESTORS
            for right, quantity in self.holdings(investor).items()
        ]

    def _change(self) -> list[Fact]:
        return [
            Fact(
                (d.n, d.right, d.n),
                {
                    "investor_id": d.taker, "beneficial_right_id": d.right,
                    "quantity": d.quantity,
                },
                self._held_by(d.right, d.taker, d.n),
            )
            for d in self.deals
            if d.taker
        ]  # fmt: skip

    def _uniqueness(self) -> list[Fact]:
        return [
            Fact(
                txid(d.n),
                {"nullifier": txid(d.n), "txid": txid(d.n)},
                {"uniqueness_only": EVERYBODY},
            )
            for d in self.deals
        ]

    def write(self, engine: Engine) -> None:
        """Replace what the tables hold."""
        with writing(engine) as session:
            for table in TABLES:
                session.execute(sa.delete(table), execution_options=STAMP)
            for table, rows in self._rows().items():
                session.execute(sa.insert(table), rows, execution_options=STAMP)

    def _rows(self) -> dict[Any, list[dict[str, Any]]]:
        changes = [d for d in self.deals if d.taker]
        return {
            RightRow: [right_row(r) for r in self.rights.values()],
            TransferControlRow: [
                {"transfer_control_id": c, "registrar": r, "transfer_allowed": True, "log_index": 1}
                for c, r in dict.fromkeys((r.control, r.registrar) for r in self.rights.values())
            ],
            SessionRow: [
                {"log_index": n, "session_status": status, "set_by": "m-a", "set_at": AT}
                for n, status in self.sessions
            ],
            CustodyRow: [custody_row(p) for p in self.periods],
            AccountKeyRow: [
                {**relation_row(p), "public_key": key_of(p), "key_id": str(p.start)}
                for p in self.keys
            ],
            TransferRow: [self._transfer_row(d) for d in self.deals],
            UnspentRow: [self._unspent_row(d) for d in self.deals if d.n in self.kept],
            HoldingRow: [dict(f.values) for f in self._holding()],
            ChangeRow: [
                {
                    "beneficial_right_id": d.right, "change": d.n, "investor_id": d.taker,
                    "delta": d.quantity, "quantity": d.quantity, "effective_at": AT,
                    "registered_at": AT, "log_index": 2 * d.n,
                    "registrar": self.rights[d.right].registrar,
                }
                for d in changes
            ],
            NullifierRow: [
                {"nullifier": txid(d.n), "txid": txid(d.n), "attested_at": AT} for d in self.deals
            ],
        }  # fmt: skip

    def _transfer_row(self, deal: Deal) -> dict[str, Any]:
        givers, takers = (self.manager(i, deal.n) for i in (deal.giver, deal.taker))
        right = self.rights[deal.right]
        return {
            "row_id": deal.n, "transfer_txid": txid(deal.n), "command_index": 0,
            "trade_id": f"TRD{deal.n}", "token_txid": txid(deal.n),
            "transfer_creator_id": "m-a", "beneficial_right_id": deal.right,
            "from_investor_id": deal.giver, "to_investor_id": deal.taker,
            "quantity": deal.quantity, "settlement_date": AT.date(), "transfer_type": "transfer",
            "cancels_trade_id": "", "registered_at": AT, "registered_by": "m-a", "terms": b"{}",
            "cancels_row": None, "registrar": right.registrar, "from_custodian": givers[0],
            "to_custodian": takers[0], "from_holder": givers[1], "to_holder": takers[1],
            "fundraiser": right.fundraiser, "asset_manager": right.manager,
        }  # fmt: skip

    def _unspent_row(self, deal: Deal) -> dict[str, Any]:
        right = self.rights[deal.right]
        custodian, holder = self.manager(deal.taker, None)
        return {
            "row_id": deal.n, "token_txid": txid(deal.n), "output_index": 0,
            "token_id": deal.right, "investor_id": deal.taker, "quantity": deal.quantity,
            "issuer_info": "", "component": b'{"terms":{}}', "nonce": txid(deal.n),
            "registrar": right.registrar, "custodian": custodian, "holder": holder,
            "fundraiser": right.fundraiser, "asset_manager": right.manager,
        }  # fmt: skip


def txid(n: int) -> bytes:
    """Return the hash of the transaction of moment `n`."""
    return n.to_bytes(32, "big")


def key_of(period: Period) -> bytes:
    """Return the account key of a period of custody."""
    return f"{period.investor} {period.start}".encode()


def relation_row(period: Period) -> dict[str, Any]:
    """Return the columns that custody and account keys share."""
    return {
        "investor_id": period.investor, "from_index": period.start,
        "custodian": period.custodian, "holder": period.holder, "valid_from": AT,
        "valid_until": None, "until_index": period.end,
    }  # fmt: skip


def custody_row(period: Period) -> dict[str, Any]:
    """Return a row of custody: what it says is logged between two moments."""
    until = None if period.end is None else 2 * period.end - 1
    ends = {"from_index": 2 * period.start - 1, "until_index": until, "released_to": ""}
    return {**relation_row(period), **ends}


def right_row(right: Right) -> dict[str, Any]:
    """Return a row of a right."""
    return {
        "beneficial_right_id": right.id, "beneficial_right_name": right.id,
        "beneficial_right_type": "real_estate", "registrar": right.registrar,
        "fundraiser": right.fundraiser, "asset_manager": right.manager, "contract": "c",
        "transfer_control_id": right.control, "issuer_info": "", "established_quantity": 1_000,
        "established_on": None, "record_date_1": "", "record_date_2": "", "redemption_date": None,
        "issued_quantity": 0, "outstanding_quantity": 0, "changes": 0, "snapshot_change": 0,
        "snapshot_holders": 0, "effective_at": AT, "log_index": 1,
    }  # fmt: skip
