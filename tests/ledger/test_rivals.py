"""Two submitters, each with a committer of its own, on one database: no token is spent twice."""

import random
import threading
from collections import Counter, defaultdict

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger import errors as e
from ledger.commitment import Outcome, Receipt
from ledger.composition import Signed, Wallet
from ledger.database import reading
from ledger.gateway import STAMP
from ledger.register import register_now
from ledger.submission import Submissions
from ledger.tables import NullifierRow, UnspentRow
from tests.ledger.network import Parameters, TestNetwork, standard

CUSTOMERS = ("INV001", "INV002")
ISSUED = 20
ROUNDS = 12


def rival(network: TestNetwork) -> Submissions:
    """Return a second way into the same ledger, as another process would have it."""
    return Submissions(
        network.engine, network.judges, network.keys, Parameters(), lambda: network.now
    )


def draft(network: TestNetwork, rng: random.Random, tokens: Wallet) -> Signed:
    """Return a transfer composed as if nobody else spent anything."""
    wallet = Wallet(t for held in tokens._tokens.values() for t in held.values())
    giver, taker = rng.sample(CUSTOMERS, 2)
    quantity = rng.randint(1, max(1, wallet.balance("BR001", giver)))
    order = network.instruction("BR001", giver, taker, quantity)
    return network.composer("custody-a").execute(wallet, order)


def send(network: TestNetwork, ways: tuple[Submissions, ...], lots: list[list[Signed]]) -> dict:
    """Send each lot through its own way at once, cut at random; return what became of each."""
    outcomes: dict[str, Outcome] = {}
    start = threading.Barrier(len(ways))

    def work(way: Submissions, lot: list[Signed], rng: random.Random) -> None:
        start.wait()
        while lot:
            some = [lot.pop() for _ in range(min(len(lot), rng.randint(1, 4)))]
            actor = network.actor("custody-a")
            answers = way.submit_many(actor, network.rules, [s.data for s in some])
            outcomes.update(zip((s.txid for s in some), answers, strict=True))

    threads = [
        threading.Thread(target=work, args=(way, list(lot), random.Random(place)))
        for place, (way, lot) in enumerate(zip(ways, lots, strict=True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize("seed", range(3))
def test_random_rivals_never_spend_a_token_twice(engine: Engine, seed: int):
    rng = random.Random(seed)
    network = standard(engine)
    for _ in range(ISSUED):
        network.do("trust-a", "BR001", "", rng.choice(CUSTOMERS), rng.randint(1, 50))
    total = sum(network.wallet.balance("BR001", investor) for investor in CUSTOMERS)
    conflicts = 0
    with rival(network) as other:
        for _ in range(ROUNDS):
            drafts = [draft(network, rng, network.wallet) for _ in range(6)]
            repeated = rng.sample(drafts, 2)  # the same transaction by both ways is no conflict
            lots = [[*drafts[:3], *repeated], [*drafts[3:], *repeated]]
            outcomes = send(network, (network.submissions, other), lots)
            conflicts += judge(network, drafts, outcomes)
    network.submissions.close()
    assert conflicts
    with reading(engine) as session:
        now = register_now(session, "BR001")
        assert now.total == total
        u, n = UnspentRow, NullifierRow
        rows = session.execute(sa.select(u.investor_id, u.quantity), execution_options=STAMP)
        held: Counter[str] = Counter()
        for investor, quantity in rows:
            held[investor] += quantity
        assert held == now.holdings
        spent = session.scalars(sa.select(n.nullifier), execution_options=STAMP).all()
        assert len(set(spent)) == len(spent)


def judge(network: TestNetwork, drafts: list[Signed], outcomes: dict[str, Outcome]) -> int:
    """Check a round: of the rivals for a token exactly one won; move the wallet on."""
    spenders: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for signed in drafts:
        for given in signed.transaction.inputs:
            spenders[given.txid, given.index].append(signed.txid)
    won = {txid for txid, outcome in outcomes.items() if isinstance(outcome, Receipt)}
    for txid, outcome in outcomes.items():
        assert txid in won or isinstance(outcome, e.StateSpent), outcome
    for rivals in spenders.values():
        assert len(won.intersection(rivals)) <= 1
    for signed in drafts:  # who lost, lost to somebody
        taken = {(i.txid, i.index) for i in signed.transaction.inputs}
        assert signed.txid in won or any(won.intersection(spenders[t]) for t in taken)
    for signed in drafts:
        if signed.txid in won:
            for given in signed.transaction.inputs:
                del network.wallet._tokens["BR001", given.token.investor_id][
                    given.txid, given.index
                ]
            network.wallet.move(signed.transaction)
    return len(drafts) - len(won)
