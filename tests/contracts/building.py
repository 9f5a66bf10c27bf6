"""Builds transactions in the shape of `contracts.author`, for examples and tests."""

from typing import Any

Json = dict[str, Any]
LARGEST = 2**63 - 1
NOW = "2025-06-02T00:00:00Z"


def token(
    right_id: str, owner: str, quantity: int, issuer: str = "trust-a", **terms: str | int
) -> Json:
    """Return a token."""
    return {
        "token_id": right_id,
        "investor_id": owner,
        "quantity": quantity,
        "issuer_info": issuer,
        "terms": terms,
    }


def command(
    trade: str,
    right_id: str,
    kind: str,
    giver: str,
    receiver: str,
    quantity: int,
    *,
    creator: str = "direct-a",
    cancels: str = "",
    **terms: str | int,
) -> Json:
    """Return a command."""
    return {
        "trade_id": trade,
        "transfer_creator_id": creator,
        "beneficial_right_id": right_id,
        "from_investor_id": giver,
        "to_investor_id": receiver,
        "quantity": quantity,
        "settlement_date": "2025-06-04",
        "transfer_type": kind,
        "cancels_trade_id": cancels,
        "registered_at": NOW,
        "registered_by": creator,
        "terms": terms,
    }


def right(
    registrar: str, established: int, *, issued: int = 0, redemption: str = "2030-03-31"
) -> Json:
    """Return what the ledger knows about a right."""
    return {
        "registrar": registrar,
        "transfer_allowed": True,
        "established_quantity": established,
        "issued_quantity": issued,
        "redemption_date": redemption,
    }


def transaction(
    contract: str,
    *,
    commands: list[Json],
    rights: dict[str, Json],
    members: list[str],
    inputs: list[Json] | None = None,
    outputs: list[Json] | None = None,
    cancelled: dict[str, Json] | None = None,
    registered_at: str = NOW,
) -> Json:
    """Return a transaction that every owner of an input has signed."""
    consumed = inputs or []
    return {
        "contract": {"name": contract, "version": "1.0.0"},
        "registered_at": registered_at,
        "inputs": consumed,
        "outputs": outputs or [],
        "commands": commands,
        "signers": {
            "investors": sorted({each["investor_id"] for each in consumed}),
            "members": members,
        },
        "facts": {"session": "open", "rights": rights, "cancelled": cancelled or {}},
    }
