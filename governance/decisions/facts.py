"""What nobody votes on, and what it does to the network: certificates, use of contracts, time.

A fact that takes a voter away is a transition like any other: it is refused if the network
could not govern itself afterwards.
"""

import base64
import binascii
import datetime as dt
import hashlib
from collections.abc import Iterator

import msgspec

from governance.decisions import transitions
from governance.decisions.actions import contract_key
from governance.decisions.liveness import stranded
from governance.decisions.network import (
    Application,
    Certificate,
    ContractStatus,
    ContractVersion,
    Member,
    MemberStatus,
    NetworkState,
)
from governance.decisions.statements import (
    ApplicationReceived,
    ApplicationWithdrawn,
    CertificateIssued,
    CertificateRevoked,
    ContractActivated,
    ContractGated,
    ContractHalted,
    ContractReopened,
    ContractUnused,
    ContractUsed,
    Elapsed,
    Fact,
    FreezeExpired,
    MemberLeft,
    ProposalHalted,
)
from governance.errors import FactRefused, NetworkStranded

_TIMED = (ContractStatus.SCHEDULED, ContractStatus.FROZEN)
_STANDING = (MemberStatus.ACTIVE, MemberStatus.SUSPENDED)


def observe(state: NetworkState, fact: Fact, at: dt.datetime) -> NetworkState:
    """Return the network once `fact` holds.

    Raises:
        FactRefused: the network knows nothing that it could be a fact about.
        NetworkStranded: the network could no longer decide what it can decide now.
    """
    after = msgspec.structs.replace(_changed(state, fact, at), at=at)
    lost = stranded(state, after, at)
    if lost:
        raise NetworkStranded(
            f"{fact.__struct_config__.tag} would leave undecidable: {', '.join(lost)}"
        )
    return after


def _changed(  # noqa: C901, PLR0911 - one for each arm of a closed union
    state: NetworkState, fact: Fact, at: dt.datetime
) -> NetworkState:
    match fact:
        case ApplicationReceived():
            return _receive(state, fact)
        case ApplicationWithdrawn():
            if fact.member_id not in state.applications:
                raise FactRefused(f"no open application of {fact.member_id!r}")
            left = {k: v for k, v in state.applications.items() if k != fact.member_id}
            return msgspec.structs.replace(state, applications=left)
        case MemberLeft():
            return _leave(state, fact, at)
        case CertificateIssued():
            return _issue(state, fact, at)
        case CertificateRevoked():
            return _revoke(state, fact, at)
        case ContractGated():
            return _gate(state, fact)
        case ContractReopened():
            return _reopen(state, fact)
        case ContractUsed() | ContractUnused():
            return _use(state, fact)
        case ContractActivated():
            return transitions.activate(state, _contract(state, fact, ContractStatus.SCHEDULED))
        case FreezeExpired():
            return transitions.thaw(state, _contract(state, fact, ContractStatus.FROZEN))
        case ProposalHalted() | ContractHalted():
            return _halt(state, fact)


def elapsed(state: NetworkState, at: dt.datetime) -> Iterator[Elapsed]:
    """Yield what has come by time alone at `at`, in the order of the contracts' names."""
    for _, contract in sorted(state.contracts.items()):
        name, version = contract.name, contract.version
        starts, ends = contract.activate_at, contract.frozen_until
        if contract.status is ContractStatus.SCHEDULED and starts is not None and starts <= at:
            yield ContractActivated(name, version)
        if contract.status is ContractStatus.FROZEN and ends is not None and ends <= at:
            yield FreezeExpired(name, version)


def certificate(
    serial: str, public_key: str, not_before: dt.datetime, not_after: dt.datetime, node: str
) -> Certificate:
    """Return a certificate as the network knows it; its key id follows from the key.

    Raises:
        FactRefused: `public_key` is not base64.
    """
    return Certificate(serial, spki_key_id(public_key), public_key, not_before, not_after, node)


def spki_key_id(public_key: str) -> str:
    """Return the key id (`ledger.keys.key_id`) of a DER public key in base64.

    Raises:
        FactRefused: it is not base64.
    """
    try:
        return hashlib.sha256(base64.b64decode(public_key, validate=True)).hexdigest()
    except binascii.Error as error:
        raise FactRefused(f"a public key is not base64: {error}") from error


def _receive(state: NetworkState, fact: ApplicationReceived) -> NetworkState:
    member = state.members.get(fact.member_id)
    if fact.member_id in state.applications:
        raise FactRefused(f"{fact.member_id} has an open application already")
    if member is not None and member.status in _STANDING:
        raise FactRefused(f"{fact.member_id} is a member already")
    application = Application(
        fact.member_id, fact.legal_name, fact.roles, fact.sponsor, fact.digest
    )
    return msgspec.structs.replace(
        state, applications={**state.applications, fact.member_id: application}
    )


def _leave(state: NetworkState, fact: MemberLeft, at: dt.datetime) -> NetworkState:
    member = _member(state, fact.member_id)
    certificates = tuple(
        c if c.revoked_at else msgspec.structs.replace(c, revoked_at=at)
        for c in member.certificates
    )
    left = msgspec.structs.replace(member, status=MemberStatus.LEFT, certificates=certificates)
    return transitions.put_member(state, left)


