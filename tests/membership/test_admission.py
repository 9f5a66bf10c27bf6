"""Joining the network: what is accepted, and every way in which an application is refused."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from governance.errors import (
    ApplicationClosed,
    ApplicationRefused,
    GovernanceError,
    InvitationRefused,
)
from governance.membership import admission, changes, invitations, store
from governance.membership.members import NodeKind, Role
from governance.membership.statements import (
    APPLICATION,
    INVITATION,
    INVITATION_REVOCATION,
    LEAVE,
    InvitationRequest,
    InvitationRevocation,
    Leave,
    NodeRequest,
)
from ledger.database import reading, writing
from ledger.errors import SignatureInvalid
from ledger.log.store import log_size
from policies.errors import Denied
from tests.membership.consortium import (
    RULES,
    Consortium,
    application,
    csr,
    new_key,
    opened,
    statement,
)


def test_an_admitted_applicant_may_speak_with_its_roles(consortium: Consortium) -> None:
    key = consortium.join("trust-a")
    assert consortium.speaks(key) == "trust-a"
    assert consortium.actor("trust-a").roles == {"registrar"}


def test_a_pending_applicant_may_do_nothing(consortium: Consortium) -> None:
    key = new_key()
    consortium.apply(application("trust-a", key), key)
    assert consortium.speaks(key) is None
    assert consortium.actor("trust-a").roles == frozenset()


def test_an_application_is_logged_once_and_a_refused_one_is_not(consortium: Consortium) -> None:
    key = new_key()
    with reading(consortium.engine) as session:
        before = log_size(session)
    consortium.apply(application("trust-a", key), key)
    with pytest.raises(ApplicationRefused):
        consortium.apply(application("trust-a", key), key)
    with reading(consortium.engine) as session:
        assert log_size(session) == before + 1


def test_a_duplicate_application_is_refused(consortium: Consortium) -> None:
    key, other = new_key(), new_key()
    consortium.apply(application("trust-a", key), key)
    with pytest.raises(ApplicationRefused, match="open application already"):
        consortium.apply(application("trust-a", other), other)


def test_the_same_organisation_under_another_id_is_refused(consortium: Consortium) -> None:
    key, other = new_key(), new_key()
    consortium.apply(application("trust-a", key, legal_name="あおば信託 株式会社"), key)
    with pytest.raises(ApplicationRefused, match="open application already"):
        consortium.apply(application("trust-z", other, legal_name="あおば信託株式会社"), other)


def test_of_two_racing_applications_one_is_accepted(consortium_on_each: Consortium) -> None:
    consortium = consortium_on_each
    keys = [new_key() for _ in range(4)]

    def attempt(key: object) -> str:
        try:
            return consortium.apply(application("trust-a", key), key)
        except ApplicationRefused:
            return "refused"

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(attempt, keys))
    assert answers.count("refused") == 3


def test_a_flood_of_applications_is_stopped_but_for_who_is_invited(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MAX_OPEN", 2)
    for name in ("trust-a", "trust-b"):
        key = new_key()
        consortium.apply(application(name, key), key)
    key = new_key()
    with pytest.raises(ApplicationRefused, match="invitation"):
        consortium.apply(application("trust-c", key), key)
    body = InvitationRequest("trust-c 株式会社", Role.REGISTRAR)
    said = opened(INVITATION, "platform", body, consortium.at, consortium.keys["platform"])
    with writing(consortium.engine) as session:
        admin = consortium.actor("platform")
        given = invitations.invite(session, admin, RULES, said, consortium.at)
    consortium.apply(application("trust-c", key, invitation=given.token), key)


def test_a_member_cannot_apply_again(consortium: Consortium) -> None:
    consortium.join("trust-a")
    key = new_key()
    with pytest.raises(ApplicationRefused, match="is a member already"):
        consortium.apply(application("trust-a", key), key)


def test_an_application_with_another_members_key_is_refused(consortium: Consortium) -> None:
    key = consortium.join("trust-a")
    with pytest.raises(ApplicationRefused, match="under another member"):
        consortium.apply(application("trust-b", key), key)


def test_an_application_signed_by_another_key_is_refused(consortium: Consortium) -> None:
    raw = statement(
        APPLICATION, "trust-a", application("trust-a", new_key()), consortium.at, new_key()
    )
    with pytest.raises(SignatureInvalid):
        admission.open_application(raw)


def test_an_application_in_anothers_name_is_refused(consortium: Consortium) -> None:
    key = new_key()
    raw = statement(APPLICATION, "trust-b", application("trust-a", key), consortium.at, key)
    said = admission.open_application(raw)
    with pytest.raises(SignatureInvalid), writing(consortium.engine) as session:
        admission.apply_for_membership(session, consortium.authority, said, consortium.at)


def test_every_fault_is_reported_at_once(consortium: Consortium) -> None:
    key = new_key()
    body = application(
        "Trust A",
        key,
        Role.CUSTODIAN,
        legal_name="名" * 65,
        sponsor_id="nobody",
        nodes=(NodeRequest("node-1", NodeKind.ASSET_NODE, "localhost", csr(key)),),
    )
    with pytest.raises(ApplicationRefused) as refused:
        consortium.apply(body, key)
    places = {fault.where for fault in refused.value.faults}
    assert places == {"member_id", "legal_name", "roles", "sponsor_id", "nodes[0].address"}


@pytest.mark.parametrize("role", [Role.REGISTRAR, Role.CUSTODIAN, Role.PLATFORM_ADMINISTRATOR])
def test_an_operating_role_without_a_node_is_refused(consortium: Consortium, role: Role) -> None:
    key = new_key()
    nodes = (NodeRequest("client", NodeKind.API_CLIENT, "", csr(key)),)
    with pytest.raises(ApplicationRefused, match="needs a node of kind"):
        consortium.apply(application("trust-a", key, role, nodes=nodes), key)


def test_a_partner_without_a_node_needs_an_operating_sponsor(consortium: Consortium) -> None:
    consortium.join("custody-a", Role.CUSTODIAN)
    consortium.join("shop", Role.INTERMEDIARY, "custody-a")
    for sponsor in (None, "nobody", "shop"):
        key = new_key()
        body = application("firm", key, Role.ENTRUSTED_SECURITIES_FIRM, sponsor_id=sponsor)
        with pytest.raises(ApplicationRefused) as refused:
            consortium.apply(body, key)
        assert {fault.where for fault in refused.value.faults} == {"sponsor_id"}


@pytest.mark.parametrize("how", ["admitted", "declined", "withdrawn"])
def test_a_closed_application_is_not_decided_again(consortium: Consortium, how: str) -> None:
    key = new_key()
    wanted = consortium.apply(application("trust-a", key), key)
    with writing(consortium.engine) as session:
        if how == "admitted":
            admission.admit(session, consortium.authority, wanted, consortium.at)
        elif how == "declined":
            admission.decline(session, wanted, "not yet licensed", consortium.at)
        else:
            _withdraw(consortium, session, wanted, key)
    for decide in (_admit, _decline):
        with pytest.raises(ApplicationClosed), writing(consortium.engine) as session:
            decide(consortium, session, wanted)


def test_only_the_applicant_withdraws(consortium: Consortium) -> None:
    key = new_key()
    wanted = consortium.apply(application("trust-a", key), key)
    with pytest.raises(SignatureInvalid), writing(consortium.engine) as session:
        _withdraw(consortium, session, wanted, new_key())


def test_after_declining_the_applicant_may_apply_again_with_its_key(
    consortium: Consortium,
) -> None:
    key = new_key()
    wanted = consortium.apply(application("trust-a", key), key)
    with writing(consortium.engine) as session:
        admission.decline(session, wanted, "papers missing", consortium.at)
    with pytest.raises(ApplicationRefused, match="under another member"):
        consortium.apply(application("trust-b", key), key)
    consortium.admit(consortium.apply(application("trust-a", key), key))
    assert consortium.speaks(key) == "trust-a"


def test_a_returning_member_links_to_its_earlier_membership(
    consortium_on_each: Consortium,
) -> None:
    consortium = consortium_on_each
    first = consortium.join("trust-a")
    _leave(consortium, "trust-a", first)
    assert consortium.speaks(first) is None
    again = new_key()
    consortium.admit(consortium.apply(application("trust-a", again), again))
    with reading(consortium.engine) as session:
        assert store.member(session, "trust-a").number == 2
        history = [(row.number, row.event) for row in store.history(session, "trust-a")]
    assert [number for number, _ in history] == [1, 1, 2]


def test_a_returning_member_cannot_bring_its_old_key(consortium: Consortium) -> None:
    first = consortium.join("trust-a")
    _leave(consortium, "trust-a", first)
    with pytest.raises(ApplicationRefused, match="revoked or replaced"):
        consortium.apply(application("trust-a", first), first)


def test_a_revoked_organisation_cannot_join_again(consortium: Consortium) -> None:
    consortium.join("trust-a")
    with writing(consortium.engine) as session:
        herald = consortium.authority.herald
        changes.revoke(session, herald, "trust-a", "sold its customers' keys", consortium.at)
    key = new_key()
    with pytest.raises(ApplicationRefused, match="for good"):
        consortium.apply(application("trust-a", key), key)
    legal_name = application("trust-a", key).legal_name
    with pytest.raises(ApplicationRefused, match="known here as trust-a"):
        consortium.apply(application("trust-new", key, legal_name=legal_name), key)


def test_a_sponsor_suspended_before_the_decision_stops_the_admission(
    consortium: Consortium,
) -> None:
    consortium.join("custody-a", Role.CUSTODIAN)
    key = new_key()
    body = application("firm", key, Role.ENTRUSTED_SECURITIES_FIRM, sponsor_id="custody-a")
    wanted = consortium.apply(body, key)
    with writing(consortium.engine) as session:
        changes.suspend(session, "custody-a", "audit", consortium.at)
    with pytest.raises(ApplicationRefused, match="not an active member"):
        consortium.admit(wanted)
    with reading(consortium.engine) as session:
        assert store.application(session, wanted).state == "applied"


class TestInvitations:
    def test_is_used_once_even_in_a_race(self, consortium_on_each: Consortium) -> None:
        consortium = consortium_on_each
        token = _invite(consortium).token

        def attempt(number: int) -> str:
            key = new_key()
            body = application(f"trust-{number}", key, legal_name="あおば信託", invitation=token)
            try:
                return consortium.apply(body, key)
            except (InvitationRefused, ApplicationRefused):
                return "refused"

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(attempt, range(4)))
        assert answers.count("refused") == 3

    def test_stays_used_after_the_application_was_declined(self, consortium: Consortium) -> None:
        token, key = _invite(consortium).token, new_key()
        body = application("trust-a", key, legal_name="あおば信託", invitation=token)
        with writing(consortium.engine) as session:
            wanted = admission.apply_for_membership(
                session,
                consortium.authority,
                opened(APPLICATION, "trust-a", body, consortium.at, key),
                consortium.at,
            )
            admission.decline(session, wanted, "no", consortium.at)
        with pytest.raises(InvitationRefused, match="used"):
            consortium.apply(body, key)

    @pytest.mark.parametrize(
        ("legal_name", "role", "why"),
        [
            ("みどり信託", Role.REGISTRAR, "another name"),
            ("あおば信託", Role.CUSTODIAN, "role registrar alone"),
        ],
    )
    def test_is_bound_to_name_and_role(
        self, consortium: Consortium, legal_name: str, role: Role, why: str
    ) -> None:
        token, key = _invite(consortium).token, new_key()
        with pytest.raises(InvitationRefused, match=why):
            consortium.apply(
                application("trust-a", key, role, legal_name=legal_name, invitation=token), key
            )

    def test_expires(self, consortium: Consortium) -> None:
        token, key = _invite(consortium).token, new_key()
        consortium.at += dt.timedelta(days=14)
        with pytest.raises(InvitationRefused, match="expired"):
            consortium.apply(
                application("trust-a", key, legal_name="あおば信託", invitation=token), key
            )

    def test_is_taken_back_by_its_issuer_only(self, consortium: Consortium) -> None:
        invitation, key = _invite(consortium), new_key()
        other = consortium.join("custody-a", Role.CUSTODIAN)
        body = InvitationRevocation(invitation.id)
        for author, signer, refused in (
            ("custody-a", other, True),
            ("platform", consortium.keys["platform"], False),
        ):
            said = opened(INVITATION_REVOCATION, author, body, consortium.at, signer)
            actor = consortium.actor(author)
            if refused:
                with pytest.raises(GovernanceError), writing(consortium.engine) as session:
                    invitations.revoke_invitation(session, actor, RULES, said, consortium.at)
            else:
                with writing(consortium.engine) as session:
                    invitations.revoke_invitation(session, actor, RULES, said, consortium.at)
        with pytest.raises(InvitationRefused, match="revoked"):
            consortium.apply(
                application("trust-a", key, legal_name="あおば信託", invitation=invitation.token),
                key,
            )

    def test_a_made_up_token_is_refused(self, consortium: Consortium) -> None:
        key = new_key()
        with pytest.raises(InvitationRefused, match="unknown"):
            consortium.apply(application("trust-a", key, invitation="guess"), key)

    def test_a_suspended_administrator_cannot_invite(self, consortium: Consortium) -> None:
        with writing(consortium.engine) as session:
            changes.suspend(session, "platform", "audit", consortium.at)
        with pytest.raises(Denied):
            _invite(consortium)


def _invite(consortium: Consortium) -> invitations.Invitation:
    body = InvitationRequest("あおば信託", Role.REGISTRAR)
    said = opened(INVITATION, "platform", body, consortium.at, consortium.keys["platform"])
    with writing(consortium.engine) as session:
        actor = store.member_actor(session, "platform")
        return invitations.invite(session, actor, RULES, said, consortium.at)


def _withdraw(consortium: Consortium, session: object, wanted: str, key: object) -> None:
    body = admission.ApplicationWithdrawal(wanted)
    raw = statement(admission.APPLICATION_WITHDRAWAL, "trust-a", body, consortium.at, key)
    said = admission.open_withdrawal(session, raw)
    admission.withdraw_application(session, consortium.authority.herald, said, consortium.at)


def _admit(consortium: Consortium, session: object, wanted: str) -> None:
    admission.admit(session, consortium.authority, wanted, consortium.at)


def _decline(consortium: Consortium, session: object, wanted: str) -> None:
    admission.decline(session, wanted, "no", consortium.at)


def _leave(consortium: Consortium, member_id: str, key: object) -> None:
    said = opened(LEAVE, member_id, Leave(), consortium.at, key)
    actor = consortium.actor(member_id)
    with writing(consortium.engine) as session:
        changes.leave(session, consortium.authority.herald, actor, RULES, said, consortium.at)
