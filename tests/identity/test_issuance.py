"""Issuance: what a certificate says, and that a crash at any point issues exactly one."""

import dataclasses
import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from governance.errors import AuthorityUnfit, CertificateUnsound, IssuanceRefused
from governance.identity import (
    authority,
    foundation,
    lint,
    network_map,
    profile,
    publication,
    store,
)
from governance.identity.authority import SIGNING_LEASE, approve, issue, issue_approved, resume
from governance.identity.profile import CertificateKind, CertificateOrder
from governance.identity.revocation import Reason
from governance.identity.tables import CertificateRow, IssuanceRow, RevocationRow
from governance.membership import changes, renewals
from governance.membership.members import Role
from ledger.database import reading, writing
from ledger.keys import public_bytes
from ledger.log.store import read_entries
from tests.membership.consortium import BASE_URL, NETWORK, START, Consortium, new_key, renew


def order(key: ec.EllipticCurvePrivateKey, **others: object) -> CertificateOrder:
    fields = {
        "kind": CertificateKind.NODE,
        "network": NETWORK,
        "member_id": "trust-a",
        "node": "asset-2",
        "legal_name": "あおば信託銀行株式会社",
        "roles": ("registrar",),
        "host": "node.trust-a.example",
        "spki": public_bytes(key.public_key()),
    }
    return CertificateOrder(**(fields | others))


@pytest.fixture
def issuance(consortium: Consortium) -> int:
    consortium.join("trust-a")
    with writing(consortium.engine) as session:
        return approve(session, order(new_key()), consortium.at)


def counts(consortium: Consortium) -> tuple[int, list[str]]:
    """Certificates stored for the approval of these tests, and reasons of what was revoked."""
    with reading(consortium.engine) as session:
        stored = session.scalar(
            sa.select(sa.func.count())
            .select_from(CertificateRow)
            .where(CertificateRow.node == "asset-2")
        )
        revoked = session.scalars(sa.select(RevocationRow.reason)).all()
    return stored or 0, list(revoked)


class TestProfile:
    def test_what_a_node_certificate_says(self, consortium: Consortium, issuance: int) -> None:
        der = issue(consortium.engine, consortium.authority, issuance, consortium.at)
        certificate = x509.load_der_x509_certificate(der)
        get = certificate.extensions.get_extension_for_class
        assert certificate.not_valid_before_utc == START - dt.timedelta(minutes=10)
        assert certificate.not_valid_after_utc == START + dt.timedelta(days=30)
        assert [(name.oid, name.value) for name in certificate.subject] == [
            (NameOID.ORGANIZATION_NAME, "あおば信託銀行株式会社"),
            (NameOID.COMMON_NAME, "asset-2"),
        ]
        assert get(x509.BasicConstraints).critical
        assert not get(x509.BasicConstraints).value.ca
        assert get(x509.KeyUsage).critical
        assert set(get(x509.ExtendedKeyUsage).value) == {
            ExtendedKeyUsageOID.CLIENT_AUTH,
            ExtendedKeyUsageOID.SERVER_AUTH,
        }
        names = get(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["node.trust-a.example"]
        assert names.get_values_for_type(x509.UniformResourceIdentifier) == [
            f"{BASE_URL}/network/{NETWORK}/trust-a/asset-2"
        ]
        point = get(x509.CRLDistributionPoints).value[0].full_name[0].value
        assert point == f"{BASE_URL}/crl/issuing-1.crl"
        role = certificate.extensions.get_extension_for_oid(profile.ROLE_EXTENSION)
        assert not role.critical
        assert role.value.value == b"0\x0b\x0c\tregistrar"

    def test_lives_as_long_as_the_members_decided(self, consortium: Consortium) -> None:
        days = {CertificateKind.NODE: 7, CertificateKind.CLIENT: 397}
        issuing = dataclasses.replace(consortium.authority, days=lambda _, kind: days[kind])
        consortium.authority = issuing
        consortium.join("trust-a")
        consortium.join("shop", Role.INTERMEDIARY, "trust-a")
        with reading(consortium.engine) as session:
            for member_id, expected in (("trust-a", 7), ("shop", 397)):
                row = store.certificates_of(session, member_id)[0]
                assert row.not_after - consortium.at == dt.timedelta(days=expected)

    def test_an_api_client_is_no_server(self, consortium: Consortium) -> None:
        wanted = order(new_key(), kind=CertificateKind.CLIENT, host="")
        with writing(consortium.engine) as session:
            issuance = approve(session, wanted, consortium.at)
        der = issue(consortium.engine, consortium.authority, issuance, consortium.at)
        certificate = x509.load_der_x509_certificate(der)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]

    def test_serial_numbers_are_random_and_fit(self) -> None:
        serials = {profile.new_serial() for _ in range(1000)}
        assert len(serials) == 1000
        assert all(0 < serial < 1 << 159 for serial in serials)
        for bit in range(158):  # each random bit is seen both ways
            assert {serial >> bit & 1 for serial in serials} == {0, 1}

    def test_role_names_are_der(self) -> None:
        many = tuple(f"role-number-{number:03}" for number in range(20))
        assert profile.encode_roles(many)[:4] == bytes((0x30, 0x82, 0x01, 0x54))

    def test_an_ip_address_becomes_an_ip_name(self, consortium: Consortium) -> None:
        with writing(consortium.engine) as session:
            issuance = approve(session, order(new_key(), host="192.0.2.7"), consortium.at)
        der = issue(consortium.engine, consortium.authority, issuance, consortium.at)
        names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        assert [str(ip) for ip in names.value.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]


