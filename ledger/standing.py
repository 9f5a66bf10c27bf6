"""Whether a contract version may judge a new transaction, by where it is in its life."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum

from ledger import errors as e
from ledger.transactions import Transaction
from ledger.verification import ContractVersion


class Standing(StrEnum):
    """What a contract version may judge now."""

    UNKNOWN = "unknown"
    """No such version, or not with this digest."""

    NOT_YET = "not yet in force"
    """It judges nothing before the network has approved and activated it."""

    IN_FORCE = "in force"
    """It judges every transaction of its contract."""

    DEPRECATED = "deprecated"
    """It judges what only moves or ends tokens that were made under it."""

    FROZEN = "frozen"
    """It judges nothing until the freeze ends."""

    RETIRED = "retired"
    """It judges nothing any more."""


MadeUnder = Callable[[Collection[str]], Mapping[str, ContractVersion]]
"""Returns under which contract version each transaction (TxID in hex) was committed."""


def check_standing(standing: Standing, transaction: Transaction, made_under: MadeUnder) -> None:
    """Return if a version that stands so may judge this transaction.

    Args:
        standing: of the version that the transaction names.
        transaction: what is to be judged.
        made_under: is asked only about the inputs of a deprecated version's transaction.

    Raises:
        ContractUnknown, ContractNotYetActive, ContractDeprecated, ContractFrozen,
        ContractRetired: it may not.
    """
    contract = transaction.contract
    name = f"{contract.name} {contract.version}"
    match standing:
        case Standing.IN_FORCE:
            return
        case Standing.DEPRECATED:
            _check_deprecated(name, transaction, made_under)
        case Standing.UNKNOWN:
            raise e.ContractUnknown(f"no {name} with digest {contract.digest} is registered")
        case Standing.NOT_YET:
            raise e.ContractNotYetActive(f"{name} is not active yet; the network decides on it")
        case Standing.FROZEN:
            raise e.ContractFrozen(f"{name} is frozen; see its life for until when, and why")
        case Standing.RETIRED:
            raise e.ContractRetired(f"{name} is retired; use the version in force")


def _check_deprecated(name: str, transaction: Transaction, made_under: MadeUnder) -> None:
    more: Counter[str] = Counter()
    for token in transaction.outputs:
        more[token.token_id] += token.quantity
    for given in transaction.inputs:
        more[given.token.token_id] -= given.token.quantity
    created = sorted(right for right, quantity in more.items() if quantity > 0)
    if created:
        raise e.ContractDeprecated(f"{name} is deprecated; no {', '.join(created)} is made by it")
    version = transaction.contract.version
    made = made_under({given.txid for given in transaction.inputs})
    others = sorted({under.version for under in made.values()} - {version})
    if others:
        raise e.ContractDeprecated(
            f"{name} is deprecated and judges only tokens made under it; these were made under"
            f" {', '.join(others)}: use the version in force"
        )
