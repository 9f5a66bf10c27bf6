"""What a write tells: a refusal is the same for what is hidden and for what is not there."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy.engine import Engine

from ledger import declarations as d
from ledger.components import Token
from ledger.composition import WalletToken
from ledger.errors import LedgerError, StateAltered, StateUnknown
from tests.ledger.network import TestNetwork, standard
from tests.ledger.test_gateway import hidden_world

ABSENT = "ab" * 32


@pytest.fixture
def network(engine: Engine) -> Iterator[TestNetwork]:
    network = standard(engine)
    network.do("trust-a", "BR001", "", "INV001", 100)
    network.do("custody-a", "BR001", "INV001", "INV003", 30)
    hidden_world(network)
    yield network
    network.submissions.close()


def refusal(act: Callable[[], Any], *names: str) -> tuple[str, str]:
    """Return the refusal's class and text, without the names that were asked about."""
    with pytest.raises(LedgerError) as caught:
        act()
    text = f"{caught.value} {getattr(caught.value, 'faults', ())}"
    for name in names:
        text = text.replace(name, "NAME")
    return type(caught.value).__name__, text


def cancel(network: TestNetwork, trade: str) -> Callable[[], Any]:
    """Return an attempt that leaves the wallet as it was."""
    instruction = network.instruction(
        "BR001", "INV001", "INV002", 1, transfer_type="cancel", cancels_trade_id=trade
    )
    signed = network.composer("custody-a").execute(copy.deepcopy(network.wallet), instruction)
    return lambda: network.submit("custody-a", signed.data)


PAIRS: dict[str, Callable[[TestNetwork, str], Callable[[], Any]]] = {
    "a trade to be cancelled": lambda n, name: cancel(n, f"TRD-{name}"),
    "account keys of a customer": lambda n, name: lambda: n.new_keys("custody-a", f"INV-{name}"),
    "release of a customer": lambda n, name: (
        lambda: n.say("custody-a", d.RELEASE_KIND, d.CustodyReleased((f"INV-{name}",), "custody-b"))
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_hidden_and_absent_are_refused_alike(network: TestNetwork, name: str) -> None:
    hidden, absent = (refusal(PAIRS[name](network, which), which) for which in ("HIDDEN", "ABSENT"))
    assert hidden == absent


def test_a_control_of_another_registrar_and_none_are_refused_alike(network: TestNetwork) -> None:
    def control(name: str) -> Callable[[], Any]:
        body = d.TransferControl(name, transfer_allowed=False)
        return lambda: network.say("trust-a", d.CONTROL_KIND, body)

    hidden, absent = (refusal(control(name), name) for name in ("CTL-BR002", "CTL-BR999"))
    assert hidden == absent


def test_a_trade_id_of_another_creator_is_free(network: TestNetwork) -> None:
    receipt = network.do("custody-a", "BR001", "INV001", "INV002", 1, trade_id="TRD-HIDDEN")
    assert receipt.txid
    known = refusal(
        lambda: network.do("custody-a", "BR001", "INV001", "INV002", 1, trade_id="TRD-HIDDEN")
    )
    assert known[0] == "TradeRepeated"


def probe(network: TestNetwork, held: WalletToken, owner: str) -> tuple[str, str]:
    """Let custody-a describe a token as its own customer's, and spend it."""
    claimed = msgspec.structs.replace(held, token=replace_owner(held.token, owner))
    composer = network.composer("custody-a")
    instruction = network.instruction("BR001", owner, "INV002", 1)
    outputs = [Token("BR001", "INV002", held.token.quantity, held.token.issuer_info)]
    signed = composer.sign([claimed], outputs, [composer._transfer(instruction)])
    return refusal(lambda: network.submit("custody-a", signed.data), held.txid)


def replace_owner(token: Token, owner: str) -> Token:
    return msgspec.structs.replace(token, investor_id=owner)


def test_who_made_a_token_does_not_learn_whether_it_was_spent(network: TestNetwork) -> None:
    """The creator of a transfer knows all of the receiver's token, its nonce too."""
    (held,) = network.wallet._tokens["BR001", "INV003"].values()
    before = probe(network, held, "INV001")
    assert before[0] == StateUnknown.__name__
    network.do("direct-a", "BR001", "INV003", "INV004", 30)
    assert probe(network, held, "INV001") == before
    absent = msgspec.structs.replace(held, txid=ABSENT)
    assert probe(network, absent, "INV001") == before


def test_the_owner_learns_what_is_wrong_with_its_token(network: TestNetwork) -> None:
    held = next(iter(network.wallet._tokens["BR001", "INV001"].values()))
    more = msgspec.structs.replace(
        held, token=msgspec.structs.replace(held.token, quantity=held.token.quantity + 1)
    )
    assert probe(network, more, "INV001")[0] == StateAltered.__name__
