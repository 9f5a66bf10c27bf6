"""What stands against each action, and what each one changes."""

import datetime as dt

import msgspec
import pytest

from governance.decisions.actions import (
    Action,
    Admit,
    AdoptRuleSet,
    ApproveContract,
    ChangeLegalName,
    ChangeParameters,
    ChangeVotingRules,
    ConfirmFreeze,
    Decline,
    DeprecateContract,
    FreezeContract,
    GrantRole,
    RecoverKey,
    RegisterRuntime,
    Reinstate,
    RemoveRole,
    RetireContract,
    Revoke,
    RotateCaKey,
    Suspend,
    UnfreezeContract,
)
from governance.decisions.facts import observe
from governance.decisions.folding import found
from governance.decisions.network import (
    ContractStatus,
    MemberStatus,
    NetworkState,
    decode_state,
)
from governance.decisions.statements import (
    CertificateIssued,
    ContractGated,
    ContractUsed,
    MemberLeft,
)
from governance.decisions.tallies import decidable
from governance.decisions.transitions import apply, validate
from governance.decisions.voting import Status, decide
from governance.errors import FactRefused, NetworkUnfounded
from ledger.hashing import content_digest
from tests.decisions.states import (
    AT,
    YEAR,
    application,
    ballot,
    contract,
    genesis,
    member,
    network,
    proposal,
    public_key,
    with_contracts,
)

TRUSTS = (member("trust-a", "registrar"), member("trust-b", "registrar"))
NETWORK = network(*TRUSTS, member("out", "custodian", status=MemberStatus.SUSPENDED))
APPLIED = msgspec.structs.replace(
    NETWORK,
    applications={
        "new": application("new", "custodian"),
        "trust-a": application("trust-a", "registrar"),
        "odd": application("odd", "king"),
        "shop": application("shop", "intermediary", sponsor="out"),
        "shop2": application("shop2", "intermediary", sponsor="trust-a"),
    },
)
NAMED = {"name": "right", "version": "1.0.0"}


def holding(**changes: object) -> NetworkState:
    return with_contracts(NETWORK, contract(**changes))


def parameters(**changes: object) -> ChangeParameters:
    return ChangeParameters(
        parameters=msgspec.structs.replace(NETWORK.parameters, **{"version": 2, **changes})
    )


