"""The network map: a client with the pinned root finds every forgery."""

import base64
import datetime as dt

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from governance.errors import NetworkMapUntrusted
from governance.identity import network_map, profile, store
from governance.identity.announcements import Herald
from governance.identity.network_map import NetworkMap, NetworkMapRow, verify_network_map
from governance.membership import changes
from ledger.database import reading, writing
from ledger.keys import SoftwareSigner
from ledger.statements import read_envelope, read_statement
from tests.membership.consortium import NETWORK, Consortium, new_key

DIGEST = "sha256:" + "0" * 64


def publish(consortium: Consortium) -> NetworkMapRow:
    with writing(consortium.engine) as session:
        return network_map.publish_map(
            session, consortium.authority.herald, 1, DIGEST, consortium.at
        )


def root(consortium: Consortium) -> x509.Certificate:
    with reading(consortium.engine) as session:
        return x509.load_der_x509_certificate(store.latest_authority(session, "root").der)


def body_of(row: NetworkMapRow) -> NetworkMap:
    envelope = read_envelope(row.envelope)
    return read_statement(envelope, network_map.NETWORK_MAP, NetworkMap).body


def resign(consortium: Consortium, body: NetworkMap, key: ec.EllipticCurvePrivateKey) -> bytes:
    herald = Herald(NETWORK, "platform", SoftwareSigner(key))
    return herald.sign(network_map.NETWORK_MAP, body, consortium.at)


def test_a_client_verifies_it(consortium: Consortium) -> None:
    consortium.join("trust-a")
    row = publish(consortium)
    found = verify_network_map(row.envelope, root(consortium), consortium.at)
    assert [(member.member_id, member.standing) for member in found.members] == [
        ("platform", "active"),
        ("trust-a", "active"),
    ]
    assert (found.version, found.parameters, found.parameters_digest) == (1, 1, DIGEST)


def test_the_version_grows_only_with_a_change(consortium: Consortium) -> None:
    consortium.join("trust-a")
    first = publish(consortium)
    assert publish(consortium).version == first.version
    with writing(consortium.engine) as session:
        changes.suspend(session, "trust-a", "audit", consortium.at)
    second = publish(consortium)
    assert second.version == first.version + 1
    assert body_of(second).members[1].standing == "suspended"


def test_is_signed_anew_before_it_expires(consortium: Consortium) -> None:
    first = publish(consortium)
    consortium.at += dt.timedelta(days=1)
    assert publish(consortium).version == first.version + 1


class TestForgery:
    def refused(
        self, consortium: Consortium, envelope: bytes, why: str, newest_seen: int = 0
    ) -> None:
        with pytest.raises(NetworkMapUntrusted, match=why):
            verify_network_map(envelope, root(consortium), consortium.at, newest_seen)

    def test_changed_content(self, consortium: Consortium) -> None:
        row = publish(consortium)
        envelope = msgspec.json.decode(row.envelope)
        payload = base64.b64decode(envelope["payload"])
        envelope["payload"] = base64.b64encode(payload.replace(b'"active"', b'"former"')).decode()
        self.refused(consortium, msgspec.json.encode(envelope), "does not verify")

    def test_signed_by_a_members_key(self, consortium: Consortium) -> None:
        """A member's certificate comes from the same authority, but does not speak for it."""
        key = consortium.join("trust-a")
        with reading(consortium.engine) as session:
            mine = store.certificates_of(session, "trust-a")[0].der
        body = msgspec.structs.replace(body_of(publish(consortium)), service=mine)
        self.refused(consortium, resign(consortium, body, key), "does not speak for the network")

    def test_signed_by_another_authority(self, consortium: Consortium) -> None:
        other = new_key()
        builder = profile.root_certificate(
            other.public_key(), "root-1", NETWORK, profile.new_serial(), consortium.at
        )
        forged = builder.sign(other, profile.signing_hash(other))
        body = body_of(publish(consortium))
        raw = forged.public_bytes(serialization.Encoding.DER)
        body = msgspec.structs.replace(body, authorities=(*body.authorities, raw), service=raw)
        self.refused(consortium, resign(consortium, body, other), "not issued by")

    def test_an_older_version(self, consortium: Consortium) -> None:
        self.refused(consortium, publish(consortium).envelope, "older than 7", 7)

    def test_an_expired_one(self, consortium: Consortium) -> None:
        row = publish(consortium)
        consortium.at += dt.timedelta(days=7)
        self.refused(consortium, row.envelope, "good until")

    def test_another_root(self, consortium: Consortium) -> None:
        row = publish(consortium)
        other = new_key()
        builder = profile.root_certificate(
            other.public_key(), "root-1", NETWORK, profile.new_serial(), consortium.at
        )
        pinned = builder.sign(other, profile.signing_hash(other))
        with pytest.raises(NetworkMapUntrusted):
            verify_network_map(row.envelope, pinned, consortium.at)

    @pytest.mark.parametrize("envelope", [b"", b"{}", b"null"])
    def test_nonsense(self, consortium: Consortium, envelope: bytes) -> None:
        self.refused(consortium, envelope, "does not verify")
