"""Random lives of a ledger: quantity is conserved, nothing moves without its owner."""

import itertools
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger import declarations as d
from ledger import errors as e
from ledger import queries
from ledger.composition import encode_submission
from ledger.database import Base, connect, protect_append_only, reading
from ledger.gateway import Gateway
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Asked, Reader, When
from ledger.signatures import sign_transaction
from tests.ledger.network import new_signer, standard

INVESTORS = ("INV001", "INV002", "INV003", "INV004")
CUSTODIANS = dict(zip(INVESTORS, ("custody-a", "custody-a", "direct-a", "direct-a"), strict=True))
GATEWAY = Gateway(Pseudonyms(b"s" * 32))
investors = st.sampled_from(INVESTORS)
quantities = st.integers(1, 60)
counter = itertools.count()


class LedgerLife(RuleBasedStateMachine):
    """Drives the real pipeline beside a model that only counts."""

    url = ""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "ledger.sqlite"
        self.engine = connect(self.url or f"sqlite:///{path}")
        with self.engine.begin() as connection:
            Base.metadata.drop_all(connection)
            Base.metadata.create_all(connection)
            protect_append_only(connection)
        self.network = standard(self.engine)
        self.model: Counter = Counter()
        self.trades: list[tuple[str, str, str, int]] = []
        self.cancelled: set[str] = set()
        self.open, self.allowed = True, True
        self.history: list[tuple[int, dict]] = []

    def teardown(self) -> None:
        if hasattr(self, "network"):
            self.network.submissions.close()
            self.engine.dispose()
            self.folder.cleanup()

    def attempt(self, creator: str, source: str, target: str, quantity: int, **more: str) -> bool:
        """Try it; say whether it was committed, which it must be if and only if the model says."""
        wallet = self.network.wallet
        kept = {key: dict(tokens) for key, tokens in wallet._tokens.items()}
        try:
            receipt = self.network.do(creator, "BR001", source, target, quantity, **more)
        except e.LedgerError as error:
            wallet._tokens.clear()
            wallet._tokens.update(kept)
            self.why = error
            return False
        self.model[source] -= quantity if source else 0
        self.model[target] += quantity if target else 0
        state = {i: self.model[i] for i in INVESTORS if self.model[i]}
        self.history.append((receipt.log_index, state))
        return True

    @property
    def running(self) -> bool:
        return self.open and self.allowed

    @rule(taker=investors, quantity=quantities)
    def issue(self, taker: str, quantity: int) -> None:
        assert self.attempt("trust-a", "", taker, quantity) == self.running

    @rule(source=investors, taker=investors, quantity=quantities)
    def transfer(self, source: str, taker: str, quantity: int) -> None:
        possible = self.running and source != taker and self.model[source] >= quantity
        trade = f"TRD-T{next(counter)}"
        done = self.attempt(CUSTODIANS[source], source, taker, quantity, trade_id=trade)
        assert done == possible
        if done:
            self.trades.append((trade, source, taker, quantity))

    @rule(source=investors, quantity=quantities)
    def redeem(self, source: str, quantity: int) -> None:
        possible = self.running and self.model[source] >= quantity
        assert self.attempt("trust-a", source, "", quantity) == possible

    @precondition(lambda self: self.trades)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        trade, source, target, quantity = data.draw(st.sampled_from(self.trades))
        possible = self.running and self.model[target] >= quantity and trade not in self.cancelled
        done = self.attempt(
            CUSTODIANS[target],
            target,
            source,
            quantity,
            transfer_type="cancel",
            cancels_trade_id=trade,
        )
        assert done == possible
        if done:
            self.cancelled.add(trade)

    @rule(source=investors, taker=investors, quantity=quantities)
    def steal(self, source: str, taker: str, quantity: int) -> None:
        """A transfer without the owner's signature never passes, whoever creates it."""
        if source == taker or self.model[source] < quantity:
            return
        wallet = self.network.wallet
        kept = {key: dict(tokens) for key, tokens in wallet._tokens.items()}
        creator = CUSTODIANS[source]
        signed = self.network.signed(creator, "BR001", source, taker, quantity)
        wallet._tokens.clear()
        wallet._tokens.update(kept)
        txid = signed.transaction.txid
        node = self.network.keys.signers[creator]
        forged = [
            sign_transaction("creator", creator, txid, node),
            sign_transaction("account", source, txid, new_signer()),
        ]
        for signatures in (forged, forged[:1]):
            with pytest.raises(e.AccountKeyWrong):
                self.network.submit(creator, encode_submission(signed.transaction, signatures))

    @rule()
    def turn_session(self) -> None:
        self.open = not self.open
        self.network.session("open" if self.open else "closed")

    @rule()
    def turn_control(self) -> None:
        self.allowed = not self.allowed
        body = d.TransferControl("CTL-BR001", self.allowed)
        self.network.say("trust-a", d.CONTROL_KIND, body)

    @invariant()
    def registers_are_as_counted_at_every_index(self) -> None:
        if not hasattr(self, "network"):
            return
        with reading(self.engine) as session:
            actor = self.network.actor("trust-a")
            reader = Reader(session, GATEWAY, self.network.rules, actor)
            now = queries.read_register(reader, "BR001", When(), Asked())
            state = {i: self.model[i] for i in INVESTORS if self.model[i]}
            assert {r.investor_id: r.quantity for r in now.items} == state
            held = queries.list_tokens(reader, Asked({}, None, 500)).items
            assert sum(t.quantity for t in held) == sum(state.values()) == now.total
            for index, past in self.history[-3:] + self.history[:3]:
                then = queries.read_register(reader, "BR001", When(log_index=index), Asked())
                assert {r.investor_id: r.quantity for r in then.items} == past


LIFE = settings(
    max_examples=6,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class TestLedgerLifeOnSqlite(LedgerLife.TestCase):
    settings = LIFE


@pytest.mark.slow
def test_a_longer_life_on_each_database(database_url: str):
    from hypothesis.stateful import run_state_machine_as_test

    life = type("Life", (LedgerLife,), {"url": database_url})
    longer = settings(LIFE, max_examples=30, stateful_step_count=60)
    run_state_machine_as_test(life, settings=longer)
