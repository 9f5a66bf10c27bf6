"""The log alone says everything; whatever is altered in it is named."""

import msgspec
import pytest

from governance.decisions.actions import Suspend
from governance.decisions.replay import replay
from governance.decisions.statements import (
    DECISION,
    FACT,
    PROPOSAL,
    RECEIPT,
    VOTE,
    Decision,
    Receipt,
    Vote,
)
from governance.decisions.voting import Status
from governance.errors import ReplayDiffers
from ledger.hashing import content_digest
from ledger.statements import read_envelope, read_statement
from tests.decisions.world import World, new_key


@pytest.fixture
def decided(consortium: World) -> World:
    consortium.carry(consortium.propose("trust-a", Suspend(member_id="custody-b", reason="x")))
    return consortium


def entries(world: World) -> list[tuple[int, str, bytes]]:
    return world.log()


def fed(log: list[tuple[int, str, bytes]]) -> None:
    replay((index, data) for index, _, data in log)


def without(log: list[tuple[int, str, bytes]], kind: str) -> list[tuple[int, str, bytes]]:
    last = max(place for place, (_, k, _) in enumerate(log) if k == kind)
    return log[:last] + log[last + 1 :]


def test_every_step_of_the_server_is_the_replays(world: World):
    world.join("trust-a", "registrar")
    world.replayed()
    world.gate("right", "1.0.0", "trust-a")
    world.replayed()
    proposal = world.apply("custody-a", "custodian")
    world.replayed()
    world.vote("trust-a", "registrar", proposal)
    world.replayed()
    world.vote("platform", "platform_administrator", proposal)
    assert len(world.replayed().decisions) == 2


@pytest.mark.parametrize("kind", [DECISION, VOTE, RECEIPT, PROPOSAL])
def test_entry_left_out_is_noticed(decided: World, kind: str):
    with pytest.raises(ReplayDiffers):
        fed(without(entries(decided), kind))


def test_certificate_left_out_is_noticed(decided: World):
    with pytest.raises(ReplayDiffers):
        fed([e for e in entries(decided) if e[1] != FACT])


def test_two_entries_that_changed_places_are_noticed(decided: World):
    log = entries(decided)
    votes = [place for place, (_, kind, _) in enumerate(log) if kind == VOTE]
    one, two = votes[-2], votes[-1]
    log[one], log[two] = log[two], log[one]
    with pytest.raises(ReplayDiffers, match="receipt is for another"):
        fed(log)


def test_decision_that_says_otherwise_is_named(decided: World):
    log = entries(decided)
    place = max(p for p, (_, kind, _) in enumerate(log) if kind == DECISION)
    index, kind, data = log[place]
    statement = read_statement(read_envelope(data), DECISION, Decision)
    changed = msgspec.structs.replace(statement.body, outcome=Status.REJECTED)
    lie = decided.services.herald.sign(DECISION, changed, statement.issued_at)
    log[place] = (index, kind, lie)
    with pytest.raises(ReplayDiffers, match=rf"entry {index} \(decision\): recorded"):
        fed(log)


def test_decision_by_another_key_is_named(decided: World):
    log = entries(decided)
    place = max(p for p, (_, kind, _) in enumerate(log) if kind == DECISION)
    index, kind, data = log[place]
    statement = read_statement(read_envelope(data), DECISION, Decision)
    forged = decided.sign("trust-a", DECISION, statement.body)
    log[place] = (index, kind, forged)
    with pytest.raises(ReplayDiffers, match="not signed by the service"):
        fed(log)


def test_vote_with_a_forged_signature_is_named(decided: World):
    log = entries(decided)
    place = max(p for p, (_, kind, _) in enumerate(log) if kind == VOTE)
    index, kind, data = log[place]
    body = read_statement(read_envelope(data), VOTE, Vote).body
    log[place] = (index, kind, decided.sign("trust-a", VOTE, body, key=new_key()))
    log[place + 1] = (
        *log[place + 1][:2],
        decided.services.herald.sign(
            RECEIPT,
            Receipt(content_digest(log[place][2])),
            decided.at,
        ),
    )
    with pytest.raises(ReplayDiffers, match="not signed by a key of trust-a"):
        fed(log)


def test_another_genesis_than_the_pinned_one(decided: World):
    log = [(index, data) for index, _, data in decided.log()]
    assert replay(log, content_digest(log[0][1])).state.network == "kiso"
    with pytest.raises(ReplayDiffers, match="genesis"):
        replay(log, content_digest(b"another"))