class TestCrash:
    def test_before_signing(self, consortium: Consortium, issuance: int) -> None:
        with writing(consortium.engine) as session:
            authority._reserve(session, consortium.authority, issuance, consortium.at)
        later = consortium.at + SIGNING_LEASE
        assert len(resume(consortium.engine, consortium.authority, later)) == 1
        assert counts(consortium) == (1, [Reason.ABANDONED])

    def test_after_signing(self, consortium: Consortium, issuance: int) -> None:
        """The certificate that was signed and lost can never be taken for good."""
        with writing(consortium.engine) as session:
            authority._reserve(session, consortium.authority, issuance, consortium.at)
        with reading(consortium.engine) as session:
            row = session.get(IssuanceRow, issuance)
            lost = authority._sign(session, consortium.authority, row)
        later = consortium.at + SIGNING_LEASE
        [der] = resume(consortium.engine, consortium.authority, later)
        assert x509.load_der_x509_certificate(der).serial_number != lost.serial_number
        with reading(consortium.engine) as session:
            assert store.revocation(session, f"{lost.serial_number:x}") is not None

    @pytest.mark.usefixtures("issuance")
    def test_twice_in_a_row_changes_nothing(self, consortium: Consortium) -> None:
        resume(consortium.engine, consortium.authority, consortium.at)
        assert resume(consortium.engine, consortium.authority, consortium.at) == []
        assert counts(consortium) == (1, [])

    def test_a_reservation_of_another_process_is_left_alone(
        self, consortium: Consortium, issuance: int
    ) -> None:
        with writing(consortium.engine) as session:
            authority._reserve(session, consortium.authority, issuance, consortium.at)
        assert resume(consortium.engine, consortium.authority, consortium.at) == []

    def test_a_slow_signer_comes_too_late(self, consortium: Consortium, issuance: int) -> None:
        """Another process took over meanwhile: what the slow one signed is not stored."""
        with writing(consortium.engine) as session:
            authority._reserve(session, consortium.authority, issuance, consortium.at)
        with reading(consortium.engine) as session:
            row = session.get(IssuanceRow, issuance)
            late = authority._sign(session, consortium.authority, row)
        later = consortium.at + SIGNING_LEASE
        resume(consortium.engine, consortium.authority, later)
        with (
            pytest.raises(IssuanceRefused, match="closed while"),
            writing(consortium.engine) as session,
        ):
            authority._store(session, consortium.authority, issuance, late, later)
        assert counts(consortium) == (1, [Reason.ABANDONED])


