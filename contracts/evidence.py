"""Evidence: what a gate found, as an in-toto attestation that anybody can check and run again.

An attestation is an in-toto Statement v1 (github.com/in-toto/attestation, spec/v1) in a DSSE
envelope. Its payload holds no time and no name of a machine: who runs the gate again with the
same package, runtime, seed and requirements gets the same bytes, and compares digests.
"""

import base64
import importlib.metadata
import sys
from typing import Any

import msgspec

from contracts.errors import EvidenceInvalid
from contracts.gates.subjects import GateResult
from ledger.errors import LedgerError
from ledger.hashing import content_digest
from ledger.keys import PublicKey, key_id, verify_signature
from ledger.statements import (
    Envelope,
    Signature,
    Signer,
    pre_authentication_encoding,
    read_envelope,
)
from policies.errors import Fault

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "urn:sekisho:gate:v1"

MAX_FAULTS = 100
"""The most faults that one attestation lists; their number is always told."""

MAX_TEXT = 500
"""Characters of one fault's message in an attestation."""


class ResourceDescriptor(msgspec.Struct, frozen=True):
    """What the attestation is about: a package by name and SHA-256 (in-toto)."""

    name: str
    digest: dict[str, str]


class GatePredicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one gate found.

    Args:
        gate: the gate's name.
        passed: its answer.
        summary: one sentence.
        faults: what is wrong, at most 100.
        fault_count: how many there are.
        details: numbers and examples of the gate.
        runtime: id of the runtime.
        requirements: digest of the requirements.
        risk_class: the class whose requirements applied.
        predecessor: digest of the package that it was compared with.
        history: digest over the recorded transactions that were replayed.
        seed: what everything generated follows from.
        tools: versions of the tools that decide the result.
    """

    gate: str
    passed: bool
    summary: str
    faults: tuple[Fault, ...]
    fault_count: int
    details: dict[str, Any]
    runtime: str
    requirements: str
    risk_class: str
    predecessor: str | None
    history: str | None
    seed: int
    tools: dict[str, str]


class GateStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An in-toto Statement with a gate's predicate."""

    type_: str = msgspec.field(name="_type")
    subject: tuple[ResourceDescriptor, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: GatePredicate


class Conditions(msgspec.Struct, frozen=True):
    """Under what a gate ran: what another must have to run it again."""

    package: str
    name: str
    version: str
    runtime: str
    requirements: str
    risk_class: str
    predecessor: str | None
    history: str | None
    seed: int


class Attestation(msgspec.Struct, frozen=True):
    """A signed attestation.

    Args:
        statement: what it says.
        payload_digest: `sha256:<hex>` of the signed payload; equal for equal findings.
        envelope: the DSSE envelope, JSON bytes.
    """

    statement: GateStatement
    payload_digest: str
    envelope: bytes


def tool_versions() -> dict[str, str]:
    """Return versions of what decides the result of a gate."""
    names = ("hypothesis", "mypy", "wasmtime")
    versions = {name: importlib.metadata.version(name) for name in names}
    return {"python": ".".join(map(str, sys.version_info[:3])), **versions}


def attest(result: GateResult, conditions: Conditions, signer: Signer) -> Attestation:
    """Return the signed attestation of a gate's result."""
    statement = GateStatement(
        STATEMENT_TYPE,
        (
            ResourceDescriptor(
                f"{conditions.name}@{conditions.version}",
                {"sha256": conditions.package.removeprefix("sha256:")},
            ),
        ),
        PREDICATE_TYPE,
        GatePredicate(
            gate=result.gate,
            passed=result.passed,
            summary=result.summary,
            faults=tuple(_short(fault) for fault in result.faults[:MAX_FAULTS]),
            fault_count=len(result.faults),
            details=result.details,
            runtime=conditions.runtime,
            requirements=conditions.requirements,
            risk_class=conditions.risk_class,
            predecessor=conditions.predecessor,
            history=conditions.history,
            seed=conditions.seed,
            tools=tool_versions(),
        ),
    )
    payload = msgspec.json.encode(statement)
    signature = signer.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    envelope = Envelope(
        base64.b64encode(payload).decode(),
        PAYLOAD_TYPE,
        (Signature(key_id(signer.public_key()), base64.b64encode(signature).decode()),),
    )
    return Attestation(statement, content_digest(payload), msgspec.json.encode(envelope))


def read_attestation(envelope: bytes, key: PublicKey, package: str) -> Attestation:
    """Return the attestation in `envelope`, if `key` signed it and it is about `package`.

    Args:
        envelope: the DSSE envelope.
        key: the key of who ran the gate.
        package: the package digest that it must be about.

    Raises:
        EvidenceInvalid: malformed, signed by another, or about another package.
    """
    try:
        read = read_envelope(envelope)
        payload = read.payload_bytes()
        if read.payloadType != PAYLOAD_TYPE:
            raise EvidenceInvalid(f"payloadType is {read.payloadType!r}; expected {PAYLOAD_TYPE!r}")
        found = [s for s in read.signatures if s.keyid == key_id(key)]
        if not found:
            raise EvidenceInvalid(f"no signature by key {key_id(key)}")
        message = pre_authentication_encoding(PAYLOAD_TYPE, payload)
        verify_signature(key, base64.b64decode(found[0].sig, validate=True), message)
        statement = msgspec.json.decode(payload, type=GateStatement)
    except (LedgerError, ValueError) as error:
        raise EvidenceInvalid(f"not an attestation: {error}") from error
    if (statement.type_, statement.predicate_type) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise EvidenceInvalid("not a gate's in-toto Statement v1")
    about = [subject.digest.get("sha256") for subject in statement.subject]
    if about != [package.removeprefix("sha256:")]:
        raise EvidenceInvalid(f"is about {about}; expected {package}")
    return Attestation(statement, content_digest(payload), envelope)


def statement_in(envelope: bytes) -> GateStatement:
    """Return what an attestation of our own says, without checking it again."""
    payload = read_envelope(envelope).payload_bytes()
    return msgspec.json.decode(payload, type=GateStatement)


def _short(fault: Fault) -> Fault:
    if len(fault.message) <= MAX_TEXT:
        return fault
    return Fault(fault.where, fault.message[:MAX_TEXT] + "…", fault.line)
