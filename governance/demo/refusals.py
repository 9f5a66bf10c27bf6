"""Three things that the network must refuse, tried for real."""

from collections.abc import Callable
from typing import Any

from governance.client import governing
from governance.client.connection import Refused
from governance.decisions.actions import ChangeLegalName
from governance.demo.scenario import Scenario
from governance.errors import LoadFailed
from ledger.components import Transfer

ABSENT_TXID = "0" * 64


def try_refusals(scenario: Scenario) -> list[dict[str, Any]]:
    """Return what was tried, by whom, and how the network refused it.

    Raises:
        LoadFailed: something was allowed that must not be.
    """
    return [
        _vote_by_the_wrong_role(scenario),
        _double_spend(scenario),
        _query_outside_the_scope(scenario),
    ]


def _vote_by_the_wrong_role(scenario: Scenario) -> dict[str, Any]:
    chair = scenario.connections[scenario.administrator]
    stranger = scenario.member_of("asset_manager", "fundraiser", "auditor")
    action = ChangeLegalName(member_id=stranger, legal_name="A name that will not be voted on")
    proposal = governing.propose(chair, [action], "to be withdrawn")["id"]
    connection = scenario.connections[stranger]
    role = next(row.role for row in scenario.data.members if row.member_id == stranger)
    refusal = _refused(
        "a vote by a role that has none",
        stranger,
        lambda: governing.vote(connection, proposal, approve=True, role=role),
    )
    governing.withdraw(chair, proposal, "it has served")
    return refusal


def _double_spend(scenario: Scenario) -> dict[str, Any]:
    row, spent = scenario.spent_token()
    receiver = scenario.other_investor(row)
    composer = scenario.composer(row.registered_by)
    output = spent.token.__class__(
        spent.token.token_id, receiver, spent.token.quantity, spent.token.issuer_info
    )
    again = Transfer(
        trade_id="DOUBLE-SPEND",
        transfer_creator_id=row.registered_by,
        beneficial_right_id=row.beneficial_right_id,
        from_investor_id=spent.token.investor_id,
        to_investor_id=receiver,
        quantity=spent.token.quantity,
        settlement_date=row.settlement_date,
        transfer_type="transfer",
        cancels_trade_id="",
        registered_at=scenario.last_registration(),
        registered_by=row.registered_by,
    )
    signed = composer.sign([spent], [output], [again])
    connection = scenario.connections[row.registered_by]
    return _refused(
        "spending a token twice",
        row.registered_by,
        lambda: connection.post_bytes("/v1/ledger/transactions", signed.data, "application/json"),
    )


def _query_outside_the_scope(scenario: Scenario) -> dict[str, Any]:
    txid, outsider = scenario.foreign_transaction()
    connection = scenario.connections[outsider]
    hidden = _refused(
        "reading a transaction of other firms' customers",
        outsider,
        lambda: connection.get(f"/v1/ledger/transactions/{txid}"),
    )
    absent = _refused(
        "", outsider, lambda: connection.get(f"/v1/ledger/transactions/{ABSENT_TXID}")
    )
    echoed = absent["detail"].replace(ABSENT_TXID, txid)
    if hidden | {"tried": ""} != absent | {"detail": echoed}:
        raise LoadFailed(f"{outsider} can tell a hidden transaction from one that is not there")
    return hidden | {"same_as_absent": True}


def _refused(tried: str, by: str, attempt: Callable[[], Any]) -> dict[str, Any]:
    try:
        attempt()
    except Refused as refusal:
        return {
            "tried": tried,
            "by": by,
            "status": refusal.status,
            "type": refusal.problem.get("type", ""),
            "detail": refusal.problem.get("detail", ""),
        }
    raise LoadFailed(f"{by} was not refused: {tried}")
