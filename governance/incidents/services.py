"""What incidents need of the process that runs them."""

from dataclasses import dataclass

from governance.identity.announcements import Herald
from ledger.statements import Desk
from policies.responsibility import ResponsibilityMatrix


@dataclass(frozen=True)
class IncidentServices:
    """What routes, use cases and the watch use.

    Args:
        herald: says what checks and deadlines say, with the network's service key.
        matrix: who answers for what.
        desk: opens what members say.
    """

    herald: Herald
    matrix: ResponsibilityMatrix
    desk: Desk
