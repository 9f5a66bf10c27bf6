"""A log that somebody forged and signed anew: the audit fails and names the entry.

The forger has the log's key, the service's and, where it says so, the issuing authority's: all
that the platform administrator has. It has no member's key, except a colluding member's.
"""

import base64
import datetime as dt
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from contracts.jobs import EVIDENCE_KIND
from governance.audit import audit, open_source
from governance.decisions.actions import AdoptRuleSet
from governance.decisions.parameters import NetworkParameters
from governance.decisions.statements import (
    CertificateIssued,
    Decision,
    FactSaid,
    Proposal,
    Receipt,
    Status,
    Vote,
)
from governance.errors import EntryWrong, ReplayDiffers
from governance.identity import announcements as announced
from governance.identity.profile import (
    CertificateKind,
    CertificateOrder,
    Issuer,
    new_serial,
    node_certificate,
    signing_hash,
)
from governance.identity.store import latest_authority
from governance.incidents.statements import Report
from ledger.database import reading
from ledger.hashing import content_digest
from ledger.keys import PrivateKey, key_id, load_public_key, public_bytes
from ledger.statements import Signer, Statement, read_envelope, read_statement, sign_statement
from policies.compilation import compile_rules
from policies.differences import compare_rules
from policies.engine import parse_rule_set
from tests.auditing.network import AMENDED, AuditedNetwork, write_log
from tests.decisions.world import DAY, NETWORK, new_key, spki

Log = list[tuple[str, bytes]]
A_RULE = "p, role:registrar, holding, read, own_register, *, clear\n"
Forged = tuple[Log, int]
"""The forged log and the index of the entry that is to be named."""


class Forger:
    """What a forger has and does."""

    def __init__(self, network: AuditedNetwork) -> None:
        self.network = network
        self.log: Log = [(kind, data) for _, kind, data in network.log()]

    def places(self, kind: str) -> list[int]:
        return [i for i, (found, _) in enumerate(self.log) if found == kind]

    def body(self, place: int, body: type[msgspec.Struct]) -> msgspec.Struct:
        return self.statement(place, body).body

    def statement(self, place: int, body: type[msgspec.Struct]) -> Statement:
        kind, data = self.log[place]
        return read_statement(read_envelope(data), kind, body)

    def time(self, place: int) -> dt.datetime:
        """The time of the newest service statement up to `place`."""
        for kind, data in reversed(self.log[: place + 1]):
            if kind in ("receipt", "fact", "decision", "parameters"):
                return read_statement(read_envelope(data), kind, msgspec.Raw).issued_at
        raise AssertionError

    def say(
        self, kind: str, body: msgspec.Struct, at: dt.datetime, signer: Signer | None = None
    ) -> bytes:
        said = Statement(secrets.token_hex(16), NETWORK, "platform", at, at + DAY, body)
        return sign_statement(kind, said, signer or self.network.service)

    def resay(
        self, place: int, body: type[msgspec.Struct], signer: Signer | None = None, **changes: Any
    ) -> None:
        """Let the service say something else at `place`, at the same time."""
        old = self.statement(place, body)
        new = msgspec.structs.replace(old.body, **changes)
        said = msgspec.structs.replace(old, body=new)
        kind = self.log[place][0]
        self.log[place] = kind, sign_statement(kind, said, signer or self.network.service)

    def receive(self, statement: bytes, at: dt.datetime) -> Log:
        receipt = self.say("receipt", Receipt(content_digest(statement)), at)
        kind = read_envelope(statement).kind
        return [(kind, statement), ("receipt", receipt)]

    def certify(
        self,
        member: str,
        spki_bytes: bytes,
        valid_from: dt.datetime,
        issuer: Issuer | None = None,
        key: PrivateKey | None = None,
    ) -> bytes:
        """Let the issuing authority, or another one, sign whatever the forger wants."""
        authority = self.network.authority
        order = CertificateOrder(
            CertificateKind.NODE, NETWORK, member, "node-9", "x", ("registrar",), "x.example",
            spki_bytes,
        )  # fmt: skip
        if issuer is None:
            with reading(self.network.engine) as session:
                issuer = authority.issuer(latest_authority(session, "issuing"))
        key = key or authority.keystore.private_key(issuer.name)
        builder = node_certificate(order, issuer, new_serial(), valid_from.replace(microsecond=0))
        certificate = builder.sign(key, signing_hash(key))
        return self.say(
            "certificate",
            announced.CertificateIssued(
                f"{certificate.serial_number:x}",
                member,
                "node-9",
                key_id(load_public_key(spki_bytes)),
                issuer.name,
                certificate.public_bytes(Encoding.DER),
            ),
            self.time(len(self.log) - 1),
        )

    def decisions(self) -> list[tuple[int, str]]:
        """Where each decision is, and on which proposal."""
        return [(i, self.body(i, Decision).proposal) for i in self.places("decision")]

    def proposal_of(self, action: str) -> int:
        """Where the member's proposal with this kind of action is."""
        wanted = f'"kind":"{action}"'.encode()
        return next(
            i for i in self.places("proposal")
            if wanted in read_envelope(self.log[i][1]).payload_bytes()
        )  # fmt: skip


