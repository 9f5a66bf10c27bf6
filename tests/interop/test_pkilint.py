"""pkilint's own commands, as anyone runs them, on every kind of object that is issued."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from governance.identity import publication, store
from governance.identity.tables import AuthorityRow, CertificateRow
from governance.membership import changes
from governance.membership.members import Role
from ledger.database import reading, writing
from tests.membership.consortium import Consortium, Template

pytestmark = pytest.mark.interop
BIN = Path(sys.executable).parent


@pytest.fixture
def consortium(tmp_path: Path) -> Consortium:
    (tmp_path / "founded").mkdir()
    consortium = Template(tmp_path / "founded").copy(tmp_path)
    consortium.join("custody-a", Role.CUSTODIAN)
    consortium.join("shop", Role.INTERMEDIARY, "custody-a")
    return consortium


def lint(tool: str, der: bytes, folder: Path, *options: str) -> None:
    path = folder / "object.der"
    path.write_bytes(der)
    command = [BIN / tool, "lint", "-s", "ERROR", *options, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_certificates(consortium: Consortium, tmp_path: Path) -> None:
    with reading(consortium.engine) as session:
        rows = [*session.query(AuthorityRow), *session.query(CertificateRow)]
    assert {row.kind for row in rows} == {
        *("root", "issuing", "responder", "node", "client", "service")
    }
    for row in rows:
        lint("lint_pkix_cert", row.der, tmp_path)


def test_revocation_lists(consortium: Consortium, tmp_path: Path) -> None:
    with writing(consortium.engine) as session:
        changes.suspend(session, "custody-a", "audit", consortium.at)
        for name, kind in (("issuing-1", "CRL"), ("root-1", "ARL")):
            der = publication.publish_crl(session, consortium.authority, name, consortium.at)
            lint("lint_crl", der, tmp_path, "-t", kind, "-p", "PKIX")


def test_ocsp_answers(consortium: Consortium, tmp_path: Path) -> None:
    with reading(consortium.engine) as session:
        subject = store.certificates_of(session, "shop")[0].der
        issuer = store.authority_named(session, "issuing-1").der
        question = ocsp.OCSPRequestBuilder().add_certificate(
            x509.load_der_x509_certificate(subject),
            x509.load_der_x509_certificate(issuer),
            hashes.SHA256(),
        )
        raw = question.build().public_bytes(serialization.Encoding.DER)
        answer = publication.answer_ocsp(session, consortium.authority, raw, consortium.at)
    lint("lint_ocsp_response", answer, tmp_path)
