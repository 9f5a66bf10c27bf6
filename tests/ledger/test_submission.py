import threading

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ledger import declarations as d
from ledger import errors as e
from ledger.components import Input
from ledger.composition import Signed, WalletToken, encode_submission
from ledger.database import Base, reading
from ledger.gateway import STAMP
from ledger.hashing import tagged_hash
from ledger.log.tables import EntryRow
from ledger.signatures import (
    Submission,
    TransactionSignature,
    check_signature,
    sign_transaction,
)
from ledger.statements import Signer
from ledger.tables import NullifierRow, TransactionRow, TransferRow, UnspentRow
from policies.errors import Denied
from tests.ledger.network import NOW, TestNetwork, new_signer, standard


@pytest.fixture
def network(engine: Engine):
    network = standard(engine)
    yield network
    network.submissions.close()


def count(network: TestNetwork, table: type[Base]) -> int:
    with reading(network.engine) as session:
        query = sa.select(sa.func.count()).select_from(table)
        return session.scalar(query, execution_options=STAMP)


def test_issue_transfer_redeem_leave_the_right_tokens(network: TestNetwork):
    network.do("trust-a", "BR001", "", "INV001", 100)
    network.do("custody-a", "BR001", "INV001", "INV003", 30)
    receipt = network.do("trust-a", "BR001", "INV003", "", 10)
    with reading(network.engine) as session:
        query = sa.select(UnspentRow.investor_id, UnspentRow.quantity)
        left = sorted(session.execute(query, execution_options=STAMP).all())
    assert left == [("INV001", 70), ("INV003", 20)]
    assert receipt.log_index > 0


def test_the_log_holds_a_commitment_and_nothing_else(network: TestNetwork):
    receipt = network.do("trust-a", "BR001", "", "INV001", 100)
    with reading(network.engine) as session:
        data = session.scalar(
            sa.select(EntryRow.data).where(EntryRow.entry_index == receipt.log_index)
        )
    expected = tagged_hash("log/transaction", bytes.fromhex(receipt.txid)).hex()
    assert data == b'{"sekisho":"transaction/v1","commitment":"%s"}' % expected.encode()


def test_attestations_verify(network: TestNetwork):
    receipt = network.do("trust-a", "BR001", "", "INV001", 100)
    txid = bytes.fromhex(receipt.txid)
    notary = receipt.attestations.notary
    check_signature(
        notary.signature, network.keys.signers["platform"].public_key(), txid, notary.attested_at
    )
    (registrar,) = receipt.attestations.registrars
    check_signature(registrar, network.keys.signers["trust-a"].public_key(), txid)
    with pytest.raises(e.SignatureInvalid):
        check_signature(
            notary.signature,
            network.keys.signers["platform"].public_key(),
            txid,
            NOW.replace(day=2),
        )


def test_sending_again_gives_the_same_receipt(network: TestNetwork):
    signed = network.signed("trust-a", "BR001", "", "INV001", 100)
    first = network.submit("trust-a", signed.data)
    assert network.submit("trust-a", signed.data) == first
    assert count(network, TransactionRow) == 1


def test_a_batch_may_spend_what_it_creates(network: TestNetwork):
    issue = network.signed("trust-a", "BR001", "", "INV001", 100)
    redeem = network.signed("trust-a", "BR001", "INV001", "", 40)
    outcomes = network.submissions.submit_many(
        network.actor("trust-a"), network.rules, [issue.data, redeem.data, issue.data]
    )
    assert [type(o).__name__ for o in outcomes] == ["Receipt"] * 3
    assert outcomes[2] == outcomes[0]


def test_what_follows_a_refused_transaction_in_its_batch_is_judged_anew(network: TestNetwork):
    too_much = network.signed("trust-a", "BR001", "", "INV001", 2_000_000)
    spends_it = network.signed("trust-a", "BR001", "INV001", "", 5)
    sound = network.signed("trust-a", "BR001", "", "INV002", 7)
    outcomes = network.submissions.submit_many(
        network.actor("trust-a"), network.rules, [too_much.data, spends_it.data, sound.data]
    )
    assert [type(o) for o in outcomes[:2]] == [e.ContractRejected, e.StateUnknown]
    assert outcomes[0].code == "over_issue"
    assert outcomes[2].txid == sound.txid


def test_cancel_reverses_once_and_exactly(network: TestNetwork):
    network.do("trust-a", "BR001", "", "INV001", 100)
    trade = network.instruction("BR001", "INV001", "INV003", 30)
    network.submit("custody-a", network.composer("custody-a").execute(network.wallet, trade).data)
    cancel = {"transfer_type": "cancel", "cancels_trade_id": trade.trade_id}
    for wrong in (("INV003", "INV001", 29), ("INV003", "INV002", 30)):
        network_wallet = TestWallet(network)
        with pytest.raises(e.TradeNotCancellable):
            network.do("direct-a", "BR001", *wrong, **cancel)
        network_wallet.restore()
    before = TestWallet(network)
    network.do("direct-a", "BR001", "INV003", "INV001", 30, **cancel)
    assert network.contract.seen[-1]["facts"]["cancelled"][trade.trade_id]["quantity"] == 30
    network.do("custody-a", "BR001", "INV001", "INV003", 30)
    with pytest.raises(e.TradeNotCancellable):
        network.do("direct-a", "BR001", "INV003", "INV001", 30, **cancel)
    before.restore()
    assert count(network, TransferRow) == 4


