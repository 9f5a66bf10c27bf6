"""What a registrar or custodian is shown is all of its scope: the ledger's own transactions."""

import pytest
from sqlalchemy.engine import Engine

from ledger.commitment import log_commitment
from ledger.database import reading, writing
from ledger.errors import LogResourceMissing, LogWrong
from ledger.log.completeness import check_scope, prove_own_scope, seal
from ledger.log.proofs import find_entry
from ledger.log.store import log_size, read_entries
from tests.ledger.network import TestNetwork, standard
from tests.ledger.test_queries import transfers

SCOPES = {
    "trust-a": "registrar",
    "trust-b": "registrar",
    "custody-a": "custodian",
    "direct-a": "custodian",
}


@pytest.fixture
def network(engine: Engine):
    network = standard(engine)
    network.do("trust-a", "BR001", "", "INV001", 100)
    network.do("trust-b", "BR002", "", "INV003", 50)
    network.do("custody-a", "BR001", "INV001", "INV003", 30)
    network.do("custody-a", "BR001", "INV001", "INV002", 5)
    yield network
    network.submissions.close()


def shown(network: TestNetwork, member: str) -> list[tuple[int, bytes]]:
    """What the member reads of itself: entry and TxID of each transaction, by entry."""
    with reading(network.engine) as session:
        entries = {data: i for i, _, data in read_entries(session, 0, log_size(session))}
    txids = {bytes.fromhex(t.transfer_txid) for t in transfers(network, member)}
    return sorted((entries[log_commitment(txid).data], txid) for txid in txids)


def checked(network: TestNetwork, member: str, own: list[tuple[int, bytes]]) -> int:
    with reading(network.engine) as session:
        scope = f"{SCOPES[member]}:{member}"
        proof = prove_own_scope(session, network.actor(member), network.rules, scope)
        check_scope(proof, own, find_entry(session, proof.seal_index))
    return proof.count


def test_each_member_was_shown_all_of_its_scope(network: TestNetwork):
    with writing(network.engine) as session:
        seal(session)
    counts = {member: checked(network, member, shown(network, member)) for member in SCOPES}
    assert counts == {"trust-a": 3, "trust-b": 1, "custody-a": 3, "direct-a": 2}
    network.do("custody-a", "BR001", "INV001", "INV003", 1)
    with writing(network.engine) as session:
        seal(session)
    assert checked(network, "custody-a", shown(network, "custody-a")) == 4
    assert checked(network, "trust-b", shown(network, "trust-b")) == 1


@pytest.mark.parametrize("member", SCOPES)
def test_a_transaction_that_is_held_back_is_missed(network: TestNetwork, member: str):
    with writing(network.engine) as session:
        seal(session)
    own = shown(network, member)
    for place in range(len(own)):
        with pytest.raises(LogWrong, match="and not the same"):
            checked(network, member, own[:place] + own[place + 1 :])


def test_nobody_proves_anothers_scope(network: TestNetwork):
    with writing(network.engine) as session:
        seal(session)
    actor = network.actor("trust-b")
    with reading(network.engine) as session, pytest.raises(LogResourceMissing):
        prove_own_scope(session, actor, network.rules, "registrar:trust-a")
