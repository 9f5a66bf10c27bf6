"""After admission: suspend, reinstate, revoke, leave, roles, names, nodes, sponsors."""

import datetime as dt

import pytest

from governance.errors import (
    CertificateRequestRefused,
    IssuanceRefused,
    NodeUnknown,
    RecoveryRefused,
    TransitionRefused,
)
from governance.identity.authority import issue, issue_approved
from governance.membership import changes, key_cache, renewals, store
from governance.membership.members import NodeKind, Role, Standing
from governance.membership.statements import (
    NODE_ADDITION,
    NODE_REMOVAL,
    RECOVERY,
    RENEWAL,
    NodeAddition,
    NodeRemoval,
    NodeRequest,
    Recovery,
    Renewal,
)
from ledger.database import reading, writing
from ledger.errors import SignatureInvalid
from ledger.keys import PrivateKey, key_id
from ledger.statements import Opened
from policies.errors import Denied
from tests.membership.consortium import RULES, START, Consortium, csr, new_key, opened

DAYS = dt.timedelta(days=1)


def suspend(consortium: Consortium, member_id: str) -> None:
    with writing(consortium.engine) as session:
        changes.suspend(session, member_id, "audit", consortium.at)


def reinstate(consortium: Consortium, member_id: str) -> None:
    with writing(consortium.engine) as session:
        changes.reinstate(session, member_id, consortium.at)


def revoke(consortium: Consortium, member_id: str) -> None:
    with writing(consortium.engine) as session:
        herald = consortium.authority.herald
        changes.revoke(session, herald, member_id, "fraud", consortium.at)


def renew(
    consortium: Consortium, member_id: str, old: PrivateKey, new: PrivateKey | None = None
) -> bytes:
    """Renew node-1, with the same key or a new one; both sign."""
    body = Renewal("node-1", csr(new or old))
    signers = (old, new) if new else (old,)
    said = opened(RENEWAL, member_id, body, consortium.at, *signers)
    return renewed(consortium, member_id, said)


def renewed(consortium: Consortium, member_id: str, said: Opened[Renewal]) -> bytes:
    authority = consortium.authority
    with writing(consortium.engine) as session:
        actor = store.member_actor(session, member_id)
        issuance = renewals.renew(session, authority, actor, RULES, said, consortium.at)
    return issue(consortium.engine, authority, issuance, consortium.at)


@pytest.fixture(params=["first certificate", "after a renewal"])
def trust(request: pytest.FixtureRequest, consortium: Consortium) -> PrivateKey:
    """A registrar's key; every case also holds after a renewal of its certificate."""
    key = consortium.join("trust-a")
    if request.param == "after a renewal":
        consortium.at += 20 * DAYS
        renew(consortium, "platform", consortium.keys["platform"])
        renew(consortium, "trust-a", key)
        consortium.at += 15 * DAYS  # the first certificate has expired
    return key


