"""Running the gates of a registered version again, elsewhere, and comparing digests.

Any member can: the archive, the evidence and the runtime are public to members, the requirements
come with the product, and the seed follows from the package digest. Only the replay of recorded
transactions needs the ledger itself: a member without it is told that this gate was not run.
"""

from collections.abc import Iterator, Sequence

import msgspec

from contracts.errors import EvidenceInvalid
from contracts.evidence import Attestation, attest, read_attestation, statement_in
from contracts.gates.requirements import shipped_requirements
from contracts.gates.subjects import Machines, Progress, Recorded, Subject
from contracts.gating import run_gate
from contracts.jobs import conditions_of, seed_of
from contracts.packages import open_package
from contracts.sandbox.runtime import Runtime
from ledger.keys import PublicKey
from ledger.statements import Signer

NO_RECORD = "the recorded transactions are the network's; a member sees only its own"


class Comparison(msgspec.Struct, frozen=True):
    """One gate, as attested and as found here.

    Args:
        gate: the gate's name.
        attested: digest of the attested payload.
        found: digest of the payload that was made here; empty if the gate could not be run here.
        same: whether they agree: then the attestation is true. None if it could not be run here.
        differs: which parts of the predicate differ, such as `tools` or `details`.
        remark: why it could not be run here.
    """

    gate: str
    attested: str
    found: str
    same: bool | None
    differs: tuple[str, ...]
    remark: str = ""


class Registered(msgspec.Struct, frozen=True):
    """What a registry says about a version.

    Args:
        archive: the version's archive.
        envelopes: its attestations, DSSE envelopes.
        predecessor: archive of the version that it was compared with.
    """

    archive: bytes
    envelopes: Sequence[bytes]
    predecessor: bytes | None = None


def reattest(
    said: Registered,
    key: PublicKey,
    signer: Signer,
    runtime: Runtime,
    machines: Machines,
    *,
    recorded: Sequence[Recorded] = (),
    progress: Progress = lambda _gate, _done, _total: None,
) -> Iterator[tuple[Comparison, Attestation | None]]:
    """Yield, for each attested gate, the comparison and an attestation of one's own.

    A gate that replays recorded transactions which are not at hand is told as not run.

    Args:
        said: what the registry says.
        key: the key of who made the attestations.
        signer: signs one's own.
        runtime: the version's runtime, from this machine's cache.
        machines: to run on.
        recorded: recorded transactions, where the ledger is at hand.
        progress: is told how far a gate is.

    Raises:
        EvidenceInvalid: an attestation is not that key's about this package, or was made under
            another predecessor, runtime or other requirements than given here.
        PackageInvalid: an archive is not a package.
    """
    package = open_package(said.archive)
    table, requirements = shipped_requirements()
    subject = Subject(
        package=package,
        runtime=runtime,
        machines=machines,
        requirements=table.of(package.manifest.risk_class),
        seed=seed_of(package.digest),
        predecessor=None if said.predecessor is None else open_package(said.predecessor),
        history=lambda: iter(recorded),
        progress=progress,
    )
    conditions = conditions_of(subject, requirements, recorded)
    for envelope in said.envelopes:
        theirs = read_attestation(envelope, key, package.digest)
        made = theirs.statement.predicate
        if made.gate == "replay" and made.history != conditions.history:
            yield Comparison(made.gate, theirs.payload_digest, "", None, (), NO_RECORD), None
            continue
        same_history = msgspec.structs.replace(conditions, history=made.history)
        for field in ("runtime", "requirements", "predecessor", "seed"):
            if getattr(made, field) != getattr(conditions, field):
                raise EvidenceInvalid(
                    f"{made.gate} was attested with {field} {getattr(made, field)};"
                    f" here it is {getattr(conditions, field)}"
                )
        ours = attest(run_gate(made.gate, subject), same_history, signer)
        yield _compared(theirs, ours), ours


def _compared(theirs: Attestation, ours: Attestation) -> Comparison:
    one, other = theirs.statement.predicate, statement_in(ours.envelope).predicate
    return Comparison(
        gate=one.gate,
        attested=theirs.payload_digest,
        found=ours.payload_digest,
        same=theirs.payload_digest == ours.payload_digest,
        differs=tuple(
            field for field in one.__struct_fields__ if getattr(one, field) != getattr(other, field)
        ),
    )
