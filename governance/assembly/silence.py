"""Which nodes gave no sign of life: judged by what their members signed, without calling anyone.

A node is not called: its address is the member's own, often behind a firewall, and a server that
calls whatever address a member registers can be led astray. Whoever runs a node asks for a token
every ten minutes; every token and every statement is noted with its author.
"""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from governance.access.tables import SpentStatement
from governance.decisions.network import NetworkState
from governance.membership.tables import NodeRow


def last_signs(session: Session, network: NetworkState, at: dt.datetime) -> dict[str, dt.datetime]:
    """Return since when nothing was heard of each node, by `member/node`.

    Only nodes with an address count, of members that may act, whose keys are not kept here: what
    the platform administrator hosts is this process itself.

    Args:
        session: where to read.
        network: the network now.
        at: the time now, UTC.
    """
    query = sa.select(NodeRow).where(
        NodeRow.removed_at.is_(None), NodeRow.address != "", NodeRow.hosted_key.is_(None)
    )
    found = {}
    for node in session.scalars(query):
        member = network.members.get(node.member_id)
        if member is None or not member.able(at) or not network.acting(member.id):
            continue
        certified = min(c.not_before for c in member.certificates if c.valid(at))
        heard = _last_said(session, node.member_id)
        found[f"{node.member_id}/{node.name}"] = max(node.added_at, certified, heard or certified)
    return found


def _last_said(session: Session, member: str) -> dt.datetime | None:
    return session.scalar(
        sa.select(SpentStatement.spent_at)
        .where(SpentStatement.author == member)
        .order_by(SpentStatement.spent_at.desc())
        .limit(1)
    )