INVALID: dict[str, tuple[NetworkState, Action, str]] = {
    "admit nobody": (APPLIED, Admit(member_id="x"), "member_id"),
    "admit a member": (APPLIED, Admit(member_id="trust-a"), "member_id"),
    "admit to a role there is not": (APPLIED, Admit(member_id="odd"), "roles"),
    "admit under a suspended sponsor": (APPLIED, Admit(member_id="shop"), "sponsor"),
    "decline nobody": (APPLIED, Decline(member_id="x", reason=""), "member_id"),
    "suspend nobody": (NETWORK, Suspend(member_id="x", reason=""), "member_id"),
    "suspend twice": (NETWORK, Suspend(member_id="out", reason=""), "member_id"),
    "reinstate an active one": (NETWORK, Reinstate(member_id="trust-a"), "member_id"),
    "grant a role there is not": (NETWORK, GrantRole(member_id="trust-a", role="king"), "role"),
    "grant a role held": (NETWORK, GrantRole(member_id="trust-a", role="registrar"), "role"),
    "grant to a suspended one": (
        NETWORK,
        GrantRole(member_id="out", role="registrar"),
        "member_id",
    ),
    "remove a role not held": (NETWORK, RemoveRole(member_id="trust-a", role="auditor"), "role"),
    "an empty name": (NETWORK, ChangeLegalName(member_id="trust-a", legal_name=""), "legal_name"),
    "recover to no key": (
        NETWORK,
        RecoverKey(member_id="trust-a", key_id="x", reason=""),
        "key_id",
    ),
    "approve nothing": (NETWORK, ApproveContract(**NAMED), "contract"),
    "approve for an unknown runtime": (
        holding(runtime="runtime-9"),
        ApproveContract(**NAMED),
        "runtime",
    ),
    "approve against another base": (holding(base="p0"), ApproveContract(**NAMED), "base"),
    "approve an active one": (
        holding(status=ContractStatus.ACTIVE, base="p1.0.0"),
        ApproveContract(**NAMED),
        "contract",
    ),
    "activate in the past": (
        holding(),
        ApproveContract(**NAMED, activate_at=AT),
        "activate_at",
    ),
    "activate without a zone": (
        holding(),
        ApproveContract(**NAMED, activate_at=(AT + YEAR).replace(tzinfo=None)),
        "activate_at",
    ),
    "freeze what is not in use": (holding(), FreezeContract(**NAMED, reason=""), "contract"),
    "confirm no freeze": (holding(), ConfirmFreeze(**NAMED), "contract"),
    "confirm twice": (holding(status=ContractStatus.FROZEN), ConfirmFreeze(**NAMED), "contract"),
    "unfreeze what is not frozen": (holding(), UnfreezeContract(**NAMED), "contract"),
    "deprecate what is not active": (holding(), DeprecateContract(**NAMED), "contract"),
    "retire what is active": (
        holding(status=ContractStatus.ACTIVE),
        RetireContract(**NAMED),
        "contract",
    ),
    "retire what rights use": (
        msgspec.structs.replace(
            holding(status=ContractStatus.DEPRECATED),
            contract_users={"right": frozenset({"trust-a"})},
        ),
        RetireContract(**NAMED),
        "contract",
    ),
    "a runtime twice": (NETWORK, RegisterRuntime(runtime="runtime-1"), "runtime"),
    "the same rule set": (
        NETWORK,
        AdoptRuleSet(rule_set=NETWORK.parameters.rule_set, difference=""),
        "rule_set",
    ),
    "the same voting rules": (
        NETWORK,
        ChangeVotingRules(voting_rules=NETWORK.voting_rules),
        "voting_rules",
    ),
    "voting rules with faults": (
        NETWORK,
        ChangeVotingRules(voting_rules=msgspec.structs.replace(NETWORK.voting_rules, actions={})),
        "actions.admit",
    ),
    "the same CA": (
        NETWORK,
        RotateCaKey(certificate=NETWORK.issuing_certificate),
        "certificate",
    ),
    "a version left out": (NETWORK, parameters(version=3), "parameters.version"),
    "another network": (NETWORK, parameters(network="x"), "parameters.network"),
    "a rule set by the way": (
        NETWORK,
        parameters(rule_set="sha256:" + "1" * 64),
        "parameters.rule_set",
    ),
    "a notary that is none": (NETWORK, parameters(notary="trust-a"), "parameters.notary"),
    "a transaction without end": (
        NETWORK,
        parameters(largest_transaction=1 << 40),
        "parameters.largest_transaction",
    ),
    "runtimes out of order": (NETWORK, parameters(runtimes=("b", "a")), "parameters.runtimes"),
    "a market that closes first": (
        NETWORK,
        parameters(session_opens=dt.time(18)),
        "parameters.session_opens",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid(case: str):
    state, action, where = INVALID[case]
    assert where in {fault.where for fault in validate(state, action, AT)}


def test_valid_ones_have_no_fault():
    for state, action in (
        (APPLIED, Admit(member_id="new")),
        (APPLIED, Admit(member_id="shop2")),
        (NETWORK, Reinstate(member_id="out")),
        (holding(), ApproveContract(**NAMED)),
        (NETWORK, parameters(witness_quorum=3)),
        (holding(status=ContractStatus.DEPRECATED, base="p0"), ApproveContract(**NAMED)),
    ):
        assert validate(state, action, AT) == []


def test_state_survives_its_bytes():
    state = with_contracts(APPLIED, contract())
    assert decode_state(state.encode()) == state
    assert decode_state(state.encode()).digest() == state.digest()


def test_revocation_ends_the_certificates():
    after = apply(NETWORK, Revoke(member_id="trust-a", reason="x"), AT)
    gone = after.members["trust-a"]
    assert (gone.status, gone.certificates[0].revoked_at) == (MemberStatus.REVOKED, AT)
    assert not gone.able(AT)


def test_certificate_is_valid_up_to_its_end_and_not_at_it():
    (one,) = NETWORK.members["trust-a"].certificates
    assert one.valid(one.not_before)
    assert one.valid(one.not_after - dt.timedelta(microseconds=1))
    assert not one.valid(one.not_after)


def test_thawed_version_does_not_displace_its_successor():
    frozen = contract(
        status=ContractStatus.FROZEN,
        frozen_from=ContractStatus.ACTIVE,
        frozen_until=AT,
    )
    newer = contract("1.1.0", status=ContractStatus.ACTIVE)
    after = apply(with_contracts(NETWORK, frozen, newer), UnfreezeContract(**NAMED), AT)
    statuses = {c.version: c.status for c in after.contracts.values()}
    assert statuses == {"1.0.0": ContractStatus.DEPRECATED, "1.1.0": ContractStatus.ACTIVE}


def test_activation_deprecates_the_predecessor_of_the_same_name_only():
    old = contract(status=ContractStatus.ACTIVE)
    other = contract(name="bond", status=ContractStatus.ACTIVE)
    state = with_contracts(NETWORK, old, other, contract("1.1.0"))
    after = apply(state, ApproveContract(name="right", version="1.1.0"), AT)
    assert {k: c.status.value for k, c in after.contracts.items()} == {
        "right@1.0.0": "deprecated",
        "right@1.1.0": "active",
        "bond@1.0.0": "active",
    }


REFUSED_FACTS = {
    "another package for the same version": ContractGated(
        "right", "1.0.0", "trust-a", "other", "e", "runtime-1", ""
    ),
    "a key of another member": CertificateIssued(
        "trust-b", "s9", public_key("trust-a"), AT, AT + YEAR, "node"
    ),
    "a serial again": CertificateIssued(
        "trust-a", "serial of trust-a", public_key("x"), AT, AT + YEAR, "node"
    ),
    "a certificate for nobody": CertificateIssued("x", "s9", public_key("x"), AT, AT + YEAR, "n"),
    "a stranger that leaves": MemberLeft("x"),
    "a stranger's right": ContractUsed("right", "x"),
}


@pytest.mark.parametrize("case", REFUSED_FACTS)
def test_fact_refused(case: str):
    with pytest.raises(FactRefused):
        observe(holding(), REFUSED_FACTS[case], AT)


def test_only_registrars_that_use_a_contract_are_asked():
    rights = observe(
        with_contracts(network(*TRUSTS, member("trust-c", "registrar")), contract()),
        ContractUsed("right", "trust-b"),
        AT,
    )
    action = ApproveContract(**NAMED)
    outcome = decide(rights, proposal(action), (), AT)
    seat = next(s for s in outcome.seats if s.seat.startswith("registrars"))
    assert seat.electorate == ("trust-b",)
    ballots = (
        ballot(rights, "platform", "platform_administrator"),
        ballot(rights, "trust-b", "registrar", minutes=2),
    )
    later = AT + dt.timedelta(hours=1)
    assert decide(rights, proposal(action), ballots, later).status is Status.APPROVED


def test_every_registrar_is_asked_when_those_that_use_it_are_gone():
    rights = msgspec.structs.replace(
        with_contracts(NETWORK, contract(owner="platform")),
        contract_users={"right": frozenset({"left-long-ago"})},
    )
    seat = next(
        s
        for s in decide(rights, proposal(ApproveContract(**NAMED)), (), AT).seats
        if s.seat.startswith("registrars")
    )
    assert seat.electorate == ("trust-a", "trust-b")


@pytest.mark.parametrize(("custodians", "needed"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_majority(custodians: int, needed: int):
    state = network(*TRUSTS, *(member(f"c{n}", "custodian") for n in range(custodians)))
    seats = decide(state, proposal(ApproveContract(**NAMED)), (), AT).seats
    (seat,) = [s for s in seats if s.seat.startswith("majority")]
    assert seat.required == needed


@pytest.mark.parametrize(("partners", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4)])
def test_two_thirds(partners: int, needed: int):
    state = network(*(member(f"t{n}", "registrar") for n in range(partners - 1)))
    seats = decide(state, proposal(RegisterRuntime(runtime="r")), (), AT).seats
    (seat,) = [s for s in seats if s.seat.startswith("two thirds")]
    assert seat.required == needed


def test_rejection_that_changes_nothing_does_not_reject():
    state = network(*TRUSTS, *(member(f"c{n}", "custodian") for n in range(3)))
    action = proposal(ApproveContract(**NAMED))
    one = (ballot(state, "c0", "custodian", approve=False),)
    assert decide(state, action, one, AT).status is Status.OPEN
    two = (*one, ballot(state, "c1", "custodian", approve=False))
    assert decide(state, action, two, AT).status is Status.REJECTED


def test_proposal_nobody_could_carry_expires_and_is_not_rejected():
    state = network()
    action = proposal(ApproveContract(**NAMED))
    against = (ballot(state, "platform", "platform_administrator", approve=False),)
    assert decide(state, action, (), AT).status is Status.OPEN
    assert decide(state, action, against, AT).status is Status.REJECTED
    closes = decide(state, action, (), AT).closes_at
    assert decide(state, action, (), closes).status is Status.EXPIRED
    assert decide(state, action, (), closes - dt.timedelta(seconds=1)).status is Status.OPEN


def test_carried_by_the_vote_that_filled_the_last_seat():
    state = network(*TRUSTS)
    action = proposal(Suspend(member_id="trust-b", reason="x"))
    ballots = (
        ballot(state, "platform", "platform_administrator", minutes=1),
        ballot(state, "trust-a", "registrar", minutes=7),
    )
    outcome = decide(state, action, ballots, AT)
    assert outcome.carried_at == AT + dt.timedelta(minutes=7)


def test_vote_in_a_role_that_is_gone_is_dropped_though_another_role_has_the_seat():
    both = network(*TRUSTS, member("many", "custodian", "registrar"))
    action = proposal(Suspend(member_id="trust-b", reason="x"))
    cast = (ballot(both, "many", "custodian"),)
    assert decide(both, action, cast, AT).dropped == ()
    after = apply(both, RemoveRole(member_id="many", role="custodian"), AT)
    (dropped,) = decide(after, action, cast, AT).dropped
    assert dropped.reason == "many no longer holds custodian"


def test_what_nobody_but_its_owner_could_approve_is_not_decidable():
    alone = msgspec.structs.replace(NETWORK, members={})
    owner = member("platform", "platform_administrator", "registrar")
    state = with_contracts(
        msgspec.structs.replace(alone, members={"platform": owner}), contract(owner="platform")
    )
    assert not decidable(state, ApproveContract(**NAMED), AT)
    helped = msgspec.structs.replace(
        state, members={**state.members, "c": member("c", "custodian")}
    )
    assert decidable(helped, ApproveContract(**NAMED), AT)


BAD_GENESES = {
    "another notary": {"parameters": msgspec.structs.replace(genesis().parameters, notary="x")},
    "another network": {"network": "x"},
    "a later version": {"parameters": msgspec.structs.replace(genesis().parameters, version=2)},
    "other voting rules": {
        "voting_rules": msgspec.structs.replace(genesis().voting_rules, freeze_hours=1)
    },
    "no certificate": {"issuing_certificate": "***"},
}


@pytest.mark.parametrize("case", BAD_GENESES)
def test_genesis_that_contradicts_itself(case: str):
    with pytest.raises(NetworkUnfounded):
        found(genesis(**BAD_GENESES[case]), AT)


def test_issuing_certificate_is_known_by_its_digest():
    assert found(genesis(), AT).issuing_certificate == content_digest(b"issuing")
