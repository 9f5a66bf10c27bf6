"""The whole life of memberships, at random: registry, login, CRL, OCSP and map agree at each step.

A model of four organisations (one of them sponsored by another) with several nodes each says what
must be true; real keys, a real authority and a real database say what is.
"""

import datetime as dt
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy.orm import Session

from governance.access.tokens import Tokens
from governance.errors import GovernanceError, Unauthenticated
from governance.identity import publication
from governance.identity import store as identity
from governance.identity.authority import issue_approved
from governance.identity.network_map import publish_map, verify_network_map
from governance.membership import admission, changes, renewals, store
from governance.membership.members import NodeKind, Role, Standing
from governance.membership.statements import (
    APPLICATION_WITHDRAWAL,
    LEAVE,
    NODE_ADDITION,
    NODE_REMOVAL,
    RECOVERY,
    RENEWAL,
    ApplicationWithdrawal,
    Leave,
    NodeAddition,
    NodeRemoval,
    NodeRequest,
    Recovery,
    Renewal,
)
from ledger.database import reading, writing
from ledger.keys import PrivateKey, key_id
from policies.actors import Actor
from policies.errors import PolicyError
from tests.membership.consortium import (
    NETWORK,
    RULES,
    Consortium,
    Template,
    application,
    csr,
    new_key,
    opened,
)
from tests.membership.model import FOUNDER, Key, Model
from tests.membership.serving import client_assertion, ocsp_question

TEMPLATES: dict[str, Template] = {}
MEMBERS = st.sampled_from(sorted(Model.ORGANISATIONS))
NAMES = st.sampled_from(["node-1", "client-1", "client-2"])


def template() -> Template:
    if not TEMPLATES:
        TEMPLATES["one"] = Template(Path(tempfile.mkdtemp()))
    return TEMPLATES["one"]


