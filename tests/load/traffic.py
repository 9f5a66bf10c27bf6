"""Traffic on a network: customers pay each other without end, in batches, from several clients.

Each lane has customers of its own, so that no two lanes spend the same token. What the server does
not acknowledge is sent again, the same bytes, until it has judged them. Everything that it
acknowledged is remembered, and compared with the ledger and the log at the end.
"""

import datetime as dt
import secrets
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
import sqlalchemy as sa

from governance.audit import audit
from governance.client.connection import Connection, Refused
from governance.client.ledgering import load_wallet
from governance.errors import ServerUnreachable
from ledger.composition import Composer, Instruction, Signed, Wallet
from ledger.database import connect
from ledger.hashing import tagged_hash
from ledger.log.sources import UrlSource
from tests.http.network import Served

PASSING = frozenset({429, 503})
SPENDS_IT = "state-unknown"
"""What a payment meets that spends the change of an earlier one in its batch, when that failed."""

PAUSE = 0.2
"""Seconds before the same bytes are sent again."""

PATIENCE = 240.0
"""Seconds within which a batch is acknowledged, whatever is broken meanwhile."""

PUBLISHED = 30.0
"""Seconds after the traffic within which the log is published and whole."""

SETTLED_ON = dt.date(2025, 6, 2)


@dataclass(frozen=True)
class Acknowledged:
    """A payment for which the server gave a receipt."""

    txid: str
    log_index: int
    trade_id: str
    right: str
    giver: str
    taker: str