class TestWallet:
    """Remembers the tokens of a wallet, to undo what a refused transaction did to it."""

    __test__ = False

    def __init__(self, network: TestNetwork) -> None:
        self.network = network
        self.kept = {key: dict(tokens) for key, tokens in network.wallet._tokens.items()}

    def restore(self) -> None:
        self.network.wallet._tokens.clear()
        self.network.wallet._tokens.update(self.kept)


def resigned(network: TestNetwork, signed: Signed, **signers: Signer) -> bytes:
    """The submission with the signatures of other keys."""
    submission = msgspec.json.decode(signed.data, type=Submission)
    signatures = [
        sign_transaction(s.role, s.by, signed.transaction.txid, signers[s.role])
        if s.role in signers
        else s
        for s in submission.signatures
    ]
    return encode_submission(signed.transaction, signatures)


def test_every_refusal_has_its_own_class_and_stores_nothing(network: TestNetwork):
    network.do("trust-a", "BR001", "", "INV001", 100)
    spent = network.signed("custody-a", "BR001", "INV001", "INV003", 10)
    kept = TestWallet(network)
    stored = count(network, TransactionRow)
    plain = network.signed("custody-a", "BR001", "INV001", "INV003", 10)

    def refused(error: type[e.LedgerError], creator: str, data: bytes) -> None:
        with pytest.raises(error):
            network.submit(creator, data)
        assert count(network, TransactionRow) == stored

    other = new_signer()
    refused(e.AccountKeyWrong, "custody-a", resigned(network, plain, account=other))
    refused(e.CreatorUnknown, "custody-a", resigned(network, plain, creator=other))
    refused(e.StateUnknown, "custody-a", plain.data)
    forged = msgspec.json.decode(plain.data, type=Submission)
    signatures = tuple(msgspec.structs.replace(s, signature="00" * 70) for s in forged.signatures)
    refused(e.SignatureInvalid, "custody-a", encode_submission(plain.transaction, signatures))
    refused(e.CreatorUnknown, "direct-a", plain.data)
    with pytest.raises(Denied):
        network.submit("fund-a", plain.data)
    kept.restore()
    network.submit("custody-a", spent.data)
    stored += 1
    twice = network.composer("custody-a").sign(
        [*map(_as_wallet_token, spent.transaction.inputs)],
        spent.transaction.outputs,
        [msgspec.structs.replace(spent.transaction.commands[0], trade_id="TRD-OTHER")],
    )
    refused(e.StateSpent, "custody-a", twice.data)
    refused(e.TransactionMalformed, "custody-a", b"{}")
    refused(e.TransactionMalformed, "custody-a", b"x" * (1 << 21))
    refused(e.TransactionMalformed, "custody-a", plain.data.replace(b'"salt"', b'"Salt"'))
    refused(e.RightUnknown, "trust-a", network.signed("trust-a", "BR009", "", "INV001", 1).data)
    refused(e.InvestorUnknown, "trust-a", network.signed("trust-a", "BR001", "", "INV9", 1).data)
    refused(e.CreatorUnrelated, "trust-b", network.signed("trust-b", "BR001", "", "INV001", 1).data)
    repeated = network.signed("trust-a", "BR001", "", "INV001", 1, trade_id=_issue_trade(network))
    refused(e.TradeRepeated, "trust-a", repeated.data)
    early = network.signed(
        "trust-a", "BR001", "", "INV001", 1, registered_at=NOW.replace(year=2020)
    )
    refused(e.OutsideTimeWindow, "trust-a", early.data)


def _issue_trade(network: TestNetwork) -> str:
    with reading(network.engine) as session:
        query = sa.select(TransferRow.trade_id).where(TransferRow.transfer_type == "issue")
        return session.scalars(query, execution_options=STAMP).first()


def _as_wallet_token(given: Input) -> WalletToken:
    return WalletToken(given.txid, given.index, given.nonce, given.token)


def test_an_altered_quantity_is_refused(network: TestNetwork):
    network.do("trust-a", "BR001", "", "INV001", 100)
    (held,) = network.wallet.take("BR001", "INV001", 100)
    richer = msgspec.structs.replace(
        held, token=msgspec.structs.replace(held.token, quantity=1_000)
    )
    network.wallet.add(richer)
    with pytest.raises(e.StateAltered):
        network.do("custody-a", "BR001", "INV001", "INV003", 500)