class Life(RuleBasedStateMachine):
    """Each rule tries its step whether it is allowed or not, and checks which it was."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.consortium: Consortium = template().copy(Path(self.folder.name))
        self.model = Model(self.consortium.at)
        engine = self.consortium.engine
        self.tokens = Tokens(engine, NETWORK, lambda: self.consortium.at)

    def teardown(self) -> None:
        self.consortium.engine.dispose()
        self.folder.cleanup()

    def attempt(self, step: Callable[[Session], object], *, allowed: bool) -> bool:
        """Run a step in a transaction; it must pass if allowed and be refused if not."""
        try:
            with writing(self.consortium.engine) as session:
                step(session)
        except (GovernanceError, PolicyError):
            assert not allowed
            return False
        assert allowed
        return True

    def issue(self) -> None:
        """Issue what is approved and not on hold, as the server does all the time."""
        issue_approved(self.consortium.engine, self.consortium.authority, self.consortium.at)
        self.model.issued()

    def actor(self, session: Session, member_id: str) -> Actor:
        return store.member_actor(session, member_id)

    @rule(member_id=MEMBERS)
    def apply(self, member_id: str) -> None:
        role, key = Model.ORGANISATIONS[member_id], new_key()
        body = application(member_id, key, role, sponsor_id=self.model.sponsor(member_id))
        allowed = self.model.may_apply(member_id)
        try:
            self.model.applied[member_id] = self.consortium.apply(body, key), key
        except GovernanceError:
            assert not allowed
        else:
            assert allowed

    @precondition(lambda self: self.model.applied)
    @rule(data=st.data())
    def admit(self, data: st.DataObject) -> None:
        member_id = data.draw(st.sampled_from(sorted(self.model.applied)))
        wanted, key = self.model.applied[member_id]
        authority, at = self.consortium.authority, self.consortium.at
        allowed = self.model.sponsored(member_id)
        if self.attempt(lambda s: admission.admit(s, authority, wanted, at), allowed=allowed):
            self.model.admitted(member_id, key)
            self.issue()

    @precondition(lambda self: self.model.applied)
    @rule(data=st.data())
    def decline(self, data: st.DataObject) -> None:
        member_id = data.draw(st.sampled_from(sorted(self.model.applied)))
        wanted, _ = self.model.applied.pop(member_id)
        at = self.consortium.at
        self.attempt(lambda s: admission.decline(s, wanted, "not now", at), allowed=True)

    @precondition(lambda self: self.model.applied)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        member_id = data.draw(st.sampled_from(sorted(self.model.applied)))
        wanted, key = self.model.applied.pop(member_id)
        at, herald = self.consortium.at, self.consortium.authority.herald
        body = ApplicationWithdrawal(wanted)
        said = opened(APPLICATION_WITHDRAWAL, member_id, body, at, key)
        self.attempt(lambda s: admission.withdraw_application(s, herald, said, at), allowed=True)

    @rule(member_id=MEMBERS)
    def suspend(self, member_id: str) -> None:
        at, allowed = self.consortium.at, self.model.is_in(member_id, "active")
        if self.attempt(lambda s: changes.suspend(s, member_id, "audit", at), allowed=allowed):
            self.model.states[member_id] = "suspended"

    @rule(member_id=MEMBERS)
    def reinstate(self, member_id: str) -> None:
        at, allowed = self.consortium.at, self.model.is_in(member_id, "suspended")
        if self.attempt(lambda s: changes.reinstate(s, member_id, at), allowed=allowed):
            self.model.states[member_id] = "active"
            self.issue()

    @rule(member_id=MEMBERS)
    def revoke(self, member_id: str) -> None:
        at, herald = self.consortium.at, self.consortium.authority.herald
        allowed = self.model.is_in(member_id, "active", "suspended")
        step = lambda s: changes.revoke(s, herald, member_id, "fraud", at)  # noqa: E731 - the step, for once
        if self.attempt(step, allowed=allowed):
            self.model.ended(member_id, "revoked")

    @rule(member_id=MEMBERS)
    def leave(self, member_id: str) -> None:
        at, herald = self.consortium.at, self.consortium.authority.herald
        said = opened(LEAVE, member_id, Leave(), at, new_key())

        def step(session: Session) -> None:
            changes.leave(session, herald, self.actor(session, member_id), RULES, said, at)

        if self.attempt(step, allowed=self.model.stands(member_id)):
            self.model.ended(member_id, "left")

    @rule(sponsor_id=MEMBERS)
    def change_sponsor(self, sponsor_id: str) -> None:
        at, allowed = self.consortium.at, self.model.may_sponsor(sponsor_id)
        step = lambda s: changes.change_sponsor(s, "shop", sponsor_id, at)  # noqa: E731 - the step, for once
        if self.attempt(step, allowed=allowed):
            self.model.sponsors["shop"] = sponsor_id
            self.issue()

    @rule(member_id=MEMBERS, granted=st.booleans())
    def change_role(self, member_id: str, *, granted: bool) -> None:
        at, roles = self.consortium.at, self.model.roles.get(member_id, set())
        change = changes.grant_role if granted else changes.remove_role
        allowed = self.model.is_in(member_id, "active") and granted != (Role.AUDITOR in roles)
        if self.attempt(lambda s: change(s, member_id, Role.AUDITOR, at), allowed=allowed):
            roles.symmetric_difference_update({Role.AUDITOR})

    @rule(member_id=MEMBERS, name=NAMES)
    def add_node(self, member_id: str, name: str) -> None:
        key, at = new_key(), self.consortium.at
        request = NodeRequest(name, NodeKind.API_CLIENT, "", csr(key))
        said = opened(NODE_ADDITION, member_id, NodeAddition(request), at, key)

        def step(session: Session) -> None:
            actor, authority = self.actor(session, member_id), self.consortium.authority
            changes.add_node(session, authority, actor, RULES, said, at)

        allowed = self.model.stands(member_id) and name not in self.model.nodes[member_id]
        if self.attempt(step, allowed=allowed):
            self.model.nodes[member_id].add(name)
            self.model.approved(member_id, name, key)
            self.issue()

    @rule(member_id=MEMBERS, name=NAMES)
    def remove_node(self, member_id: str, name: str) -> None:
        at, herald = self.consortium.at, self.consortium.authority.herald
        said = opened(NODE_REMOVAL, member_id, NodeRemoval(name), at, new_key())

        def step(session: Session) -> None:
            changes.remove_node(session, herald, self.actor(session, member_id), RULES, said, at)

        known = self.model.stands(member_id) and name in self.model.nodes[member_id]
        if self.attempt(step, allowed=known and name != "node-1"):
            self.model.removed(member_id, name)

    @precondition(lambda self: self.model.keys)
    @rule(data=st.data(), rotate=st.booleans())
    def renew(self, data: st.DataObject, *, rotate: bool) -> None:
        key: Key = data.draw(st.sampled_from(self.model.keys))
        new, at = (new_key() if rotate else key.private), self.consortium.at
        signers = (key.private, new) if rotate else (new,)
        said = opened(RENEWAL, key.member_id, Renewal(key.node, csr(new)), at, *signers)

        def step(session: Session) -> None:
            actor, authority = self.actor(session, key.member_id), self.consortium.authority
            renewals.renew(session, authority, actor, RULES, said, at)

        if self.attempt(step, allowed=self.model.speaks(key)):
            self.model.approved(key.member_id, key.node, new, supersedes=key if rotate else None)
            self.issue()

    @rule(data=st.data(), member_id=MEMBERS, name=NAMES)
    def recover(self, data: st.DataObject, member_id: str, name: str) -> None:
        """Ask with a new key or one that was used before; the decision follows at once."""
        own = [key.private for key in self.model.keys_of(member_id, name)]
        private = data.draw(st.sampled_from([new_key(), *own]), "key")
        at, authority = self.consortium.at, self.consortium.authority
        said = opened(RECOVERY, member_id, Recovery(member_id, name, csr(private)), at, private)

        def step(session: Session) -> None:
            asked = renewals.request_recovery(session, authority, said, at)
            renewals.recover(session, authority, member_id, asked, at)

        if self.attempt(step, allowed=self.model.may_recover(member_id, name, private)):
            self.model.recovered(member_id, name, private)
            self.issue()

    @rule(days=st.integers(1, 20))
    def time_passes(self, days: int) -> None:
        self.consortium.at += dt.timedelta(days=days)
        self.model.at = self.consortium.at
        with writing(self.consortium.engine) as session:
            renewals.renew_hosted(session, self.consortium.authority, self.consortium.at)
        self.issue()

    @invariant()
    def registry_and_login_agree(self) -> None:
        with reading(self.consortium.engine) as session:
            for member_id in self.model.states:
                standing = store.member_standing(session, member_id)
                assert (standing is Standing.ACTIVE) == self.model.stands(member_id)
                actor = store.member_actor(session, member_id)
                stands = self.model.stands(member_id)
                assert actor.roles == (self.model.roles[member_id] if stands else frozenset())
            for key in self.model.keys:
                name = key_id(key.private.public_key())
                found = store.certified_key(session, name, self.consortium.at)
                assert (found is not None) == self.model.speaks(key)
        for key in self.model.keys:
            actor = self._login(key.private, key.member_id)
            assert (actor is not None) == self.model.reads(key)
            if actor is not None:
                assert actor.suspended == (not self.model.speaks(key))

    def _login(self, key: PrivateKey, member_id: str) -> Actor | None:
        try:
            token = self.tokens.issue(client_assertion(key, member_id, self.consortium.at))
            return self.tokens.actor(token)
        except Unauthenticated:
            return None

    @invariant()
    def revocation_list_and_responder_agree(self) -> None:
        authority, at = self.consortium.authority, self.consortium.at
        with writing(self.consortium.engine) as session:
            issuer = identity.authority_named(session, "issuing-1")
            if publication.responder_due(session, "issuing-1", at):
                publication.certify_responder(session, authority, issuer, at)
            crl = x509.load_der_x509_crl(
                publication.publish_crl(session, authority, "issuing-1", at)
            )
        listed = {entry.serial_number for entry in crl}
        with reading(self.consortium.engine) as session:
            for key in self.model.keys:
                for row in identity.certificates_of(session, key.member_id, key.node):
                    if row.not_after <= at or row.key_id != key_id(key.private.public_key()):
                        continue
                    speaks = self.model.speaks(key)
                    assert (int(row.serial, 16) not in listed) == speaks
                    raw = publication.answer_ocsp(
                        session, authority, ocsp_question(row.der, issuer.der), at
                    )
                    status = ocsp.load_der_ocsp_response(raw).certificate_status
                    assert (status is ocsp.OCSPCertStatus.GOOD) == speaks

    @invariant()
    def the_network_map_agrees(self) -> None:
        herald, at = self.consortium.authority.herald, self.consortium.at
        with writing(self.consortium.engine) as session:
            envelope = publish_map(session, herald, 0, "", at).envelope
        shown = verify_network_map(envelope, self.consortium.root_certificate(), at)
        members = {member.member_id: member for member in shown.members}
        assert set(members) == {FOUNDER, *self.model.states}
        for member_id in self.model.states:
            stands = self.model.stands(member_id)
            assert (members[member_id].standing == "active") == stands
        for key in self.model.keys:
            nodes = {node.name: node for node in members[key.member_id].nodes}
            certificates = nodes[key.node].certificates if key.node in nodes else ()
            keys = {
                key_id(x509.load_der_x509_certificate(der).public_key()) for der in certificates
            }
            assert (key_id(key.private.public_key()) in keys) == self.model.certified(key)


TestLife = Life.TestCase
TestLife.settings = settings(settings.get_profile("quick"), max_examples=8, stateful_step_count=14)


class DeepLife(Life):
    """The same, longer."""


TestDeepLife = pytest.mark.slow(DeepLife.TestCase)
TestDeepLife.settings = settings(
    settings.get_profile("deep"), max_examples=60, stateful_step_count=40
)
"""Some 2,400 steps, whatever the profile says: a minute or two of one core."""
