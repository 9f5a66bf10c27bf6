"""After admission: suspend, reinstate, revoke, leave, roles, names, nodes, sponsors."""

import pytest

from governance.errors import (
    TransitionRefused,
)
from governance.identity.authority import issue, issue_approved
from governance.membership import changes, key_cache, renewals, store
from governance.membership.members import NodeKind, Role, Standing
from governance.membership.statements import (
    NODE_ADDITION,
    NODE_REMOVAL,
    NodeAddition,
    NodeRemoval,
    NodeRequest,
)
from ledger.database import reading, writing
from ledger.keys import PrivateKey, key_id
from tests.membership.consortium import (
    DAYS,
    RULES,
    START,
    Consortium,
    csr,
    new_key,
    opened,
    reinstate,
    renew,
    revoke,
    suspend,
)


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