def vote_by_suspended_member(f: Forger) -> Forged:
    end = len(f.log)
    vote = f.network.sign("direct-a", "vote", Vote("sha256:0", "direct_securities_firm", True))
    return f.log + f.receive(vote, f.network.at), end


def vote_by_former_key(f: Forger) -> Forged:
    """A vote with a key that nobody certified, received by the service."""
    end = len(f.log)
    vote = f.network.sign("trust-a", "vote", Vote("sha256:0", "registrar", True), key=new_key())
    return f.log + f.receive(vote, f.network.at), end


def approval_without_quorum(f: Forger) -> Forged:
    decision = f.places("decision")[-1]
    assert [kind for kind, _ in f.log[decision - 2 : decision]] == ["vote", "receipt"]
    return f.log[: decision - 2] + f.log[decision:], decision - 2


def back_dated_certificate(f: Forger) -> Forged:
    key = new_key()
    at = f.network.at - 20 * DAY
    certificate = f.certify("trust-a", public_bytes(key.public_key()), at)
    return [*f.log, ("certificate", certificate)], len(f.log)


def certificate_of_no_authority(f: Forger) -> Forged:
    place = f.places("certificate")[-1]
    der = bytearray(f.body(place, announced.CertificateIssued).certificate)
    der[-1] ^= 1
    f.resay(place, announced.CertificateIssued, certificate=bytes(der))
    return f.log, place


def certificate_for_anothers_key(f: Forger) -> Forged:
    theirs = public_bytes(f.network.keys["trust-b"].public_key())
    return [*f.log, ("certificate", f.certify("trust-a", theirs, f.network.at))], len(f.log)


def fact_without_certificate(f: Forger) -> Forged:
    fact = CertificateIssued(
        "trust-a", "77", spki(new_key()), f.network.at - DAY, f.network.at + DAY, "node-1"
    )
    said = f.say("fact", FactSaid(fact), f.network.at)
    return [*f.log, ("fact", said)], len(f.log)


def rule_set_swapped(f: Forger) -> Forged:
    place = f.proposal_of("adopt_rule_set")
    kind, data = f.log[place]
    envelope = read_envelope(data)
    payload = envelope.payload_bytes()
    digest = re.search(rb'"rule_set":"(sha256:[0-9a-f]{64})"', payload)
    swapped = payload.replace(digest[1], b"sha256:" + b"0" * 64)
    forged = msgspec.json.encode(
        msgspec.structs.replace(envelope, payload=base64.b64encode(swapped).decode())
    )
    f.log[place] = kind, forged
    f.resay(place + 1, Receipt, statement=content_digest(forged))
    return f.log, place


def dropped_vote(f: Forger) -> Forged:
    decision = f.places("decision")[2]
    first_vote = max(i for i in f.places("proposal") if i < decision) + 2
    del f.log[first_vote : first_vote + 2]
    return f.log, decision - 2


def dropped_certificate(f: Forger) -> Forged:
    place = f.places("certificate")[-1]
    del f.log[place]
    return f.log, place


def reordered_votes(f: Forger) -> Forged:
    first = f.proposal_of("approve_contract") + 2
    assert [k for k, _ in f.log[first : first + 4]] == ["vote", "receipt"] * 2
    f.log[first : first + 2], f.log[first + 2 : first + 4] = (
        f.log[first + 2 : first + 4],
        f.log[first : first + 2],
    )
    return f.log, first + 3


def reordered_pair(f: Forger) -> Forged:
    place = f.places("certificate")[-1]
    f.log[place], f.log[place + 1] = f.log[place + 1], f.log[place]
    return f.log, place


def decision_altered(f: Forger) -> Forged:
    place = f.places("decision")[-1]
    f.resay(place, Decision, outcome=Status.REJECTED)
    return f.log, place


def replayed_vote(f: Forger) -> Forged:
    place = f.places("vote")[-1]
    return f.log + f.receive(f.log[place][1], f.time(len(f.log) - 1)), len(f.log)


def contract_without_evidence(f: Forger) -> Forged:
    f.log = [entry for entry in f.log if entry[0] != EVIDENCE_KIND]
    return f.log, _gated(f)


def contract_with_less_evidence(f: Forger) -> Forged:
    del f.log[f.places(EVIDENCE_KIND)[0]]
    return f.log, _gated(f)


def _gated(f: Forger) -> int:
    wanted = b'"kind":"contract_gated"'
    return next(i for i in f.places("fact") if wanted in read_envelope(f.log[i][1]).payload_bytes())


