import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from contracts.errors import EvidenceInvalid
from contracts.evidence import attest
from contracts.gates.requirements import shipped_requirements
from contracts.gates.subjects import Machines, Subject
from contracts.gating import GATES
from contracts.jobs import conditions_of, seed_of
from contracts.reattesting import Registered, reattest
from contracts.sandbox.runtime import Runtime
from ledger.keys import SoftwareSigner
from tests.contracts.weak import weak_package

REGISTRY = SoftwareSigner(ed25519.Ed25519PrivateKey.generate())
MEMBER = SoftwareSigner(ed25519.Ed25519PrivateKey.generate())


QUICK = ("lint", "examples", "bounds", "properties", "replay")


def attested(
    runtime: Runtime, machines: Machines, names: tuple[str, ...] = QUICK
) -> dict[str, bytes]:
    """Attestations of the registry about the weak package."""
    package = weak_package()
    table, digest = shipped_requirements()
    seed = seed_of(package.digest)
    subject = Subject(package, runtime, machines, table.high, seed)
    conditions = conditions_of(subject, digest, ())
    return {n: attest(GATES[n](subject), conditions, REGISTRY).envelope for n in names}


def test_a_member_finds_the_same_and_notices_a_lie(runtime: Runtime, machines: Machines):
    evidence = attested(runtime, machines)
    archive = weak_package().archive()
    key = REGISTRY.public_key()
    made = list(
        reattest(Registered(archive, list(evidence.values())), key, MEMBER, runtime, machines)
    )
    assert [each.gate for each, _ in made] == list(evidence)
    assert all(each.same for each, _ in made), [each for each, _ in made if not each.same]

    package = weak_package()
    table, digest = shipped_requirements()
    subject = Subject(package, runtime, machines, table.high, seed_of(package.digest))
    conditions = conditions_of(subject, digest, ())
    lie = msgspec.structs.replace(GATES["lint"](subject), passed=False, summary="3 finding(s)")
    told = attest(lie, conditions, REGISTRY).envelope
    [(found, _)] = reattest(Registered(archive, [told]), key, MEMBER, runtime, machines)
    assert (found.same, found.differs) == (False, ("passed", "summary"))

    other = msgspec.structs.replace(conditions, seed=conditions.seed + 1)
    elsewhere = attest(GATES["lint"](subject), other, REGISTRY).envelope
    with pytest.raises(EvidenceInvalid, match="attested with seed"):
        list(reattest(Registered(archive, [elsewhere]), key, MEMBER, runtime, machines))
    with pytest.raises(EvidenceInvalid, match="no signature by key"):
        list(reattest(Registered(archive, [told]), MEMBER.public_key(), MEMBER, runtime, machines))


@pytest.mark.slow
def test_long_gates_come_out_the_same_too(runtime: Runtime, machines: Machines):
    evidence = attested(runtime, machines, ("determinism", "mutation"))
    said = Registered(weak_package().archive(), list(evidence.values()))
    made = list(reattest(said, REGISTRY.public_key(), MEMBER, runtime, machines))
    assert [each.same for each, _ in made] == [True, True]
