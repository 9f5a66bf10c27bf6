"""Transactions of several rights and owners, judged by shipped contracts in the real sandbox."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.engine import Engine

from contracts.sandbox.pool import Sandboxed
from contracts.sandbox.pools import Approved, Pools, SandboxVerifier
from contracts.sandbox.runtime import Runtime
from ledger import errors as e
from ledger import queries
from ledger.components import Token, Transfer
from ledger.composition import Signed, WalletToken
from ledger.database import reading
from ledger.gateway import Gateway
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Asked, Reader, When
from ledger.verification import ContractVersion
from tests.ledger.network import CONTRACT, TestNetwork, standard
from tests.sandbox.conftest import runtime

__all__ = ("runtime",)  # a fixture

SHIPPED = Path(__file__).parents[2] / "contracts" / "shipped"
GATEWAY = Gateway(Pseudonyms(b"s" * 32))


@pytest.fixture
def network(engine: Engine, runtime: Runtime, request: pytest.FixtureRequest) -> Iterator:
    """The standard network, whose rights are bound to the shipped contract that a test names."""
    source = (SHIPPED / request.param / "contract.py").read_text(encoding="utf-8")
    pools = Pools({runtime.id: runtime}.get, size=2)
    pools.prepare(runtime.id)
    approved = Approved(runtime.id, Sandboxed(source))
    version = ContractVersion(CONTRACT.name, CONTRACT.version, CONTRACT.digest)
    made = standard(engine)
    verifier = SandboxVerifier(pools, {version: approved}.__getitem__)
    msgspec.structs.force_setattr(made.judges, "verifier", verifier)
    yield made
    made.submissions.close()
    pools.close()


def held(network: TestNetwork) -> dict[str, dict[str, int]]:
    found = {}
    for right, registrar in (("BR001", "trust-a"), ("BR002", "trust-b")):
        with reading(network.engine) as session:
            reader = Reader(session, GATEWAY, network.rules, network.actor(registrar))
            register = queries.read_register(reader, right, When(), Asked())
            tokens = queries.list_tokens(reader, Asked({"token_id": right})).items
        found[right] = {line.investor_id: line.quantity for line in register.items}
        assert sum(token.quantity for token in tokens) == register.total
    return found


def command(
    network: TestNetwork, right: str, source: str, target: str, quantity: int, **more: str
) -> Transfer:
    return network.composer("custody-a")._transfer(
        network.instruction(right, source, target, quantity, **more)
    )


def take(network: TestNetwork, right: str, investor: str, quantity: int) -> list[WalletToken]:
    return network.wallet.take(right, investor, quantity)


def sign(
    network: TestNetwork, tokens: list[WalletToken], outputs: list[Token], commands: list[Transfer]
) -> Signed:
    return network.composer("custody-a").sign(tokens, outputs, commands)


@pytest.mark.parametrize("network", ["beneficial_right"], indirect=True)
def test_many_inputs_outputs_rights_and_owners(network: TestNetwork) -> None:
    """Three owners give up five tokens of two rights, and get six: in one transaction."""
    for quantity in (10, 20, 30):
        network.do("trust-a", "BR001", "", "INV001", quantity)
    network.do("trust-a", "BR001", "", "INV002", 7)
    network.do("trust-b", "BR002", "", "INV002", 500)
    network.do("trust-b", "BR002", "", "INV003", 90)
    tokens = [
        *take(network, "BR001", "INV001", 60),
        *take(network, "BR001", "INV002", 7),
        *take(network, "BR002", "INV002", 500),
    ]
    assert len(tokens) == 5
    outputs = [
        Token("BR001", "INV002", 25, "TC-1"),
        Token("BR001", "INV003", 15, "TC-1"),
        Token("BR001", "INV001", 20, "TC-1"),
        Token("BR001", "INV004", 7, "TC-1"),
        Token("BR002", "INV001", 120, "TC-1"),
        Token("BR002", "INV002", 380, "TC-1"),
    ]
    commands = [
        command(network, "BR001", "INV001", "INV002", 25),
        command(network, "BR001", "INV001", "INV003", 15),
        command(network, "BR001", "INV002", "INV004", 7),
        command(network, "BR002", "INV002", "INV001", 120),
    ]
    signed = sign(network, tokens, outputs, commands)
    receipt = network.submit("custody-a", signed.data)
    assert [s.by for s in receipt.attestations.registrars] == ["trust-a", "trust-b"]
    after = {
        "BR001": {"INV001": 20, "INV002": 25, "INV003": 15, "INV004": 7},
        "BR002": {"INV001": 120, "INV002": 380, "INV003": 90},
    }
    assert held(network) == after
    network.wallet.move(signed.transaction)
    short = [msgspec.structs.replace(outputs[0], quantity=24)]
    tokens = take(network, "BR001", "INV002", 25)
    wrong = sign(network, tokens, short, [command(network, "BR001", "INV002", "INV001", 25)])
    with pytest.raises(e.ContractRejected):
        network.submit("custody-a", wrong.data)
    assert held(network) == after


@pytest.mark.parametrize("network", ["delivery_versus_payment"], indirect=True)
def test_delivery_versus_payment(network: TestNetwork) -> None:
    """A security of one registrar against money of another: both legs, or neither."""
    security, money = {"kind": "security"}, {"kind": "money"}
    issue(network, "trust-a", Token("BR001", "INV001", 100, "TC-1", security))
    issue(network, "trust-b", Token("BR002", "INV002", 5_000, "TC-1", money))
    bonds = take(network, "BR001", "INV001", 100)
    cash = take(network, "BR002", "INV002", 5_000)
    delivery = command(network, "BR001", "INV001", "INV002", 40, transfer_type="delivery")
    payment = command(network, "BR002", "INV002", "INV001", 4_000, transfer_type="payment")
    delivery = msgspec.structs.replace(
        delivery, terms={"against": payment.trade_id, "price": 4_000}
    )
    payment = msgspec.structs.replace(payment, terms={"against": delivery.trade_id})
    moved = [
        Token("BR001", "INV002", 40, "TC-1", security),
        Token("BR001", "INV001", 60, "TC-1", security),
    ]
    paid = [
        Token("BR002", "INV001", 4_000, "TC-1", money),
        Token("BR002", "INV002", 1_000, "TC-1", money),
    ]
    unpaid = sign(network, bonds, moved, [delivery])
    with pytest.raises(e.ContractRejected) as refused:
        network.submit("custody-a", unpaid.data)
    assert refused.value.code == "E_UNPAID"
    both = sign(network, [*bonds, *cash], [*moved, *paid], [delivery, payment])
    network.submit("custody-a", both.data)
    assert held(network) == {
        "BR001": {"INV001": 60, "INV002": 40},
        "BR002": {"INV001": 4_000, "INV002": 1_000},
    }


def issue(network: TestNetwork, registrar: str, token: Token) -> None:
    composer = network.composer(registrar)
    order = network.instruction(token.token_id, "", token.investor_id, token.quantity)
    signed = composer.sign([], [token], [composer._transfer(order)])
    network.submit(registrar, signed.data)
    network.wallet.move(signed.transaction)