class TestStanding:
    def test_suspension_stops_and_reinstatement_restores(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        suspend(consortium, "trust-a")
        assert consortium.speaks(trust) is None
        assert consortium.actor("trust-a").roles == frozenset()
        reinstate(consortium, "trust-a")
        assert consortium.speaks(trust) == "trust-a"

    def test_a_suspended_member_is_still_known(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        """It is let in to read its own past."""
        suspend(consortium, "trust-a")
        with reading(consortium.engine) as session:
            found = store.known_key(session, key_id(trust.public_key()), consortium.at)
            actor = store.reading_actor(session, "trust-a")
        assert found is not None
        assert actor.suspended
        assert actor.roles == {Role.REGISTRAR}

    def test_revocation_is_for_good(self, consortium: Consortium, trust: PrivateKey) -> None:
        revoke(consortium, "trust-a")
        assert consortium.speaks(trust) is None
        for again in (suspend, reinstate, revoke):
            with pytest.raises(TransitionRefused):
                again(consortium, "trust-a")

    def test_a_suspended_member_can_be_revoked(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        suspend(consortium, "trust-a")
        revoke(consortium, "trust-a")
        assert consortium.speaks(trust) is None

    @pytest.mark.usefixtures("trust")
    def test_an_active_member_cannot_be_reinstated(self, consortium: Consortium) -> None:
        with pytest.raises(TransitionRefused):
            reinstate(consortium, "trust-a")

    @pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
    def test_a_reason_is_needed(self, consortium: Consortium, reason: str) -> None:
        consortium.join("trust-a")
        refused = pytest.raises(TransitionRefused, match="reason")
        with refused, writing(consortium.engine) as session:
            changes.suspend(session, "trust-a", reason, consortium.at)


class TestSponsor:
    @pytest.fixture
    def shop(self, consortium: Consortium) -> PrivateKey:
        consortium.join("custody-a", Role.CUSTODIAN)
        return consortium.join("shop", Role.INTERMEDIARY, "custody-a")

    def test_on_each_database(self, consortium_on_each: Consortium) -> None:
        consortium = consortium_on_each
        consortium.join("custody-a", Role.CUSTODIAN)
        shop = consortium.join("shop", Role.INTERMEDIARY, "custody-a")
        suspend(consortium, "custody-a")
        assert consortium.speaks(shop) is None
        reinstate(consortium, "custody-a")
        assert consortium.speaks(shop) == "shop"
        new = new_key()
        renew(consortium, "custody-a", consortium.keys["custody-a"], new)
        assert consortium.speaks(new) == "custody-a"
        revoke(consortium, "custody-a")
        assert consortium.speaks(new) is None

    def test_is_suspended_and_reinstated_with_its_sponsor(
        self, consortium: Consortium, shop: PrivateKey
    ) -> None:
        assert consortium.actor("shop").sponsor_id == "custody-a"
        suspend(consortium, "custody-a")
        assert consortium.speaks(shop) is None
        assert consortium.actor("shop").roles == frozenset()
        reinstate(consortium, "custody-a")
        assert consortium.speaks(shop) == "shop"

    def test_its_own_suspension_outlasts_its_sponsors(
        self, consortium: Consortium, shop: PrivateKey
    ) -> None:
        suspend(consortium, "shop")
        suspend(consortium, "custody-a")
        reinstate(consortium, "custody-a")
        assert consortium.speaks(shop) is None
        reinstate(consortium, "shop")
        assert consortium.speaks(shop) == "shop"

    def test_reinstating_it_alone_does_not_help(
        self, consortium: Consortium, shop: PrivateKey
    ) -> None:
        suspend(consortium, "shop")
        suspend(consortium, "custody-a")
        reinstate(consortium, "shop")
        assert consortium.speaks(shop) is None

    def test_a_new_sponsor_takes_over(self, consortium: Consortium, shop: PrivateKey) -> None:
        consortium.join("custody-b", Role.CUSTODIAN)
        revoke(consortium, "custody-a")
        assert consortium.speaks(shop) is None
        with writing(consortium.engine) as session:
            changes.change_sponsor(session, "shop", "custody-b", consortium.at)
        assert consortium.speaks(shop) == "shop"
        assert consortium.actor("shop").sponsor_id == "custody-b"

    @pytest.mark.usefixtures("shop")
    def test_a_partner_cannot_sponsor(self, consortium: Consortium) -> None:
        consortium.join("firm", Role.ENTRUSTED_SECURITIES_FIRM, "custody-a")
        with pytest.raises(TransitionRefused), writing(consortium.engine) as session:
            changes.change_sponsor(session, "firm", "shop", consortium.at)

    @pytest.mark.usefixtures("shop")
    def test_an_operating_role_needs_a_node_first(self, consortium: Consortium) -> None:
        refused = pytest.raises(TransitionRefused, match="needs a node")
        with refused, writing(consortium.engine) as session:
            changes.grant_role(session, "shop", Role.CUSTODIAN, consortium.at)


class TestRolesAndNames:
    def test_a_role_is_granted_and_removed_without_a_new_certificate(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        with writing(consortium.engine) as session:
            changes.grant_role(session, "trust-a", Role.AUDITOR, consortium.at)
        assert consortium.actor("trust-a").roles == {"registrar", "auditor"}
        with writing(consortium.engine) as session:
            changes.remove_role(session, "trust-a", Role.AUDITOR, consortium.at)
        assert consortium.actor("trust-a").roles == {"registrar"}
        assert consortium.speaks(trust) == "trust-a"

    @pytest.mark.parametrize(
        ("change", "role"),
        [
            ("grant_role", Role.REGISTRAR),
            ("grant_role", Role.CUSTODIAN),
            ("remove_role", Role.AUDITOR),
            ("remove_role", Role.REGISTRAR),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, consortium: Consortium, change: str, role: Role
    ) -> None:
        """Held already, needs another node, not held, the only one."""
        consortium.join("trust-a")
        with pytest.raises(TransitionRefused), writing(consortium.engine) as session:
            getattr(changes, change)(session, "trust-a", role, consortium.at)

    def test_history_answers_as_of_a_time(self, consortium: Consortium) -> None:
        consortium.join("trust-a")
        consortium.at += DAYS
        with writing(consortium.engine) as session:
            changes.rename(session, "trust-a", "あおば新信託株式会社", consortium.at)
        with reading(consortium.engine) as session:
            now = store.member_as_of(session, "trust-a", consortium.at)
            then = store.member_as_of(session, "trust-a", START)
            before = store.member_as_of(session, "trust-a", START - DAYS)
        assert now.legal_name == "あおば新信託株式会社"
        assert then.legal_name == "trust-a 株式会社"
        assert before is None

    def test_anothers_name_cannot_be_taken(self, consortium: Consortium) -> None:
        consortium.join("trust-a")
        consortium.join("trust-b")
        with pytest.raises(TransitionRefused), writing(consortium.engine) as session:
            changes.rename(session, "trust-a", "TRUST-B 株式会社", consortium.at)


class TestNodes:
    def add(self, consortium: Consortium, key: PrivateKey, request: NodeRequest) -> int | None:
        said = opened(NODE_ADDITION, "trust-a", NodeAddition(request), consortium.at, key)
        with writing(consortium.engine) as session:
            actor = store.member_actor(session, "trust-a")
            authority = consortium.authority
            return changes.add_node(session, authority, actor, RULES, said, consortium.at)

    def test_several_nodes_share_an_address_each_with_its_identity(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        other = new_key()
        request = NodeRequest(
            "node-2", NodeKind.ASSET_NODE, "node.trust-a.example:8443", csr(other)
        )
        issuance = self.add(consortium, trust, request)
        issue(consortium.engine, consortium.authority, issuance, consortium.at)
        assert consortium.speaks(other) == "trust-a"
        assert consortium.speaks(trust) == "trust-a"

    def test_removing_a_node_revokes_its_key_and_no_other(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        other = new_key()
        issuance = self.add(
            consortium, trust, NodeRequest("client", NodeKind.API_CLIENT, "", csr(other))
        )
        issue(consortium.engine, consortium.authority, issuance, consortium.at)
        self.remove(consortium, trust, "client")
        assert consortium.speaks(other) is None
        assert consortium.speaks(trust) == "trust-a"

    def test_a_node_that_a_role_needs_stays(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        with pytest.raises(TransitionRefused):
            self.remove(consortium, trust, "node-1")

    def test_a_name_is_used_once(self, consortium: Consortium, trust: PrivateKey) -> None:
        with pytest.raises(TransitionRefused, match="twice"):
            self.add(
                consortium, trust, NodeRequest("node-1", NodeKind.API_CLIENT, "", csr(new_key()))
            )

    def test_a_hosted_node_gets_its_key_here(self, consortium: Consortium) -> None:
        key = consortium.join("trust-a")
        self.add(
            consortium,
            key,
            NodeRequest("hosted", NodeKind.CUSTODIAN_NODE, "nodes.platform.example:443"),
        )
        with writing(consortium.engine) as session:
            name, issuance = renewals.enrol_hosted_node(
                session,
                consortium.authority,
                "trust-a",
                NodeKind.CUSTODIAN_NODE,
                consortium.at,
            )
        issue(consortium.engine, consortium.authority, issuance, consortium.at)
        public = consortium.authority.node_keys.public_key(name)
        with reading(consortium.engine) as session:
            found = store.certified_key(session, key_id(public), consortium.at)
        assert (found.member_id, found.node) == ("trust-a", "hosted")

    def test_hosted_nodes_and_the_service_key_are_renewed_here(
        self, consortium: Consortium
    ) -> None:
        self.test_a_hosted_node_gets_its_key_here(consortium)
        authority, engine = consortium.authority, consortium.engine
        consortium.at += 21 * DAYS
        with writing(engine) as session:
            approved = renewals.renew_hosted(session, authority, consortium.at)
        assert len(approved) == 2
        issue_approved(engine, authority, consortium.at)
        with writing(engine) as session:
            assert renewals.renew_hosted(session, authority, consortium.at) == []
            due = {(one.member_id, one.node) for one in renewals.expiring(session, consortium.at)}
        assert due == {("platform", "node-1"), ("trust-a", "node-1")}  # those renew themselves

    @staticmethod
    def remove(consortium: Consortium, key: PrivateKey, name: str) -> None:
        said = opened(NODE_REMOVAL, "trust-a", NodeRemoval(name), consortium.at, key)
        with writing(consortium.engine) as session:
            actor = store.member_actor(session, "trust-a")
            herald = consortium.authority.herald
            changes.remove_node(session, herald, actor, RULES, said, consortium.at)


class TestRenewal:
    def test_an_expired_certificate_speaks_no_more(self, consortium: Consortium) -> None:
        key = consortium.join("trust-a")
        consortium.at += 30 * DAYS
        assert consortium.speaks(key) is None

    def test_is_due_at_two_thirds(self, consortium: Consortium) -> None:
        consortium.join("trust-a")
        due = START - dt.timedelta(minutes=10) + (30 * DAYS + dt.timedelta(minutes=10)) * 2 / 3
        with reading(consortium.engine) as session:
            assert renewals.expiring(session, due - dt.timedelta(seconds=1)) == []
            found = renewals.expiring(session, due, "trust-a")
        assert [(expiry.node, expiry.due_at) for expiry in found] == [("node-1", due)]

    def test_after_renewal_nothing_is_due(self, consortium: Consortium) -> None:
        key = consortium.join("trust-a")
        consortium.at += 25 * DAYS
        renew(consortium, "trust-a", key)
        with reading(consortium.engine) as session:
            assert renewals.expiring(session, consortium.at, "trust-a") == []

    def test_rotation_is_signed_by_both_and_ends_the_old_key(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        new = new_key()
        renew(consortium, "trust-a", trust, new)
        assert consortium.speaks(new) == "trust-a"
        assert consortium.speaks(trust) is None

    def test_rotation_without_the_new_keys_signature_is_refused(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        body = Renewal("node-1", csr(new_key()))
        said = opened(RENEWAL, "trust-a", body, consortium.at, trust)
        with pytest.raises(SignatureInvalid):
            renewed(consortium, "trust-a", said)

    def test_going_back_to_a_rotated_key_is_refused(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        new = new_key()
        renew(consortium, "trust-a", trust, new)
        with pytest.raises(CertificateRequestRefused, match="revoked or replaced"):
            renew(consortium, "trust-a", new, trust)

    @pytest.mark.parametrize("end", [suspend, revoke])
    def test_who_is_suspended_or_revoked_renews_nothing(
        self, consortium: Consortium, trust: PrivateKey, end: object
    ) -> None:
        end(consortium, "trust-a")
        with pytest.raises(Denied):
            renew(consortium, "trust-a", trust)

    def test_another_nodes_key_does_not_renew(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        other = consortium.join("trust-b")
        body = Renewal("node-1", csr(trust))
        said = opened(RENEWAL, "trust-a", body, consortium.at, other)
        with pytest.raises(IssuanceRefused, match="its own key"):
            renewed(consortium, "trust-a", said)


class TestRecovery:
    def ask(self, consortium: Consortium, new: PrivateKey, node: str = "node-1") -> str:
        body = Recovery("trust-a", node, csr(new))
        said = opened(RECOVERY, "trust-a", body, consortium.at, new)
        with writing(consortium.engine) as session:
            return renewals.request_recovery(session, consortium.authority, said, consortium.at)

    def decide(self, consortium: Consortium, key: str) -> None:
        authority = consortium.authority
        with writing(consortium.engine) as session:
            issuance = renewals.recover(session, authority, "trust-a", key, consortium.at)
        issue(consortium.engine, authority, issuance, consortium.at)

    def test_asking_gives_nothing(self, consortium: Consortium, trust: PrivateKey) -> None:
        new = new_key()
        self.ask(consortium, new)
        assert consortium.speaks(new) is None
        assert consortium.speaks(trust) == "trust-a"

    def test_an_approved_one_replaces_the_lost_key(
        self, consortium: Consortium, trust: PrivateKey
    ) -> None:
        new = new_key()
        self.decide(consortium, self.ask(consortium, new))
        assert consortium.speaks(new) == "trust-a"
        assert consortium.speaks(trust) is None

    def test_who_let_its_certificate_expire_is_not_locked_out(self, consortium: Consortium) -> None:
        old = consortium.join("trust-a")
        consortium.at += 45 * DAYS
        assert consortium.speaks(old) is None
        self.decide(consortium, self.ask(consortium, old))
        assert consortium.speaks(old) == "trust-a"

    @pytest.mark.usefixtures("trust")
    def test_only_the_key_that_was_voted_on_is_certified(self, consortium: Consortium) -> None:
        mine, attackers = new_key(), new_key()
        wanted = self.ask(consortium, mine)
        self.ask(consortium, attackers)
        self.decide(consortium, wanted)
        assert consortium.speaks(mine) == "trust-a"
        assert consortium.speaks(attackers) is None

    @pytest.mark.usefixtures("trust")
    def test_is_decided_once(self, consortium: Consortium) -> None:
        wanted = self.ask(consortium, new_key())
        self.decide(consortium, wanted)
        with pytest.raises(RecoveryRefused):
            self.decide(consortium, wanted)

    def test_a_flood_of_requests_is_stopped(
        self, consortium: Consortium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Anybody may ask in a member's name; a day later there is room again."""
        monkeypatch.setattr(renewals, "MAX_RECOVERIES", 3)
        consortium.join("trust-a")
        for _ in range(3):
            self.ask(consortium, new_key())
        with pytest.raises(RecoveryRefused, match="undecided"):
            self.ask(consortium, new_key())
        consortium.at += DAYS
        self.ask(consortium, new_key())

    def test_anothers_key_is_refused(self, consortium: Consortium) -> None:
        consortium.join("trust-a")
        other = consortium.join("trust-b")
        with pytest.raises(CertificateRequestRefused, match="another member"):
            self.ask(consortium, other)

    def test_the_node_must_be_there(self, consortium: Consortium) -> None:
        consortium.join("trust-a")
        with pytest.raises(NodeUnknown):
            self.ask(consortium, new_key(), "node-9")

    @pytest.mark.usefixtures("trust")
    def test_a_revoked_member_recovers_nothing(self, consortium: Consortium) -> None:
        wanted = self.ask(consortium, new_key())
        revoke(consortium, "trust-a")
        with pytest.raises(TransitionRefused):
            self.decide(consortium, wanted)


def test_the_key_cache_forgets_within_a_second(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = consortium.join("trust-a")
    now = [0.0]
    monkeypatch.setattr(key_cache.time, "monotonic", lambda: now[0])
    cache = key_cache.KeyCache(consortium.engine)
    wanted = key_id(key.public_key())
    assert cache.certified_key(wanted, consortium.at) is not None
    revoke(consortium, "trust-a")
    now[0] += 0.999
    assert cache.certified_key(wanted, consortium.at) is None


def test_a_stranger_stands_nowhere(consortium: Consortium) -> None:
    with reading(consortium.engine) as session:
        assert store.member_standing(session, "nobody") is Standing.FORMER
