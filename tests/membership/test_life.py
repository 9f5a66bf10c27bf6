"""The whole life of memberships, at random: registry, CRL, OCSP and login agree at each step.

A model of four organisations (one of them sponsored by another) says what must be true; real keys,
a real authority and a real database say what is.
"""

import datetime as dt
import tempfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from governance.errors import GovernanceError
from governance.identity import publication
from governance.identity import store as identity
from governance.membership import changes, store
from governance.membership.members import Role, Standing
from governance.membership.statements import LEAVE, Leave
from ledger.database import reading, writing
from ledger.keys import PrivateKey, key_id
from policies.errors import PolicyError
from tests.membership.consortium import (
    RULES,
    Consortium,
    Template,
    application,
    new_key,
    opened,
)
from tests.membership.test_changes import renew

ORGANISATIONS = {
    "custody-a": (Role.CUSTODIAN, None),
    "trust-a": (Role.REGISTRAR, None),
    "trust-b": (Role.REGISTRAR, None),
    "shop": (Role.INTERMEDIARY, "custody-a"),
}
MEMBERS = st.sampled_from(sorted(ORGANISATIONS))
TEMPLATES: dict[str, Template] = {}


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
        self.states: dict[str, str] = {}
        self.keys: dict[str, PrivateKey] = {}
        self.ends: dict[str, dt.datetime] = {}
        self.applied: dict[str, tuple[str, PrivateKey]] = {}

    def teardown(self) -> None:
        self.consortium.engine.dispose()
        self.folder.cleanup()

    def stands(self, member_id: str) -> bool:
        """Whether the model lets the member act now."""
        sponsor = ORGANISATIONS[member_id][1]
        active = self.states.get(member_id) == "active"
        return active and (sponsor is None or self.states.get(sponsor) == "active")

    def certified(self, member_id: str) -> bool:
        return self.consortium.at < self.ends.get(member_id, self.consortium.at)

    def expect(self, step: object, *, allowed: bool) -> bool:
        """Run a step; it must pass if allowed and be refused if not."""
        try:
            step()
        except (GovernanceError, PolicyError):
            assert not allowed
            return False
        assert allowed
        return True

    @rule(member_id=MEMBERS)
    def apply(self, member_id: str) -> None:
        role, sponsor = ORGANISATIONS[member_id]
        key = new_key()
        body = application(member_id, key, role, sponsor_id=sponsor)
        allowed = (
            self.states.get(member_id, "left") == "left"
            and member_id not in self.applied
            and (sponsor is None or self.states.get(sponsor) == "active")
        )
        if self.expect(lambda: self._file(member_id, body, key), allowed=allowed):
            assert member_id in self.applied

    def _file(self, member_id: str, body: object, key: PrivateKey) -> None:
        self.applied[member_id] = (self.consortium.apply(body, key), key)

    @precondition(lambda self: self.applied)
    @rule(data=st.data())
    def admit(self, data: st.DataObject) -> None:
        member_id = data.draw(st.sampled_from(sorted(self.applied)))
        wanted, key = self.applied[member_id]
        sponsor = ORGANISATIONS[member_id][1]
        allowed = sponsor is None or self.states.get(sponsor) == "active"
        if self.expect(lambda: self.consortium.admit(wanted), allowed=allowed):
            del self.applied[member_id]
            self.states[member_id] = "active"
            self._certified(member_id, key)

    def _certified(self, member_id: str, key: PrivateKey) -> None:
        self.keys[member_id] = key
        self.ends[member_id] = self.consortium.at + dt.timedelta(days=30)

    @rule(member_id=MEMBERS)
    def suspend(self, member_id: str) -> None:
        allowed = self.states.get(member_id) == "active"

        def step() -> None:
            with writing(self.consortium.engine) as session:
                changes.suspend(session, member_id, "audit", self.consortium.at)

        if self.expect(step, allowed=allowed):
            self.states[member_id] = "suspended"

    @rule(member_id=MEMBERS)
    def reinstate(self, member_id: str) -> None:
        allowed = self.states.get(member_id) == "suspended"

        def step() -> None:
            with writing(self.consortium.engine) as session:
                changes.reinstate(session, member_id, self.consortium.at)

        if self.expect(step, allowed=allowed):
            self.states[member_id] = "active"

    @rule(member_id=MEMBERS)
    def revoke(self, member_id: str) -> None:
        allowed = self.states.get(member_id) in ("active", "suspended")

        def step() -> None:
            with writing(self.consortium.engine) as session:
                herald = self.consortium.authority.herald
                changes.revoke(session, herald, member_id, "fraud", self.consortium.at)

        if self.expect(step, allowed=allowed):
            self.states[member_id] = "revoked"

    @rule(member_id=MEMBERS)
    def leave(self, member_id: str) -> None:
        at, key = self.consortium.at, self.keys.get(member_id, new_key())
        said = opened(LEAVE, member_id, Leave(), at, key)

        def step() -> None:
            with writing(self.consortium.engine) as session:
                actor = store.member_actor(session, member_id)
                herald = self.consortium.authority.herald
                changes.leave(session, herald, actor, RULES, said, at)

        if self.expect(step, allowed=self.stands(member_id)):
            self.states[member_id] = "left"

    @precondition(lambda self: self.keys)
    @rule(member_id=MEMBERS, rotate=st.booleans())
    def renew(self, member_id: str, *, rotate: bool) -> None:
        if member_id not in self.keys:
            return
        new = new_key() if rotate else None
        allowed = self.stands(member_id) and self.certified(member_id)

        def step() -> None:
            renew(self.consortium, member_id, self.keys[member_id], new)

        if self.expect(step, allowed=allowed):
            self._certified(member_id, new or self.keys[member_id])

    @rule(days=st.integers(1, 20))
    def time_passes(self, days: int) -> None:
        self.consortium.at += dt.timedelta(days=days)

    @invariant()
    def registry_and_login_agree(self) -> None:
        with reading(self.consortium.engine) as session:
            for member_id, key in self.keys.items():
                found = store.certified_key(session, key_id(key.public_key()), self.consortium.at)
                expected = self.stands(member_id) and self.certified(member_id)
                assert (found is not None) == expected
                standing = store.member_standing(session, member_id)
                assert (standing is Standing.ACTIVE) == self.stands(member_id)
                roles = store.member_actor(session, member_id).roles
                assert bool(roles) == self.stands(member_id)

    @invariant()
    def crl_and_ocsp_agree(self) -> None:
        authority, at = self.consortium.authority, self.consortium.at
        with writing(self.consortium.engine) as session:
            der = publication.publish_crl(session, authority, "issuing-1", at)
            issuer = identity.authority_named(session, "issuing-1")
            if publication.responder_due(session, "issuing-1", at):
                publication.certify_responder(session, authority, issuer, at)
        crl = x509.load_der_x509_crl(der)
        listed = {entry.serial_number for entry in crl}
        with reading(self.consortium.engine) as session:
            for member_id in self.keys:
                for row in identity.certificates_of(session, member_id):
                    if row.not_after <= at:
                        continue
                    speaks = store.certified_key(session, row.key_id, at) is not None
                    serial = int(row.serial, 16)
                    assert (serial not in listed) == speaks
                    answer = self._ask(session, issuer.der, row.der, at)
                    good = answer.certificate_status is ocsp.OCSPCertStatus.GOOD
                    assert good == speaks

    def _ask(
        self, session: object, issuer: bytes, der: bytes, at: dt.datetime
    ) -> ocsp.OCSPResponse:
        question = ocsp.OCSPRequestBuilder().add_certificate(
            x509.load_der_x509_certificate(der),
            x509.load_der_x509_certificate(issuer),
            hashes.SHA256(),
        )
        raw = question.build().public_bytes(serialization.Encoding.DER)
        authority = self.consortium.authority
        return ocsp.load_der_ocsp_response(publication.answer_ocsp(session, authority, raw, at))


TestLife = Life.TestCase
TestLife.settings = settings(settings.get_profile("quick"), max_examples=10, stateful_step_count=12)


class DeepLife(Life):
    """The same, longer."""


TestDeepLife = pytest.mark.slow(DeepLife.TestCase)
TestDeepLife.settings = settings(
    settings.get_profile("deep"), max_examples=100, stateful_step_count=40
)
