"""More that a forger with the service's keys could try: gates left out, an authority too early."""

import datetime as dt
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from contracts.archives import read_folder
from contracts.evidence import Conditions, attest, statement_in
from contracts.gates.subjects import GateResult
from contracts.jobs import EVIDENCE_KIND
from contracts.packages import make_package
from governance.audit import audit, open_source
from governance.decisions.statements import ContractGated, FactSaid
from governance.errors import EntryWrong
from governance.identity import announcements as announced
from governance.identity.profile import Issuer, issuing_certificate, new_serial, signing_hash
from ledger.hashing import content_digest
from ledger.keys import public_bytes
from ledger.statements import read_envelope
from tests.auditing.conftest import SHIPPED
from tests.auditing.network import AMENDED, AuditedNetwork, write_log
from tests.auditing.test_forgeries import Forger, _gated
from tests.decisions.world import new_key


def refused(forger: Forger, folder: Path, wrong: int, documents: Path | None = None) -> str:
    """Return what the audit says of a forged log; it must name the entry `wrong`."""
    source = open_source(str(write_log(folder / "log", forger.log)))
    with pytest.raises(EntryWrong) as caught:
        audit(source, forger.network.anchors(), documents=documents)
    assert str(caught.value).startswith(f"entry {wrong} "), str(caught.value)
    return str(caught.value)


def say_gated(forger: Forger) -> int:
    """Let the service say of the evidence that is in the log that it is all; return where."""
    found = {}
    for place in forger.places(EVIDENCE_KIND):
        data = forger.log[place][1]
        digest = content_digest(read_envelope(data).payload_bytes())
        found[statement_in(data).predicate.gate] = digest
    lines = "".join(f"{gate} {digest}\n" for gate, digest in sorted(found.items()))
    place = _gated(forger)
    fact = forger.body(place, FactSaid).fact
    assert isinstance(fact, ContractGated)
    changed = msgspec.structs.replace(fact, evidence=content_digest(lines.encode()))
    forger.resay(place, FactSaid, fact=changed)
    return place


def attest_again(forger: Forger, place: int, risk_class: str, requirements: str) -> None:
    """Let the service attest a gate by other requirements."""
    old = statement_in(forger.log[place][1])
    made, (about,) = old.predicate, old.subject
    name, _, version = about.name.partition("@")
    package = "sha256:" + about.digest["sha256"]
    conditions = Conditions(
        package, name, version, made.runtime, requirements, risk_class, None, None, made.seed
    )
    result = GateResult(made.gate, True, made.summary)
    signed = attest(result, conditions, forger.network.service)
    forger.log[place] = EVIDENCE_KIND, signed.envelope


def documents(folder: Path, *, package: bool) -> Path:
    folder.mkdir()
    (folder / "amended.txt").write_text(AMENDED)
    if package:
        archive = make_package(read_folder(SHIPPED)).archive()
        (folder / "contract.zip").write_bytes(archive)
    return folder


def test_a_gate_that_was_left_out(network: AuditedNetwork, tmp_path: Path):
    forger = Forger(network)
    places = forger.places(EVIDENCE_KIND)
    mutation = next(
        p for p in places if statement_in(forger.log[p][1]).predicate.gate == "mutation"
    )
    del forger.log[mutation]
    said = refused(forger, tmp_path, say_gated(forger))
    assert "passed no gate mutation" in said


def test_gates_of_a_lower_class_than_the_package_says(network: AuditedNetwork, tmp_path: Path):
    forger = Forger(network)
    places = forger.places(EVIDENCE_KIND)
    requirements = statement_in(forger.log[places[0]][1]).predicate.requirements
    for place in places:
        attest_again(forger, place, "low", requirements)
    given = documents(tmp_path / "documents", package=True)
    said = refused(forger, tmp_path, say_gated(forger), given)
    assert "is of class high; its gates applied low" in said


def test_gates_by_different_requirements(network: AuditedNetwork, tmp_path: Path):
    forger = Forger(network)
    attest_again(forger, forger.places(EVIDENCE_KIND)[0], "high", "sha256:" + "0" * 64)
    said = refused(forger, tmp_path, say_gated(forger))
    assert "different requirements" in said


def test_requirements_that_nobody_has(network: AuditedNetwork, tmp_path: Path):
    forger = Forger(network)
    for place in forger.places(EVIDENCE_KIND):
        attest_again(forger, place, "high", "sha256:" + "0" * 64)
    given = documents(tmp_path / "documents", package=False)
    said = refused(forger, tmp_path, say_gated(forger), given)
    assert "are not among the documents given" in said


def test_the_evidence_as_it_is_fits_the_package(network: AuditedNetwork, tmp_path: Path):
    source = open_source(str(write_log(tmp_path / "log", Forger(network).log)))
    given = documents(tmp_path / "documents", package=True)
    report = audit(source, network.anchors(), documents=given)
    assert set(report.requirements.values()) == {"applied"}


def test_an_authority_that_no_vote_put_in_force(network: AuditedNetwork, tmp_path: Path):
    """The root certified it, as for a rollover to come; it issues before the members decided."""
    forger = Forger(network)
    anchors = network.anchors()
    root = x509.load_pem_x509_certificate(anchors.root_certificate.encode())
    at = network.at.replace(microsecond=0) - dt.timedelta(minutes=1)
    key = ec.generate_private_key(ec.SECP384R1())
    builder = issuing_certificate(
        key.public_key(), "issuing-2", network.authority.herald.network,
        Issuer("root", root, "http://ca.example"), new_serial(), at,
    )  # fmt: skip
    signing = network.root.key
    certificate = builder.sign(signing, signing_hash(signing))
    der = certificate.public_bytes(Encoding.DER)
    body = announced.AuthorityCertified("issuing-2", der)
    forger.log.append(("authority", forger.say("authority", body, network.at)))
    source = open_source(str(write_log(tmp_path / "certified", forger.log)))
    audit(source, anchors)
    issuer = Issuer("issuing-2", certificate, "http://ca.example")
    spki = public_bytes(new_key().public_key())
    issued = forger.certify("trust-a", spki, network.at, issuer, key)
    forger.log.append(("certificate", issued))
    said = refused(forger, tmp_path, len(forger.log) - 1)
    assert "issuing-2 was not in force" in said
