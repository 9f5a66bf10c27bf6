"""openssl, which nobody here wrote, as the relying party."""

import base64
import datetime as dt
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from governance.identity import enrolment, foundation, publication, store
from governance.identity.authority import issue
from governance.membership import changes
from governance.membership import store as memberships
from governance.membership.statements import ENROLMENT, Enrolment
from ledger.database import reading, writing
from tests.membership.consortium import (
    RULES,
    Consortium,
    new_database,
    opened,
    sealed_store,
)

pytestmark = pytest.mark.interop


@pytest.fixture
def consortium(tmp_path: Path) -> Consortium:
    """A network founded now: openssl has no clock to set."""
    if shutil.which("openssl") is None:
        pytest.fail("openssl is not installed: apt-get install openssl")
    return Consortium(new_database(tmp_path), sealed_store(tmp_path), at=dt.datetime.now(dt.UTC))


def openssl(folder: Path, command: str, *, fails: bool = False) -> str:
    done = subprocess.run(
        ["openssl", *command.split()], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def publish(consortium: Consortium, folder: Path) -> None:
    """Write what a relying party would fetch: chain, leaf, CRLs."""
    with writing(consortium.engine) as session:
        authority, at = consortium.authority, consortium.at
        issuing, root = foundation.chain(session, "issuing-1")
        crls = [
            publication.publish_crl(session, authority, name, at)
            for name in ("issuing-1", "root-1")
        ]
        leaf = store.certificates_of(session, "trust-a")[0].der
    (folder / "root.pem").write_bytes(pem(root))
    (folder / "issuing.pem").write_bytes(pem(issuing))
    (folder / "leaf.pem").write_bytes(pem(x509.load_der_x509_certificate(leaf)))
    (folder / "crls.pem").write_bytes(
        b"".join(
            x509.load_der_x509_crl(crl).public_bytes(serialization.Encoding.PEM) for crl in crls
        )
    )


VERIFY = (
    "verify -x509_strict -policy_check -crl_check_all -CRLfile crls.pem -CAfile root.pem"
    " -untrusted issuing.pem -purpose sslclient leaf.pem"
)


def test_verify_follows_chain_and_crl(consortium: Consortium, tmp_path: Path) -> None:
    consortium.join("trust-a")
    publish(consortium, tmp_path)
    assert "leaf.pem: OK" in openssl(tmp_path, VERIFY)
    with writing(consortium.engine) as session:
        herald = consortium.authority.herald
        changes.revoke(session, herald, "trust-a", "fraud", consortium.at)
    publish(consortium, tmp_path)
    assert "certificate revoked" in openssl(tmp_path, VERIFY, fails=True)


def test_a_request_made_by_openssl_is_enrolled_and_comes_back_as_pkcs7(
    consortium: Consortium, tmp_path: Path
) -> None:
    key = consortium.join("trust-a")
    openssl(tmp_path, "ecparam -name secp384r1 -genkey -noout -out new.pem")
    openssl(tmp_path, "req -new -key new.pem -subj /CN=node -outform DER -out new.csr")
    said = opened(ENROLMENT, "trust-a", Enrolment("node-1"), consortium.at, key)
    with writing(consortium.engine) as session:
        actor = memberships.member_actor(session, "trust-a")
        token = enrolment.hand_out_token(session, actor, RULES, said, consortium.at)
        body = base64.b64encode((tmp_path / "new.csr").read_bytes())
        issuance = enrolment.enrol(
            session, consortium.authority, RULES, ("trust-a/node-1", token), body, consortium.at
        )
    der = issue(consortium.engine, consortium.authority, issuance, consortium.at)
    with reading(consortium.engine) as session:
        answer = enrolment.certs_only(session, der, "")
    (tmp_path / "answer.p7").write_bytes(base64.b64decode(answer))
    printed = openssl(tmp_path, "pkcs7 -inform DER -in answer.p7 -print_certs -noout")
    assert "CN = node-1" in printed or "CN=node-1" in printed
    publish(consortium, tmp_path)
    openssl(tmp_path, VERIFY)
    openssl(tmp_path, "x509 -in leaf.pem -noout -pubkey -out issued.pub")
    openssl(tmp_path, "ec -in new.pem -pubout -out own.pub")
    assert (tmp_path / "issued.pub").read_text() == (tmp_path / "own.pub").read_text()


def test_ocsp_client(consortium: Consortium, tmp_path: Path) -> None:
    consortium.join("trust-a")
    publish(consortium, tmp_path)

    def ask() -> str:
        openssl(tmp_path, "ocsp -issuer issuing.pem -cert leaf.pem -reqout question.der")
        question = (tmp_path / "question.der").read_bytes()
        with reading(consortium.engine) as session:
            answer = publication.answer_ocsp(session, consortium.authority, question, consortium.at)
        (tmp_path / "answer.der").write_bytes(answer)
        return openssl(
            tmp_path,
            "ocsp -issuer issuing.pem -cert leaf.pem -reqin question.der -respin answer.der"
            " -CAfile root.pem -verify_other issuing.pem -no_nonce",
        )

    found = ask()
    assert "Response verify OK" in found
    assert "leaf.pem: good" in found
    with writing(consortium.engine) as session:
        changes.suspend(session, "trust-a", "audit", consortium.at)
    found = ask()
    assert "leaf.pem: revoked" in found
    assert "certificateHold" in found


def test_crl_prints(consortium: Consortium, tmp_path: Path) -> None:
    consortium.join("trust-a")
    publish(consortium, tmp_path)
    printed = openssl(tmp_path, "crl -in crls.pem -noout -text -CAfile issuing.pem")
    assert "X509v3 CRL Number" in printed
    assert "X509v3 Authority Key Identifier" in printed
    assert "verify OK" in printed


def test_the_exported_root_opens_with_openssl(consortium: Consortium, tmp_path: Path) -> None:
    (tmp_path / "root.key").write_bytes(consortium.root.export("a-long-passphrase"))
    openssl(tmp_path, "pkey -in root.key -passin pass:a-long-passphrase -noout")
    openssl(tmp_path, "pkey -in root.key -passin pass:another-passphrase -noout", fails=True)
