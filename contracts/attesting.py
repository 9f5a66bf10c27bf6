"""What members found when they ran the gates of a version themselves."""

import datetime as dt

import msgspec
from sqlalchemy.orm import Session

from contracts import store
from contracts.errors import DigestMismatch, EvidenceInvalid
from contracts.gating import GATES
from contracts.tables import MemberFindingRow
from ledger.log.sequencer import LogEntry, append
from ledger.statements import Opened
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules
from policies.errors import Fault

ATTESTATION_KIND = "contract-attestation"


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One gate.

    Args:
        gate: its name.
        payload: digest of the attestation's payload that the member made.
    """

    gate: str
    payload: str


class ContractAttestation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a member says when it ran gates itself.

    Args:
        name: the contract's name.
        version: the version.
        package: digest of the package that it ran them on.
        findings: what it found, one for each gate that it ran.
    """

    name: str
    version: str
    package: str
    findings: tuple[Finding, ...]


class FindingView(msgspec.Struct, frozen=True):
    """What a member found of one gate.

    Args:
        member: who ran it.
        gate: the gate's name.
        payload: digest of what it found.
        attested: digest of what the registry attests now; None if nothing.
        same: whether both are the same.
        at: when it said so.
    """

    member: str
    gate: str
    payload: str
    attested: str | None
    same: bool
    at: dt.datetime


def attest_version(
    session: Session,
    rules: CompiledRules,
    actor: Actor,
    opened: Opened[ContractAttestation],
    at: dt.datetime,
) -> tuple[FindingView, ...]:
    """Keep what a member found, for those who vote; return it beside the registry's evidence.

    It does not change the evidence that a vote is bound to.

    Raises:
        Denied: the actor may not attest contracts.
        VersionNotFound: there is no such version.
        DigestMismatch: it ran them on another package.
        EvidenceInvalid: the findings are not of gates, one each; with all faults.
    """
    rules.decide(actor, Action.CONTRACT_ATTEST)
    body = opened.body
    row = store.version_row(session, body.name, body.version)
    if body.package != row.digest:
        raise DigestMismatch(f"attested for {body.package}; the version has {row.digest}")
    _check(body.findings)
    [index] = append(session, [LogEntry(ATTESTATION_KIND, opened.envelope)])
    for finding in body.findings:
        session.add(
            MemberFindingRow(
                log_index=index,
                gate=finding.gate,
                digest=row.digest,
                member=actor.member_id,
                payload_digest=finding.payload,
                at=at,
            )
        )
    session.flush()
    own = [each for each in store.member_findings(session, row.digest) if each.log_index == index]
    return _views(session, row.digest, own)


def findings(
    session: Session, rules: CompiledRules, actor: Actor, name: str, version: str
) -> tuple[FindingView, ...]:
    """Return what members found of a version, oldest first.

    Raises:
        Denied: the actor may not read contracts.
        VersionNotFound: there is none.
    """
    rules.decide(actor, Action.CONTRACT_READ)
    row = store.version_row(session, name, version)
    return _views(session, row.digest, store.member_findings(session, row.digest))


def _check(found: tuple[Finding, ...]) -> None:
    gates = [finding.gate for finding in found]
    faults = [Fault("findings", "none; expected at least one")] if not found else []
    faults += [Fault(f"findings.{gate}", "no such gate") for gate in gates if gate not in GATES]
    repeated = {gate for gate in gates if gates.count(gate) > 1}
    faults += [Fault(f"findings.{gate}", "said more than once") for gate in sorted(repeated)]
    faults += [
        Fault(f"findings.{finding.gate}", f"{finding.payload[:80]!r} is no digest")
        for finding in found
        if not _is_digest(finding.payload)
    ]
    if faults:
        raise EvidenceInvalid("the findings have faults", tuple(faults))


def _is_digest(text: str) -> bool:
    hexadecimal = text.removeprefix("sha256:")
    return (
        text.startswith("sha256:")
        and len(hexadecimal) == 64  # noqa: PLR2004 - SHA-256 in hex
        and set(hexadecimal) <= set("0123456789abcdef")
    )


def _views(session: Session, digest: str, rows: list[MemberFindingRow]) -> tuple[FindingView, ...]:
    attested = {g: row.payload_digest for g, row in store.latest_evidence(session, digest).items()}
    return tuple(
        FindingView(
            member=row.member,
            gate=row.gate,
            payload=row.payload_digest,
            attested=attested.get(row.gate),
            same=attested.get(row.gate) == row.payload_digest,
            at=row.at,
        )
        for row in rows
    )