class TestRefusal:
    def test_an_issuance_is_served_once(self, consortium: Consortium, issuance: int) -> None:
        first = issue(consortium.engine, consortium.authority, issuance, consortium.at)
        assert issue(consortium.engine, consortium.authority, issuance, consortium.at) == first
        assert counts(consortium) == (1, [])

    def test_threads_that_race_get_one_certificate(
        self, consortium: Consortium, issuance: int
    ) -> None:
        """A route and the background both find it approved."""
        with ThreadPoolExecutor(4) as pool:
            found = list(
                pool.map(
                    lambda _: issue(
                        consortium.engine, consortium.authority, issuance, consortium.at
                    ),
                    range(4),
                )
            )
        assert len(set(found)) == 1
        assert counts(consortium) == (1, [])

    def test_lint_faults_stop_before_the_key_is_touched(self, consortium: Consortium) -> None:
        with writing(consortium.engine) as session:
            issuance = approve(session, order(new_key(), host="not a host"), consortium.at)
        with pytest.raises(CertificateUnsound) as unsound:
            issue(consortium.engine, consortium.authority, issuance, consortium.at)
        assert any("invalid_domain_name_syntax" in f.message for f in unsound.value.faults)
        assert counts(consortium) == (0, [])
        assert consortium.issuance_states()[-1] == "refused"

    def test_one_refused_does_not_stop_the_others(self, consortium: Consortium) -> None:
        with writing(consortium.engine) as session:
            approve(session, order(new_key(), host="not a host"), consortium.at)
            approve(session, order(new_key()), consortium.at)
        assert len(issue_approved(consortium.engine, consortium.authority, consortium.at)) == 1

    def test_a_suspended_member_waits(self, consortium: Consortium, issuance: int) -> None:
        with writing(consortium.engine) as session:
            changes.suspend(session, "trust-a", "audit", consortium.at)
        with pytest.raises(IssuanceRefused, match="on hold"):
            issue(consortium.engine, consortium.authority, issuance, consortium.at)
        with writing(consortium.engine) as session:
            changes.reinstate(session, "trust-a", consortium.at)
        assert issue(consortium.engine, consortium.authority, issuance, consortium.at)

    def test_a_revoked_member_gets_nothing(self, consortium: Consortium, issuance: int) -> None:
        with writing(consortium.engine) as session:
            authority._reserve(session, consortium.authority, issuance, consortium.at)
            herald = consortium.authority.herald
            changes.revoke(session, herald, "trust-a", "fraud", consortium.at)
        later = consortium.at + SIGNING_LEASE
        assert resume(consortium.engine, consortium.authority, later) == []
        assert sorted(counts(consortium)[1]) == [Reason.ABANDONED, Reason.WITHDRAWN]


