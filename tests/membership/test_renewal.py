"""A certificate is renewed in time; a lost key is recovered, as its network approves."""

import datetime as dt

import pytest

from governance.errors import (
    CertificateRequestRefused,
    IssuanceRefused,
    NodeUnknown,
    RecoveryRefused,
    TransitionRefused,
)
from governance.identity.authority import issue
from governance.membership import renewals
from governance.membership.statements import (
    RECOVERY,
    RENEWAL,
    Recovery,
    Renewal,
)
from ledger.database import reading, writing
from ledger.errors import SignatureInvalid
from ledger.keys import PrivateKey
from policies.errors import Denied
from tests.membership.consortium import (
    DAYS,
    START,
    Consortium,
    csr,
    new_key,
    opened,
    renew,
    renewed,
    revoke,
    suspend,
)


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