def _issue(state: NetworkState, fact: CertificateIssued, at: dt.datetime) -> NetworkState:
    member = _member(state, fact.member_id)
    issued = certificate(fact.serial, fact.public_key, fact.not_before, fact.not_after, fact.node)
    owner = state.key_owner(issued.key_id)
    if owner is not None and owner.id != member.id:
        raise FactRefused(f"key {issued.key_id} belongs to another member")
    earlier = member.certificates
    if any(c.serial == issued.serial for c in earlier):
        raise FactRefused(f"serial {issued.serial} was issued before")
    if issued.key_id in member.recovering:
        lost = {c.key_id for c in earlier if c.node == issued.node} - {issued.key_id}
        earlier = tuple(
            msgspec.structs.replace(c, revoked_at=at)
            if c.key_id in lost and c.revoked_at is None
            else c
            for c in earlier
        )
    renewed = msgspec.structs.replace(
        member,
        certificates=(*earlier, issued),
        enrolled=True,
        recovering=member.recovering - {issued.key_id},
    )
    return transitions.put_member(state, renewed)


def _revoke(state: NetworkState, fact: CertificateRevoked, at: dt.datetime) -> NetworkState:
    member = state.members.get(fact.member_id)
    known = member is not None and any(c.serial == fact.serial for c in member.certificates)
    if member is None or not known:
        raise FactRefused(f"no certificate {fact.serial} of {fact.member_id!r}")
    certificates = tuple(
        msgspec.structs.replace(c, revoked_at=at)
        if c.serial == fact.serial and c.revoked_at is None
        else c
        for c in member.certificates
    )
    return transitions.put_member(state, msgspec.structs.replace(member, certificates=certificates))


def _gate(state: NetworkState, fact: ContractGated) -> NetworkState:
    key = contract_key(fact.name, fact.version)
    known = state.contracts.get(key)
    status = ContractStatus.GATED
    if known is not None:
        if known.package != fact.package:
            raise FactRefused(f"{key} has the digest {known.package}; a version never changes")
        if known.status not in (ContractStatus.GATED, ContractStatus.DEPRECATED):
            raise FactRefused(f"{key} is {known.status}; its evidence is closed")
        status = known.status
    contract = ContractVersion(
        name=fact.name,
        version=fact.version,
        owner=fact.owner,
        package=fact.package,
        evidence=fact.evidence,
        runtime=fact.runtime,
        base=fact.base,
        status=status,
    )
    return transitions.put_contract(state, contract)


def _reopen(state: NetworkState, fact: ContractReopened) -> NetworkState:
    key = contract_key(fact.name, fact.version)
    known = state.contracts.get(key)
    if known is None or known.status is not ContractStatus.GATED:
        raise FactRefused(f"{key} is {known.status if known else 'unknown'}, not gated")
    left = {k: contract for k, contract in state.contracts.items() if k != key}
    return msgspec.structs.replace(state, contracts=left)


def _use(state: NetworkState, fact: ContractUsed | ContractUnused) -> NetworkState:
    users = state.contract_users.get(fact.name, frozenset())
    if isinstance(fact, ContractUsed):
        _member(state, fact.registrar)
        users |= {fact.registrar}
    else:
        users -= {fact.registrar}
    return msgspec.structs.replace(state, contract_users={**state.contract_users, fact.name: users})


def _halt(state: NetworkState, fact: ProposalHalted | ContractHalted) -> NetworkState:
    if isinstance(fact, ProposalHalted):
        proposal = state.proposals.get(fact.proposal)
        if proposal is None:
            raise FactRefused(f"no open proposal {fact.proposal}")
        halted = msgspec.structs.replace(proposal, halted=f"not applicable: {fact.reason}")
        return msgspec.structs.replace(state, proposals={**state.proposals, proposal.id: halted})
    contract = state.contracts.get(contract_key(fact.name, fact.version))
    if contract is None or contract.status not in _TIMED:
        raise FactRefused(f"nothing is due of {fact.name}@{fact.version}")
    frozen = msgspec.structs.replace(
        contract,
        status=ContractStatus.FROZEN,
        activate_at=None,
        frozen_from=contract.frozen_from or ContractStatus.DEPRECATED,
        frozen_until=None,
    )
    return transitions.put_contract(state, frozen)


def _contract(state: NetworkState, fact: Elapsed, status: ContractStatus) -> ContractVersion:
    key = contract_key(fact.name, fact.version)
    contract = state.contracts.get(key)
    if contract is None or contract.status is not status:
        raise FactRefused(f"{key} is {contract.status if contract else 'unknown'}, not {status}")
    return contract


def _member(state: NetworkState, member_id: str) -> Member:
    member = state.members.get(member_id)
    if member is None or member.status not in _STANDING:
        raise FactRefused(f"{member_id!r} is {member.status if member else 'no member'}")
    return member