def test_a_closed_session_and_a_blocked_right_stop_everything(network: TestNetwork):
    network.session("closed")
    with pytest.raises(e.SessionClosed):
        network.do("trust-a", "BR001", "", "INV001", 100)
    network.session("open")
    network.say("trust-a", d.CONTROL_KIND, d.TransferControl("CTL-BR001", False))
    with pytest.raises(e.RightBlocked):
        network.do("trust-a", "BR001", "", "INV001", 100)
    network.say("trust-a", d.CONTROL_KIND, d.TransferControl("CTL-BR001", True))
    network.do("trust-a", "BR001", "", "INV001", 100)


def test_a_rotated_account_key_signs_no_more(network: TestNetwork):
    network.do("trust-a", "BR001", "", "INV001", 100)
    kept = TestWallet(network)
    old = network.signed("custody-a", "BR001", "INV001", "INV003", 1)
    kept.restore()
    network.new_keys("custody-a", "INV001")
    with pytest.raises(e.AccountKeyWrong):
        network.submit("custody-a", old.data)
    network.do("custody-a", "BR001", "INV001", "INV003", 1)


def test_a_customer_moves_only_when_released_and_with_a_new_key(network: TestNetwork):
    network.do("trust-a", "BR001", "", "INV001", 100)
    with pytest.raises(e.RelationRefused):
        network.customer("custody-b", "INV001")
    network.say("custody-a", d.RELEASE_KIND, d.CustodyReleased("custody-b", ("INV001",)))
    taken = d.CustodyTaken((d.CustodyItem("INV001", "entrusted-b"),))
    network.say("custody-b", d.CUSTODY_KIND, taken)
    kept = TestWallet(network)
    with pytest.raises(e.AccountKeyWrong):
        network.do("custody-b", "BR001", "INV001", "INV003", 1)
    kept.restore()
    network.new_keys("custody-b", "INV001")
    kept = TestWallet(network)
    with pytest.raises(e.CreatorUnrelated):
        network.do("custody-a", "BR001", "INV001", "INV003", 1)
    kept.restore()
    network.do("custody-b", "BR001", "INV001", "INV003", 1)


def test_two_submitters_never_spend_twice(network: TestNetwork):
    network.do("trust-a", "BR001", "", "INV001", 100)
    rivals = []
    for target in ("INV002", "INV003", "INV004", "INV002"):
        kept = TestWallet(network)
        rivals.append(network.signed("custody-a", "BR001", "INV001", target, 60).data)
        kept.restore()
    outcomes: list = []

    def send(data: bytes) -> None:
        (outcome,) = network.submissions.submit_many(
            network.actor("custody-a"), network.rules, [data]
        )
        outcomes.append(outcome)

    threads = [threading.Thread(target=send, args=(data,)) for data in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kinds = sorted(type(o).__name__ for o in outcomes)
    assert kinds == ["Receipt", "StateSpent", "StateSpent", "StateSpent"]


def test_the_notary_keeps_hashes_and_times_only(network: TestNetwork):
    network.do("trust-a", "BR001", "", "INV001", 100)
    network.do("custody-a", "BR001", "INV001", "INV003", 30)
    assert set(NullifierRow.__table__.c.keys()) == {"nullifier", "txid", "attested_at"}
    assert count(network, NullifierRow) == 1


def test_a_full_queue_says_so_at_once(engine: Engine):
    network = standard(engine, max_queue=0)
    try:
        with pytest.raises(e.Busy):
            network.do("trust-a", "BR001", "", "INV001", 100)
    finally:
        network.submissions.close()


def test_a_signature_too_many_is_refused(network: TestNetwork):
    signed = network.signed("trust-a", "BR001", "", "INV001", 100)
    submission = msgspec.json.decode(signed.data, type=Submission)
    extra = TransactionSignature("account", "INV004", "ab" * 32, "00")
    data = encode_submission(signed.transaction, [*submission.signatures, extra])
    with pytest.raises(e.TransactionMalformed):
        network.submit("trust-a", data)


def test_one_transaction_moves_two_rights_between_two_owners(network: TestNetwork):
    network.do("trust-a", "BR001", "", "INV001", 100)
    network.do("trust-b", "BR002", "", "INV002", 50)
    composer = network.composer("custody-a")
    one = network.instruction("BR001", "INV001", "INV002", 100)
    two = network.instruction("BR002", "INV002", "INV001", 50)
    tokens = [
        *network.wallet.take("BR001", "INV001", 100),
        *network.wallet.take("BR002", "INV002", 50),
    ]
    outputs = [
        msgspec.structs.replace(token.token, investor_id=investor)
        for token, investor in zip(tokens, ("INV002", "INV001"), strict=True)
    ]
    commands = [composer._transfer(one), composer._transfer(two)]
    receipt = network.submit("custody-a", composer.sign(tokens, outputs, commands).data)
    assert [s.by for s in receipt.attestations.registrars] == ["trust-a", "trust-b"]
