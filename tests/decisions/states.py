"""Networks as plain values, for tests that need no database."""

import base64
import datetime as dt

import msgspec

from governance.decisions.actions import Action
from governance.decisions.facts import spki_key_id
from governance.decisions.folding import found
from governance.decisions.genesis import first_parameters, shipped_voting_rules
from governance.decisions.network import (
    Application,
    Ballot,
    Certificate,
    ContractStatus,
    ContractVersion,
    Member,
    MemberStatus,
    NetworkState,
    OpenProposal,
)
from governance.decisions.statements import FirstMember, Genesis

AT = dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)
YEAR = dt.timedelta(days=365)


def public_key(member: str) -> str:
    """A made-up key: these tests sign nothing."""
    return base64.b64encode(f"key of {member}".encode()).decode()


def certificate(member: str, end: dt.datetime = AT + YEAR) -> Certificate:
    key = public_key(member)
    return Certificate(f"serial of {member}", spki_key_id(key), key, AT - YEAR, end, "node")


def member(name: str, *roles: str, **changes: object) -> Member:
    made = Member(
        name,
        f"{name} K.K.",
        MemberStatus.ACTIVE,
        frozenset(roles),
        certificates=(certificate(name),),
        enrolled=True,
    )
    return msgspec.structs.replace(made, **changes)


def genesis(**changes: object) -> Genesis:
    first = FirstMember(
        "platform", "Platform K.K.", "01", public_key("platform"), AT - YEAR, AT + YEAR, "node"
    )
    made = Genesis(
        "kiso",
        public_key("service"),
        first,
        base64.b64encode(b"root").decode(),
        base64.b64encode(b"issuing").decode(),
        first_parameters("kiso", "platform", "sha256:" + "0" * 64, ("runtime-1",)),
        shipped_voting_rules(),
    )
    return msgspec.structs.replace(made, **changes)


def network(*others: Member, **changes: object) -> NetworkState:
    state = msgspec.structs.replace(found(genesis(), AT), announced=1)
    members = {**state.members, **{m.id: m for m in others}}
    return msgspec.structs.replace(state, members=members, **changes)


def contract(version: str = "1.0.0", **changes: object) -> ContractVersion:
    made = ContractVersion(
        "right", version, "trust-a", f"p{version}", "e", "runtime-1", "", ContractStatus.GATED
    )
    return msgspec.structs.replace(made, **changes)


def with_contracts(state: NetworkState, *contracts: ContractVersion) -> NetworkState:
    return msgspec.structs.replace(state, contracts={f"{c.name}@{c.version}": c for c in contracts})


def application(name: str, *roles: str, sponsor: str | None = None) -> Application:
    return Application(name, f"{name} K.K.", frozenset(roles), sponsor, "sha256:a")


def proposal(*actions: Action, **changes: object) -> OpenProposal:
    made = OpenProposal("sha256:p", "platform", actions, {}, "", AT)
    return msgspec.structs.replace(made, **changes)


def ballot(
    state: NetworkState, name: str, role: str, *, approve: bool = True, minutes: int = 1
) -> Ballot:
    key = state.members[name].certificates[-1].key_id
    received = AT + dt.timedelta(minutes=minutes)
    return Ballot(name, role, key, approve, "", received, f"sha256:{name}{role}")
