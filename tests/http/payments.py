"""Payments between customers of the network, in parts, so that a test can spoil any of them."""

import dataclasses
import datetime as dt
import secrets
from collections.abc import Callable

from governance.client.ledgering import load_wallet
from ledger.components import Token, Transfer
from ledger.composition import Composer, Signed, Wallet, WalletToken
from ledger.statements import Signer
from tests.http.network import Served

PATH = "/v1/ledger/transactions"


@dataclasses.dataclass(frozen=True)
class Payment:
    """One unit from one investor to another, not signed yet."""

    creator: str
    composer: Composer
    taken: list[WalletToken]
    outputs: list[Token]
    command: Transfer

    def signed(self) -> Signed:
        return self.composer.sign(self.taken, self.outputs, [self.command])


def payment(served: Served, accounts: Callable[[str], Signer] | None = None) -> Payment:
    """Return a payment that would be committed as it is; `accounts` signs instead of the owners."""
    data = served.scenario.data
    registered_by = {row.registered_by for row in data.transfers if row.from_investor_id}
    right = data.rights[0].beneficial_right_id
    for investor in data.investors:
        if investor.custodian_id not in registered_by:
            continue
        wallet = Wallet()
        load_wallet(served.member(investor.custodian_id), wallet, right, investor.investor_id)
        if wallet.balance(right, investor.investor_id):
            break
    else:
        raise AssertionError("no customer holds anything")
    creator, giver = investor.custodian_id, investor.investor_id
    taker = next(i.investor_id for i in data.investors if i.investor_id != giver)
    taken = wallet.take(right, giver, 1)
    info, held = taken[0].token.issuer_info, sum(t.token.quantity for t in taken)
    outputs = [Token(right, taker, 1, info)]
    if held > 1:
        outputs.append(Token(right, giver, held - 1, info))
    command = Transfer(
        trade_id="T-" + secrets.token_hex(8).upper(),
        transfer_creator_id=creator,
        beneficial_right_id=right,
        from_investor_id=giver,
        to_investor_id=taker,
        quantity=1,
        settlement_date=dt.date(2025, 6, 2),
        transfer_type="transfer",
        cancels_trade_id="",
        registered_at=dt.datetime.now(dt.UTC).replace(microsecond=0),
        registered_by=creator,
    )
    composer = served.scenario.composer(creator)
    if accounts is not None:
        composer._accounts = accounts
    return Payment(creator, composer, taken, outputs, command)
