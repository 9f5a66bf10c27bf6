"""What decisions need of the process that runs them."""

from dataclasses import dataclass

from governance.decisions.effects import Effects
from governance.identity.announcements import Herald
from ledger.statements import Desk


@dataclass(frozen=True)
class DecisionServices:
    """What routes and use cases use.

    Args:
        herald: says what the service says, with the network's service key.
        effects: what applied decisions do to the tables.
        desk: opens what members say.
    """

    herald: Herald
    effects: Effects
    desk: Desk
