"""Beneficial rights in a trust [受益権]: issue, transfer, cancel and redeem.

The tokens of a right are fungible. A transaction may hold several commands on several rights of
several investors; whatever the commands are, for every right and investor the holding after is
the holding before plus what the commands bring and less what they take: nothing appears,
nothing is lost, and nothing moves that no command names.
"""

from contracts.author import Rejected, RightFacts, Token, Transaction, Transfer

LARGEST_QUANTITY = 2**63 - 1

Holdings = dict[tuple[str, str], int]


def verify(tx: Transaction) -> None:
    """Accept `tx`, or raise `Rejected` with the reason."""
    check_commands(tx)
    check_signers(tx)
    check_tokens(tx)
    check_holdings(tx)


def check_commands(tx: Transaction) -> None:
    """Each command is complete, in order, and allowed now."""
    if not tx.commands:
        raise Rejected("E_EMPTY", "there is no command")
    if tx.facts.session != "open":
        raise Rejected("E_SESSION", "the market session is closed")
    trades: set[str] = set()
    cancelled: set[str] = set()
    for command in tx.commands:
        right = right_of(tx, command)
        if not 1 <= command.quantity <= LARGEST_QUANTITY:
            raise Rejected("E_QUANTITY", f"{command.trade_id} asks for {command.quantity}")
        if command.trade_id in trades:
            raise Rejected("E_TRADE", f"{command.trade_id} is used twice")
        trades.add(command.trade_id)
        check_parties(command)
        check_authority(tx, command, right)
        if command.transfer_type == "cancel":
            check_cancel(tx, command)
            if command.cancels_trade_id in cancelled:
                raise Rejected("E_CANCEL_TWICE", f"{command.cancels_trade_id} is cancelled twice")
            cancelled.add(command.cancels_trade_id)
        elif command.cancels_trade_id:
            raise Rejected("E_CANCELS", f"{command.trade_id} names a trade but is no cancel")
    check_issue(tx)


def right_of(tx: Transaction, command: Transfer) -> RightFacts:
    """Return the facts of the command's right, which must be known and not blocked."""
    right = tx.facts.rights.get(command.beneficial_right_id)
    if right is None:
        raise Rejected("E_RIGHT", f"{command.beneficial_right_id} is not a known right")
    if not right.transfer_allowed:
        raise Rejected("E_BLOCKED", f"transfers of {command.beneficial_right_id} are blocked")
    return right


def check_parties(command: Transfer) -> None:
    """The parties that the command's type needs are there, and no others."""
    giver, receiver = command.from_investor_id, command.to_investor_id
    match command.transfer_type:
        case "issue":
            complete = giver == "" and receiver != ""
        case "redeem":
            complete = giver != "" and receiver == ""
        case "transfer" | "cancel":
            complete = giver != "" and receiver != ""
        case _:
            raise Rejected("E_TYPE", f"{command.transfer_type} is not a transfer type")
    if not complete:
        raise Rejected("E_PARTY", f"{command.transfer_type} with parties {giver!r}, {receiver!r}")
    if giver == receiver:
        raise Rejected("E_SELF", f"{giver} would give to itself")


def check_authority(tx: Transaction, command: Transfer, right: RightFacts) -> None:
    """The creator has signed; only the right's registrar issues and redeems."""
    if command.transfer_creator_id not in tx.signers.members:
        raise Rejected("E_CREATOR", f"{command.transfer_creator_id} has not signed")
    if command.transfer_type in ("issue", "redeem") and (
        command.transfer_creator_id != right.registrar
    ):
        raise Rejected("E_REGISTRAR", f"{right.registrar} alone may {command.transfer_type}")


def check_cancel(tx: Transaction, command: Transfer) -> None:
    """A cancel is the exact reverse of one transfer that was not cancelled before."""
    trade = tx.facts.cancelled.get(command.cancels_trade_id)
    if trade is None:
        raise Rejected("E_CANCEL_UNKNOWN", f"{command.cancels_trade_id} cannot be cancelled")
    if trade.transfer_type != "transfer":
        raise Rejected("E_CANCEL_TYPE", f"a trade of type {trade.transfer_type} is final")
    reverse = (
        command.beneficial_right_id == trade.beneficial_right_id
        and command.from_investor_id == trade.to_investor_id
        and command.to_investor_id == trade.from_investor_id
        and command.quantity == trade.quantity
    )
    if not reverse:
        raise Rejected("E_CANCEL_MATCH", f"not the reverse of {command.cancels_trade_id}")


def check_issue(tx: Transaction) -> None:
    """Issues stay within the established quantity; an issued right does nothing else here."""
    issued: dict[str, int] = {}
    for command in tx.commands:
        if command.transfer_type == "issue":
            key = command.beneficial_right_id
            issued[key] = issued.get(key, 0) + command.quantity
    for key, quantity in issued.items():
        right = tx.facts.rights[key]
        if right.issued_quantity + quantity > right.established_quantity:
            raise Rejected(
                "E_ESTABLISHED",
                f"{right.issued_quantity} + {quantity} is over {right.established_quantity}",
            )
        if any(token.token_id == key for token in tx.inputs):
            raise Rejected("E_ISSUE_INPUT", f"the issue of {key} consumes tokens")


def check_signers(tx: Transaction) -> None:
    """Every owner of a consumed token has signed, and so has everyone that gives."""
    owners = [token.investor_id for token in tx.inputs]
    givers = [command.from_investor_id for command in tx.commands if command.from_investor_id]
    for investor in (*owners, *givers):
        if investor not in tx.signers.investors:
            raise Rejected("E_SIGNATURE", f"{investor} has not signed")


def check_tokens(tx: Transaction) -> None:
    """Tokens are of rights that a command names, in range, and keep what is written on them."""
    named = {command.beneficial_right_id for command in tx.commands}
    seen: dict[str, Token] = {}
    for token in (*tx.inputs, *tx.outputs):
        if token.token_id not in named:
            raise Rejected("E_UNNAMED", f"no command names {token.token_id}")
        if not 1 <= token.quantity <= LARGEST_QUANTITY:
            raise Rejected("E_TOKEN_QUANTITY", f"a token of {token.quantity}")
        first = seen.setdefault(token.token_id, token)
        if (token.issuer_info, token.terms) != (first.issuer_info, first.terms):
            raise Rejected("E_ISSUER", f"tokens of {token.token_id} differ in issuer or terms")


def check_holdings(tx: Transaction) -> None:
    """Holdings after are holdings before and the commands' effect, for each right and owner."""
    expected = holdings(tx.inputs)
    for command in tx.commands:
        if command.from_investor_id:
            add(expected, command.beneficial_right_id, command.from_investor_id, -command.quantity)
        if command.to_investor_id:
            add(expected, command.beneficial_right_id, command.to_investor_id, command.quantity)
    actual = holdings(tx.outputs)
    for key in expected | actual:
        want, got = expected.get(key, 0), actual.get(key, 0)
        if want < 0:
            raise Rejected("E_SHORT", f"{key[1]} lacks {-want} of {key[0]}")
        if want != got:
            raise Rejected("E_SUM", f"{key[1]} would hold {got} of {key[0]}, not {want}")


def holdings(tokens: tuple[Token, ...]) -> Holdings:
    """Return the quantity for each right and investor."""
    total: Holdings = {}
    for token in tokens:
        add(total, token.token_id, token.investor_id, token.quantity)
    return total


def add(total: Holdings, right: str, investor: str, quantity: int) -> None:
    """Add `quantity` to what the investor holds of the right."""
    total[right, investor] = total.get((right, investor), 0) + quantity