@dataclass
class Tally:
    """What one lane met."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    """Problem documents that asked to try again, by their names."""
    unreachable: int = 0
    waits: list[float] = field(default_factory=list)
    """Seconds of each request that brought receipts."""


class Lane(threading.Thread):
    """Two customers of one right who pay each other one unit at a time; the registrar sends.

    Args:
        connection: the registrar's, for this lane alone.
        composer: the registrar's.
        wallet: the tokens of the two.
        right: of what they pay.
        pair: their investor ids; the first holds something.
        batch: payments in one request.
        forgiven: names of problems that pass when the fault does, besides those that say so.
    """

    def __init__(
        self,
        connection: Connection,
        composer: Composer,
        wallet: Wallet,
        right: str,
        pair: tuple[str, str],
        batch: int,
        forgiven: Collection[str] = (),
    ) -> None:
        super().__init__(name=f"lane-{pair[0]}", daemon=True)
        self._connection, self._composer, self._wallet = connection, composer, wallet
        self._right, self._pair, self._batch = right, pair, batch
        self._forgiven = forgiven
        self._end = threading.Event()
        self.tally = Tally()
        self.failure: BaseException | None = None
        self._last: list[tuple[Signed, dict[str, Any]]] = []

    def run(self) -> None:
        """Pay until told to end."""
        try:
            while not self._end.is_set():
                self._pay()
            self._pay_again()
        except BaseException as error:  # noqa: BLE001 - whoever waits for this lane raises it
            self.failure = error

    def end(self) -> None:
        """Let the lane finish the batch that it is at; raise what stopped it earlier."""
        self._end.set()
        self.join(2 * PATIENCE)
        assert not self.is_alive(), f"{self.name} hangs"
        if self.failure is not None:
            raise self.failure

    def _pay_again(self) -> None:
        """Send the last payments once more: the same receipts, and nothing else, come back."""
        assert self._send([signed for signed, _ in self._last]) == [r for _, r in self._last]

    def _pay(self) -> None:
        giver, taker = self._pair
        if self._wallet.balance(self._right, giver) < self._batch:
            giver, taker = self._pair = taker, giver
        size = min(self._batch, self._wallet.balance(self._right, giver))
        payments = [self._compose(giver, taker) for _ in range(size)]
        receipts = self._send(payments)
        for signed, receipt in zip(payments, receipts, strict=True):
            trade = signed.transaction.commands[0].trade_id
            assert receipt["txid"] == signed.txid
            self.tally.acknowledged.append(
                Acknowledged(signed.txid, receipt["log_index"], trade, self._right, giver, taker)
            )
        self._last = list(zip(payments, receipts, strict=True))

    def _compose(self, giver: str, taker: str) -> Signed:
        return self._composer.execute(
            self._wallet,
            Instruction(
                trade_id="L-" + secrets.token_hex(8).upper(),
                beneficial_right_id=self._right,
                from_investor_id=giver,
                to_investor_id=taker,
                quantity=1,
                settlement_date=SETTLED_ON,
                transfer_type="transfer",
                cancels_trade_id="",
                registered_at=dt.datetime.now(dt.UTC).replace(microsecond=0),
            ),
        )

    def _send(self, payments: Sequence[Signed]) -> list[dict[str, Any]]:
        """Return a receipt for each payment, however often they have to be sent."""
        items = [msgspec.Raw(signed.data) for signed in payments]
        give_up = time.monotonic() + PATIENCE
        while True:
            started = time.perf_counter()
            with suppress(ServerUnreachable):
                found = self._try(items)
                if found is not None:
                    self.tally.waits.append(time.perf_counter() - started)
                    return found
                assert time.monotonic() < give_up, f"no receipt: {self.tally.problems}"
                time.sleep(PAUSE)
                continue
            self.tally.unreachable += 1
            assert time.monotonic() < give_up, "the server does not come back"
            time.sleep(PAUSE)

    def _try(self, items: Sequence[msgspec.Raw]) -> list[dict[str, Any]] | None:
        """Return the receipts, or None if something asked to try again."""
        try:
            answer = self._connection.post("/v1/ledger/transactions/batch", {"items": items})
        except Refused as refusal:
            self._forgive(refusal.status, refusal.slug, refusal.problem)
            return None
        problems = [item["problem"] for item in answer["items"] if item.get("problem")]
        earlier = False
        for problem in problems:
            name = str(problem["type"]).rpartition(":")[2]
            if not (earlier and name == SPENDS_IT):
                self._forgive(problem["status"], name, problem)
            earlier = True
        return None if problems else [item["receipt"] for item in answer["items"]]

    def _forgive(self, status: int, name: str, problem: object) -> None:
        """Count a problem that passes; any other is a failure of the lane."""
        assert status in PASSING or name in self._forgiven, problem
        assert name, f"no problem document: {problem}"
        self.tally.problems[name] += 1


class Traffic:
    """Every lane of a network; a context manager.

    Args:
        served: the network, some transfers committed.
        lanes: how many lanes at most.
        batch: payments in one request.
        forgiven: as for `Lane`.
    """

    def __init__(
        self, served: Served, lanes: int = 4, batch: int = 10, forgiven: Collection[str] = ()
    ) -> None:
        self._served = served
        self._before = holdings(served)
        data = served.scenario.data
        registrars = {r.beneficial_right_id: r.registrar_member_id for r in data.rights}
        self._connections: list[Connection] = []
        self.lanes: list[Lane] = []
        for right, pair in disjoint_pairs(self._before, lanes):
            member = served.member(registrars[right])
            connection = Connection(served.settings.url, member.own_folder())
            self._connections.append(connection)
            wallet = Wallet()
            for investor in pair:
                load_wallet(connection, wallet, right, investor)
            composer = served.scenario.composer(registrars[right])
            self.lanes.append(Lane(connection, composer, wallet, right, pair, batch, forgiven))

    def __enter__(self) -> Self:
        """Start every lane, and return itself."""
        assert self.lanes
        for lane in self.lanes:
            lane.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End every lane and close its connection."""
        try:
            for lane in self.lanes:
                lane.end()
        finally:
            for connection in self._connections:
                connection.close()

    @property
    def acknowledged(self) -> list[Acknowledged]:
        """What was acknowledged so far."""
        return [found for lane in self.lanes for found in lane.tally.acknowledged]

    @property
    def problems(self) -> Counter[str]:
        """The problems that asked to try again, by name."""
        return sum((lane.tally.problems for lane in self.lanes), Counter())

    @property
    def waits(self) -> list[float]:
        """How long each request took that brought receipts, in seconds."""
        return [wait for lane in self.lanes for wait in lane.tally.waits]

    def check(self) -> int:
        """Compare what was acknowledged with the ledger and the log; return how many payments.

        Raises:
            AssertionError: something is lost, or happened twice, or the log does not hold it.
        """
        found = self.acknowledged
        assert found
        self._check_ledger(found)
        expected = Counter(self._before)
        for payment in found:
            expected[payment.right, payment.giver] -= 1
            expected[payment.right, payment.taker] += 1
        now = holdings(self._served)
        assert now == {place: quantity for place, quantity in expected.items() if quantity}
        self._check_log()
        return len(found)

    def _check_ledger(self, found: Sequence[Acknowledged]) -> None:
        engine = connect(self._served.settings.database)
        with engine.connect() as connection:
            stored = {
                bytes(txid).hex(): (index, bytes(data))
                for txid, index, data in connection.execute(
                    sa.text(
                        "SELECT t.txid, t.log_index, e.data FROM ledger_transaction t"
                        " JOIN log_entries e ON e.entry_index = t.log_index"
                    )
                )
            }
            trades = Counter(
                connection.scalars(
                    sa.text("SELECT trade_id FROM ledger_transfer WHERE trade_id LIKE 'L-%'")
                )
            )
        engine.dispose()
        for payment in found:
            index, entry = stored[payment.txid]
            assert index == payment.log_index
            assert tagged_hash("log/transaction", bytes.fromhex(payment.txid)).hex().encode() in (
                entry
            )
            assert trades[payment.trade_id] == 1
        assert len(found) == len({payment.txid for payment in found})

    def _check_log(self) -> None:
        """Audit the published log, once it covers every transaction of the database."""
        engine = connect(self._served.settings.database)
        with engine.connect() as connection:
            count = sa.text("SELECT count(*) FROM ledger_transaction")
            committed = connection.scalar(count)
        engine.dispose()
        give_up = time.monotonic() + PUBLISHED
        while True:
            source = UrlSource(f"{self._served.settings.url}/log", self._served.http)
            logged = audit(source, self._served.scenario.anchors).kinds["transaction"]
            if logged == committed:
                return
            assert time.monotonic() < give_up, f"{committed} committed, {logged} published"
            time.sleep(PAUSE)


def holdings(served: Served) -> dict[tuple[str, str], int]:
    """Return who holds how much of which right, as the ledger's tokens say."""
    engine = connect(served.settings.database)
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT token_id, investor_id, sum(quantity) FROM ledger_unspent"
                " GROUP BY token_id, investor_id"
            )
        )
        found = {(right, investor): int(quantity) for right, investor, quantity in rows}
    engine.dispose()
    return found


def disjoint_pairs(
    held: dict[tuple[str, str], int], most: int
) -> list[tuple[str, tuple[str, str]]]:
    """Return pairs of a right's holders, richest first, nobody in two of them."""
    pairs: list[tuple[str, tuple[str, str]]] = []
    used: set[tuple[str, str]] = set()
    rich = sorted(held, key=lambda place: -held[place])
    for right, giver in rich:
        taker = next((i for r, i in rich if r == right and i != giver and (r, i) not in used), None)
        if (right, giver) in used or taker is None or len(pairs) == most:
            continue
        used |= {(right, giver), (right, taker)}
        pairs.append((right, (giver, taker)))
    return pairs
