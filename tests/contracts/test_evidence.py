import base64

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from contracts.errors import EvidenceInvalid
from contracts.evidence import PAYLOAD_TYPE, Conditions, attest, read_attestation
from contracts.gates.subjects import GateResult
from contracts.packages import Package
from ledger.keys import SoftwareSigner
from ledger.statements import Envelope
from policies.errors import Fault

KEY = SoftwareSigner(ed25519.Ed25519PrivateKey.generate())
OTHER = SoftwareSigner(ec.generate_private_key(ec.SECP256R1()))
RESULT = GateResult("lint", False, "1 finding", (Fault("contract.py", "x" * 600, 3),), {"n": 1})


@pytest.fixture
def conditions(package: Package) -> Conditions:
    return Conditions(
        package.digest, "beneficial_right", "1.0.0", "sha256:r", "sha256:q", "high", None, None, 5
    )


def test_an_attestation_says_what_the_gate_found(package: Package, conditions: Conditions):
    made = attest(RESULT, conditions, KEY)
    read = read_attestation(made.envelope, KEY.public_key(), package.digest)
    assert read == made
    payload = msgspec.json.decode(base64.b64decode(msgspec.json.decode(made.envelope)["payload"]))
    assert payload["_type"] == "https://in-toto.io/Statement/v1"
    assert payload["subject"][0]["digest"]["sha256"] == package.digest.removeprefix("sha256:")
    assert payload["predicate"]["faults"][0]["line"] == 3
    assert len(payload["predicate"]["faults"][0]["message"]) == 501


def test_two_members_get_the_same_payload(conditions: Conditions):
    ours, theirs = attest(RESULT, conditions, KEY), attest(RESULT, conditions, OTHER)
    assert ours.payload_digest == theirs.payload_digest
    assert ours.envelope != theirs.envelope


def test_what_is_not_evidence_is_refused(package: Package, conditions: Conditions):
    made = attest(RESULT, conditions, KEY).envelope
    envelope = msgspec.json.decode(made, type=Envelope)
    flipped = base64.b64encode(
        envelope.payload_bytes().replace(b'"passed":false', b'"passed":true')
    ).decode()
    cases = [
        (b"{}", KEY, package.digest),
        (made, OTHER, package.digest),
        (made, KEY, "sha256:" + "0" * 64),
        (
            msgspec.json.encode(msgspec.structs.replace(envelope, payload=flipped)),
            KEY,
            package.digest,
        ),
        (
            msgspec.json.encode(msgspec.structs.replace(envelope, payloadType=PAYLOAD_TYPE + "x")),
            KEY,
            package.digest,
        ),
    ]
    for data, key, about in cases:
        with pytest.raises(EvidenceInvalid):
            read_attestation(data, key.public_key(), about)
