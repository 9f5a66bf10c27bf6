"""Membership, roles, votes and the clock at random: what must hold whatever happens."""

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from governance.decisions.actions import (
    Action,
    Admit,
    ApproveContract,
    GrantRole,
    RecoverKey,
    Reinstate,
    RemoveRole,
    Revoke,
    Suspend,
    binding_names,
)
from governance.decisions.liveness import stranded, undecidable
from governance.decisions.network import NetworkState
from governance.decisions.statements import CertificateRevoked, MemberLeft
from governance.decisions.voting import Status
from governance.errors import GovernanceError
from ledger.database import Base, connect, protect_append_only
from policies.errors import Denied
from tests.decisions.world import HOUR, World

MEMBERS = ("platform", "other-platform", "trust-a", "trust-b", "custody-a", "direct-a")
ROLES = ("platform_administrator", "registrar", "custodian", "direct_securities_firm")
members = st.sampled_from(MEMBERS)
roles = st.sampled_from(ROLES)


class Governance(RuleBasedStateMachine):
    """Drives a real database and a real log through the use cases."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.engine = connect(f"sqlite:///{Path(self.folder.name) / 'network.sqlite'}")
        with self.engine.begin() as connection:
            Base.metadata.create_all(connection)
            protect_append_only(connection)
        self.world = World(self.engine)
        self.proposals: list[str] = []
        self.before: NetworkState = self.world.state()

    @initialize(count=st.integers(0, 4))
    def grow(self, count: int) -> None:
        joining = (
            ("trust-a", "registrar"),
            ("custody-a", "custodian"),
            ("trust-b", "registrar"),
            ("other-platform", "platform_administrator"),
        )
        for member, role in joining[:count]:
            self.world.join(member, role, days=20 + count)
        self.before = self.world.state()

    def attempt(self, act: object, *told: object) -> object:
        """Do something; a refusal is an answer, and changes nothing."""
        self.before = self.world.state()
        try:
            return act(*told)  # type: ignore[operator]
        except (GovernanceError, Denied):
            assert self.world.state() == self.before
            return None

    def propose(self, author: str, *actions: Action) -> None:
        if author in self.world.keys:
            found = self.attempt(self.world.propose, author, *actions)
            if isinstance(found, str):
                self.proposals.append(found)

    @rule(member=members, role=roles)
    def apply(self, member: str, role: str) -> None:
        found = self.attempt(self.world.apply, member, role)
        if isinstance(found, str):
            self.proposals.append(found)

    @rule(author=members, member=members, role=roles, choice=st.integers(0, 5))
    def propose_about_member(self, author: str, member: str, role: str, choice: int) -> None:
        actions: tuple[Action, ...] = (
            Suspend(member_id=member, reason="x"),
            Reinstate(member_id=member),
            Revoke(member_id=member, reason="x"),
            GrantRole(member_id=member, role=role),
            RemoveRole(member_id=member, role=role),
            RecoverKey(member_id=member, key_id="0" * 64, reason="x"),
        )
        self.propose(author, actions[choice])

    @rule(author=members, one=members, two=members)
    def propose_two_removals_in_one(self, author: str, one: str, two: str) -> None:
        self.propose(author, Suspend(member_id=one, reason="x"), Revoke(member_id=two, reason="x"))

    @rule(owner=members, evidence=st.sampled_from(("e1", "e2")))
    def gate(self, owner: str, evidence: str) -> None:
        self.attempt(self.world.gate, "right", "1.0.0", owner, evidence)

    @rule(author=members)
    def propose_contract(self, author: str) -> None:
        self.propose(author, ApproveContract(name="right", version="1.0.0"))

    @rule(data=st.data(), approve=st.sampled_from((True, True, True, False)))
    def vote(self, data: st.DataObject, *, approve: bool) -> None:
        if self.proposals:
            proposal = data.draw(st.sampled_from(self.proposals))
            member, role = data.draw(members), data.draw(roles)
            if member in self.world.keys:
                self.before = self.world.state()
                self.attempt(lambda: self.world.vote(member, role, proposal, approve=approve))

    @rule(data=st.data())
    def carry(self, data: st.DataObject) -> None:
        if self.proposals:
            proposal = data.draw(st.sampled_from(self.proposals))
            while self.world.status(proposal) is Status.OPEN:
                now = self.world.state()
                self.world.carry(proposal)
                if self.world.state() == now:
                    break

    @rule(member=members, days=st.integers(1, 40))
    def certify(self, member: str, days: int) -> None:
        key = self.world.keys.get(member)
        if self.attempt(self._certify, member, days) is None and key is not None:
            self.world.keys[member] = key

    def _certify(self, member: str, days: int) -> bool:
        self.world.certify(member, days)
        return True

    @rule(data=st.data(), member=members)
    def revoke_certificate(self, data: st.DataObject, member: str) -> None:
        known = self.world.state().members.get(member)
        if known is not None and known.certificates:
            one = data.draw(st.sampled_from(known.certificates))
            self.attempt(self.world.report, CertificateRevoked(member, one.serial, "x"))

    @rule(member=members)
    def leave(self, member: str) -> None:
        self.attempt(self.world.report, MemberLeft(member))

    @rule(hours=st.sampled_from((1, 25, 100, 400)))
    def pass_time(self, hours: int) -> None:
        self.before = self.world.state()
        self.world.pass_time(hours * HOUR)

    @invariant()
    def never_stranded(self) -> None:
        assert stranded(self.before, self.world.state(), self.world.at) == ()

    def teardown(self) -> None:
        try:
            self._same_from_the_log()
            self._as_decidable_as_foretold()
        finally:
            self.engine.dispose()
            self.folder.cleanup()

    def _same_from_the_log(self) -> None:
        """One decision a proposal; nobody counts twice in a seat; effects once each."""
        decisions = self.world.replayed().decisions
        assert all(n == 1 for n in Counter(d.decision.proposal for d in decisions).values())
        for one in decisions:
            for seat in one.decision.seats:
                heard = (*seat.approved, *seat.rejected, *seat.missing)
                assert sorted(heard) == sorted(set(heard)) == sorted(seat.electorate)
        admitted = [d for d in decisions if d.decision.outcome is Status.APPROVED]
        done = Counter(name for name, _ in self.world.notebook.done)
        assert done["admit"] <= len(admitted)

    def _as_decidable_as_foretold(self) -> None:
        """Let everyone who can vote admit a newcomer: it works exactly if it was foretold."""
        foretold = "admit" not in undecidable(self.world.state(), self.world.at)
        proposal = self.world.apply("newcomer", "fundraiser")
        self.world.carry(proposal)
        assert (self.world.status(proposal) is Status.APPROVED) == foretold
        assert binding_names(Admit(member_id="newcomer")) == ("application:newcomer",)


class TestGovernance(Governance.TestCase):  # type: ignore[name-defined]  # Hypothesis makes it
    settings = settings(max_examples=12, stateful_step_count=20, deadline=None)


@pytest.mark.slow
class TestGovernanceDeep(Governance.TestCase):  # type: ignore[name-defined]  # Hypothesis makes it
    settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