class TestAuthority:
    def test_the_root_is_exported_once_and_not_kept(self, consortium: Consortium) -> None:
        with pytest.raises(AuthorityUnfit, match="at least 12"):
            consortium.root.export("short")
        pem = consortium.root.export("a long passphrase")
        with pytest.raises(AuthorityUnfit, match="exported once"):
            consortium.root.export("a long passphrase")
        assert not any("root" in name for name in consortium.authority.keystore.names())
        with pytest.raises(AuthorityUnfit, match="does not open"):
            foundation.RootKey.load(pem, "another passphrase")
        again = foundation.RootKey.load(pem, "a long passphrase")
        assert again.key.public_key() == consortium.root.key.public_key()

    def test_there_is_one_foundation(self, consortium: Consortium) -> None:
        with pytest.raises(AuthorityUnfit, match="already"), writing(consortium.engine) as session:
            foundation.create_authority(session, consortium.authority, consortium.at)

    def test_a_rollover_overlaps(self, consortium: Consortium) -> None:
        """The old authority's certificates stay good; the new one issues; both have CRLs."""
        before = consortium.join("trust-a")
        with writing(consortium.engine) as session:
            row = foundation.certify_issuing(
                session, consortium.authority, consortium.root, consortium.at
            )
            assert row.name == "issuing-2"
            assert store.issuing_authority(session).name == "issuing-1"
            store.put_in_force(session, "issuing-2", consortium.at)
        after = consortium.join("trust-b")
        assert consortium.speaks(before) == "trust-a"
        assert consortium.speaks(after) == "trust-b"
        with reading(consortium.engine) as session:
            issuers = {
                row.member_id: row.issuer
                for row in store.valid_certificates(session, consortium.at)
                if row.kind == CertificateKind.NODE
            }
        assert issuers == {"platform": "issuing-1", "trust-a": "issuing-1", "trust-b": "issuing-2"}

    def test_a_revoked_authority_is_trusted_no_more(self, consortium: Consortium) -> None:
        """The root's CRL says so; what it issued is due, and leaves the map; members renew."""
        key = consortium.join("trust-a")
        authority, root, at = consortium.authority, consortium.root, consortium.at
        with pytest.raises(AuthorityUnfit, match="issues now"), writing(consortium.engine) as s:
            foundation.revoke_authority(s, authority, root, "issuing-1", at)
        with writing(consortium.engine) as session:
            foundation.certify_issuing(session, authority, root, at)
            store.put_in_force(session, "issuing-2", at)
            renewals.renew_hosted(session, authority, at, frozenset({"issuing-1"}))
        issue_approved(consortium.engine, authority, at)
        with writing(consortium.engine) as session:
            foundation.revoke_authority(session, authority, root, "issuing-1", at)
        other = foundation.RootKey(ec.generate_private_key(ec.SECP384R1()))
        for wrong, why in ((root, "revoked already"), (other, "not the key")):
            with pytest.raises(AuthorityUnfit, match=why), writing(consortium.engine) as session:
                foundation.revoke_authority(session, authority, wrong, "issuing-1", at)
        assert self._listed_by_root(consortium) == {"issuing-1"}
        assert self._map_of(consortium) == {"trust-a": set(), "platform": set()}
        renew(consortium, "trust-a", key)
        assert self._map_of(consortium)["trust-a"] == {"issuing-2"}
        with reading(consortium.engine) as session:
            due = {(found.member_id, found.node) for found in renewals.expiring(session, at)}
        assert ("trust-a", "node-1") not in due
        assert ("platform", "node-1") in due
        assert lint.lint_crl(self._root_crl(consortium)) == ()

    def _root_crl(self, consortium: Consortium) -> bytes:
        with reading(consortium.engine) as session:
            return publication.fresh_crl(session, "root-1", consortium.at)

    def _listed_by_root(self, consortium: Consortium) -> set[str]:
        listed = {
            entry.serial_number for entry in x509.load_der_x509_crl(self._root_crl(consortium))
        }
        with reading(consortium.engine) as session:
            rows = store.authorities(session, "issuing", consortium.at, revoked=True)
        return {row.name for row in rows if int(row.serial, 16) in listed}

    def _map_of(self, consortium: Consortium) -> dict[str, set[str]]:
        """By which authorities each member's certificates in the verified map were issued."""
        at, herald = consortium.at, consortium.authority.herald
        with writing(consortium.engine) as session:
            envelope = network_map.publish_map(session, herald, 0, "", at).envelope
        shown = network_map.verify_network_map(envelope, consortium.root_certificate(), at)
        titles = {profile.authority_title(f"issuing-{n}"): f"issuing-{n}" for n in (1, 2)}

        def issuer(der: bytes) -> str:
            name = x509.load_der_x509_certificate(der).issuer
            return titles[name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value]

        return {
            member.member_id: {issuer(der) for node in member.nodes for der in node.certificates}
            for member in shown.members
        }

    def test_a_rollover_takes_the_networks_own_root(self, consortium: Consortium) -> None:
        other = foundation.RootKey(ec.generate_private_key(ec.SECP384R1()))
        refused = pytest.raises(AuthorityUnfit, match="not the key")
        with refused, writing(consortium.engine) as session:
            foundation.certify_issuing(session, consortium.authority, other, consortium.at)

    def test_every_authority_certificate_is_lint_free(self, consortium: Consortium) -> None:
        with reading(consortium.engine) as session:
            for kind in ("root", "issuing", "responder"):
                assert lint.lint_certificate(store.latest_authority(session, kind).der) == ()

    def test_what_is_issued_is_in_the_log(self, consortium: Consortium, issuance: int) -> None:
        issue(consortium.engine, consortium.authority, issuance, consortium.at)
        with reading(consortium.engine) as session:
            index = session.scalar(
                sa.select(CertificateRow.log_index).where(CertificateRow.node == "asset-2")
            )
            [(_, kind, _)] = read_entries(session, index, index + 1)
        assert kind == "certificate"
