"""Turns the lines of `transfers.csv` into signed transactions and sees them committed.

Lines are composed in order and sent in windows: a window holds one batch for each creator, and no
batch of it spends what another one of it creates. While a window is under way the next one is
composed. A server that goes away is waited for, and the same bytes are sent again: a TxID that
was committed gives the same receipt.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from governance.client.connection import Connection, Refused
from governance.demo.dataset import TransferRow
from governance.errors import LoadFailed, ServerUnreachable
from ledger.composition import Composer, Instruction, Signed, Wallet, WalletToken

MAX_BATCH = 200
"""Transactions in one request."""

PATIENCE = dt.timedelta(minutes=2)
"""How long a server that does not answer is waited for."""

PASSING = frozenset({429, 503})
"""Statuses of what may go well in a moment."""

PAUSE = 0.5
"""Seconds between two tries."""

JST = dt.timezone(dt.timedelta(hours=9))


class Party(msgspec.Struct, frozen=True):
    """One creator: how it composes, and how it reaches the server."""

    composer: Composer
    connection: Connection


class Loader:
    """Loads instructions in order.

    Args:
        parties: by member id.
        wallet: the tokens that may be spent now.
        issuer_info: what the tokens of a right say of its issuer, by right.
        advance: told how many more lines are committed.
    """

    def __init__(
        self,
        parties: Mapping[str, Party],
        wallet: Wallet,
        issuer_info: Mapping[str, str],
        advance: Callable[[int], None],
    ) -> None:
        self._parties = parties
        self._wallet = wallet
        self._issuer_info = issuer_info
        self._advance = advance
        self._window: dict[str, list[Signed]] = {}
        self._creators: dict[str, str] = {}
        self._day: dt.date | None = None
        self.first_spent: dict[str, WalletToken] = {}
        """The first token that was consumed, by the trade that did: to try it twice."""
        self._under_way: list[Future[int]] = []
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="loader")

    def load(self, rows: Iterable[TransferRow]) -> None:
        """Commit every row.

        Raises:
            LoadFailed: the network refused a line, or did not answer for two minutes.
        """
        with self._threads:
            for row in rows:
                self._compose(row)
            self._send()
            self._settle()

    def _compose(self, row: TransferRow) -> None:
        day = row.registered_at.astimezone(JST).date()
        if self._day != day:
            self._send()
            self._day = day
        instruction = Instruction(
            trade_id=row.trade_id,
            beneficial_right_id=row.beneficial_right_id,
            from_investor_id=row.from_investor_id,
            to_investor_id=row.to_investor_id,
            quantity=row.quantity,
            settlement_date=row.settlement_date,
            transfer_type=row.transfer_type,
            cancels_trade_id=row.cancels_trade_id,
            registered_at=row.registered_at,
            issuer_info=self._issuer_info[row.beneficial_right_id],
        )
        creator = row.registered_by
        signed = self._parties[creator].composer.execute(self._wallet, instruction)
        if signed.transaction.inputs and not self.first_spent:
            state = signed.transaction.inputs[0]
            token = WalletToken(state.txid, state.index, state.nonce, state.token)
            self.first_spent[row.trade_id] = token
        if self._must_wait(signed, creator, row):
            self._send()
        self._window.setdefault(creator, []).append(signed)
        self._creators[signed.txid] = creator
        self._creators["trade " + row.trade_id] = creator
        if len(self._window[creator]) >= MAX_BATCH:
            self._send()

    def _must_wait(self, signed: Signed, creator: str, row: TransferRow) -> bool:
        """Say whether this spends, or cancels, what another batch of this window creates."""
        needs = {state.txid for state in signed.transaction.inputs}
        if row.cancels_trade_id:
            needs.add("trade " + row.cancels_trade_id)
        return any(self._creators.get(need, creator) != creator for need in needs)

    def _send(self) -> None:
        self._settle()
        for creator, batch in self._window.items():
            self._under_way.append(self._threads.submit(self._commit, creator, batch))
        self._window, self._creators = {}, {}

    def _settle(self) -> None:
        for future in self._under_way:
            self._advance(future.result())
        self._under_way = []

    def _commit(self, creator: str, batch: list[Signed]) -> int:
        answer = self._post(creator, [msgspec.Raw(signed.data) for signed in batch])
        for signed, item in zip(batch, answer["items"], strict=True):
            if item.get("problem"):
                trade = signed.transaction.commands[0].trade_id
                raise LoadFailed(f"{trade} was refused: {item['problem']}")
        return len(batch)

    def _post(self, creator: str, items: list[msgspec.Raw]) -> Any:
        """Send a batch until the server has judged every item of it."""
        give_up = time.monotonic() + PATIENCE.total_seconds()
        connection = self._parties[creator].connection
        while True:
            try:
                answer = connection.post("/v1/ledger/transactions/batch", {"items": items})
                passing = [p for i in answer["items"] if _is_passing(p := i.get("problem"))]
                if not passing:
                    return answer
                failure: object = passing[0]["title"]
            except (ServerUnreachable, Refused) as error:
                if isinstance(error, Refused) and error.status not in PASSING:
                    raise LoadFailed(f"{creator}: {error}") from error
                failure = error
            if time.monotonic() > give_up:
                raise LoadFailed(f"{creator}: {failure}")
            time.sleep(PAUSE)


def _is_passing(problem: Any) -> bool:
    """Return whether a problem is of the moment: sent again, the item may well be committed."""
    return bool(problem) and problem["status"] in PASSING