def contract_never_submitted(f: Forger) -> Forged:
    place = f.places("contract-package")[0]
    del f.log[place]
    return f.log, f.places(EVIDENCE_KIND)[0]


def parameters_version_skipped(f: Forger) -> Forged:
    place = f.places("parameters")[1]
    f.resay(place, NetworkParameters, version=3)
    return f.log, place


def parameters_not_announced(f: Forger) -> Forged:
    place = f.places("parameters")[1]
    del f.log[place]
    return f.log, next(i for i, (k, _) in enumerate(f.log) if i >= place and k in _GOVERNANCE)


_GOVERNANCE = ("fact", "receipt", "decision", "parameters")


def foreign_service_key(f: Forger) -> Forged:
    place = f.places("decision")[-1]
    f.resay(place, Decision, signer=new_key())
    return f.log, place


def incident_by_a_stranger(f: Forger) -> Forged:
    at = f.network.at
    report = Report("api_errors", "the API", "", "it burns", at)
    said = f.network.sign("trust-a", "incident", report, key=new_key())
    return [*f.log, ("incident", said)], len(f.log)


def transaction_twice(f: Forger) -> Forged:
    return [*f.log, f.log[f.places("transaction")[0]]], len(f.log)


def second_genesis(f: Forger) -> Forged:
    return [*f.log, f.log[f.places("genesis")[0]]], len(f.log)


def another_root(f: Forger) -> Forged:
    place = f.places("authority")[0]
    der = f.body(f.places("authority")[1], announced.AuthorityCertified).certificate
    f.resay(place, announced.AuthorityCertified, certificate=der)
    return f.log, place


def _propose_rules(f: Forger, text: str, difference: str) -> Forged:
    """A colluding member's proposal of rules, received by the service whatever it names."""
    action = AdoptRuleSet(rule_set=content_digest(text.encode()), difference=difference)
    binds = {"rule_set": f.network.state().parameters.rule_set}
    said = f.network.sign("platform", "proposal", Proposal((action,), binds, ""))
    return f.log + f.receive(said, f.network.at), len(f.log)


def _documents(folder: Path, *texts: str) -> Path:
    folder.mkdir()
    for place, text in enumerate(texts):
        (folder / f"rules-{place}.txt").write_text(text)
    return folder


@pytest.mark.parametrize("honest", [True, False])
def test_a_difference_that_is_not_the_rules_own_is_found_out(
    network: AuditedNetwork, tmp_path: Path, *, honest: bool
):
    """Voters are shown what a rule set reveals and hides by its digest: the audit computes it."""
    proposed = AMENDED.replace(A_RULE, "")
    before, after = (compile_rules(parse_rule_set(text)) for text in (AMENDED, proposed))
    none = compare_rules(before, before)
    real = compare_rules(before, after)
    assert real.changes
    assert not none.changes
    log, wrong = _propose_rules(Forger(network), proposed, (real if honest else none).digest)
    source = open_source(str(write_log(tmp_path / "log", log)))
    documents = _documents(tmp_path / "documents", AMENDED, proposed)
    if honest:
        assert audit(source, network.anchors(), documents=documents).size == len(log)
        return
    with pytest.raises(EntryWrong, match=f"^entry {wrong} .*difference {none.digest} is not") as e:
        audit(source, network.anchors(), documents=documents)
    assert real.digest in str(e.value)


FORGERIES: list[Callable[[Forger], Forged]] = [
    vote_by_suspended_member,
    vote_by_former_key,
    approval_without_quorum,
    back_dated_certificate,
    certificate_of_no_authority,
    certificate_for_anothers_key,
    fact_without_certificate,
    rule_set_swapped,
    dropped_vote,
    dropped_certificate,
    reordered_votes,
    reordered_pair,
    decision_altered,
    replayed_vote,
    contract_without_evidence,
    contract_with_less_evidence,
    contract_never_submitted,
    parameters_version_skipped,
    parameters_not_announced,
    foreign_service_key,
    incident_by_a_stranger,
    transaction_twice,
    second_genesis,
    another_root,
]


def test_the_log_as_it_is_holds(network: AuditedNetwork, tmp_path: Path):
    forger = Forger(network)
    report = audit(open_source(str(write_log(tmp_path / "log", forger.log))), network.anchors())
    assert report.size == len(forger.log)
    assert report.state.encode() == network.state().encode()
    assert report.decisions == 8
    assert set(report.rule_sets.values()) == {"examined", "text not given"}


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_log_is_found_out(
    network: AuditedNetwork, tmp_path: Path, forge: Callable[[Forger], Forged]
):
    log, wrong = forge(Forger(network))
    source = open_source(str(write_log(tmp_path / "log", log)))
    with pytest.raises((EntryWrong, ReplayDiffers)) as caught:
        audit(source, network.anchors())
    assert str(caught.value).startswith(f"entry {wrong} "), str(caught.value)
