"""Which arms admit a thing that is named by its id: for explanations, which show no content."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import scopes
from ledger.gateway import MEMBER, STAMP
from ledger.second_net import ITSELF
from ledger.visible import View

MOST_ID = 256
"""Characters of the longest id."""


class Known(msgspec.Struct, frozen=True):
    """How the rows of a resource are found by an id: by these columns, hashes in hex first."""

    view: View
    columns: tuple[str, ...]

    def condition(self, name: str) -> sa.ColumnElement[bool] | None:
        """Return what a row of the id `name` fulfils; None if no row can have it."""
        for field in self.columns:
            column = self.view.fields[field]
            if not isinstance(column.type, sa.LargeBinary):
                return column == name
            if len(name) == _HEX and not set(name) - _DIGITS:
                return column == bytes.fromhex(name)
        return None


_HEX = 64
_DIGITS = frozenset("0123456789abcdef")

KNOWN: Mapping[str, Known] = MappingProxyType(
    {
        "transfer": Known(scopes.TRANSFERS, ("transfer_txid", "trade_id")),
        "transaction": Known(scopes.TRANSACTIONS, ("txid",)),
        "token": Known(scopes.TOKENS, ("token_txid",)),
        "beneficial_right": Known(scopes.RIGHTS, ("beneficial_right_id",)),
        "register": Known(scopes.REGISTERS, ("beneficial_right_id",)),
        "transfer_control": Known(scopes.CONTROLS, ("transfer_control_id",)),
        "custody": Known(scopes.CUSTODY, ("investor_id",)),
        "account_key": Known(scopes.ACCOUNT_KEYS, ("investor_id",)),
        "holding": Known(scopes.HOLDINGS, ("investor_id",)),
        "uniqueness": Known(scopes.UNIQUENESS, ("nullifier",)),
    }
)
"""The ledger's resources whose rows have an id."""


def find_arms(
    session: Session, resource: str, name: str, member_id: str
) -> frozenset[frozenset[str]]:
    """Return, for each row of an id, the arms that admit it for a member, whatever the rules.

    Rows that the same arms admit are one.

    Args:
        session: where to read.
        resource: one of `KNOWN`.
        name: the id, as members write it.
        member_id: for whom.
    """
    known = KNOWN[resource]
    condition = known.condition(name[:MOST_ID])
    if condition is None:
        return frozenset()
    viewer = sa.bindparam("viewer", member_id, type_=sa.String())
    tests = {
        arm: sa.or_(*(predicate(viewer) for predicate in predicates))
        for arm, predicates in known.view.arms.items()
    }
    columns: list[Any] = [test.label(f"arm_{i}") for i, test in enumerate(tests.values())]
    query = sa.select(*columns).select_from(known.view.source).where(condition).distinct()
    rows = session.execute(query, execution_options={**STAMP, MEMBER: ITSELF})
    return frozenset(
        frozenset(arm for arm, holds in zip(tests, row, strict=True) if holds) for row in rows
    )
