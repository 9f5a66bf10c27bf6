"""Delivery versus payment: a security moves if, and only if, its price moves the other way.

Every token says in its terms what it is: `kind` is `security` or `money`. A `delivery` moves a
security and names the trade that pays for it, and the price; the `payment` names the delivery.
The two have the same parties the other way round and stand in the same transaction: there is no
moment at which one side has given and not received.
"""

from contracts.author import Rejected, RightFacts, Token, Transaction, Transfer

LARGEST_QUANTITY = 2**63 - 1
SECURITY = "security"
MONEY = "money"

Holdings = dict[tuple[str, str], int]


def verify(tx: Transaction) -> None:
    """Accept `tx`, or raise `Rejected` with the reason."""
    if not tx.commands:
        raise Rejected("E_EMPTY", "there is no command")
    if tx.facts.session != "open":
        raise Rejected("E_SESSION", "the market session is closed")
    check_signers(tx)
    kinds = kinds_of(tx)
    trades = trades_of(tx)
    for command in tx.commands:
        check_command(tx, command, kinds)
    for command in tx.commands:
        if command.transfer_type == "delivery":
            check_delivery(command, trades)
        if command.transfer_type == "payment":
            check_payment(command, trades)
    check_issued(tx)
    check_holdings(tx)


def check_signers(tx: Transaction) -> None:
    """Every owner, every giver and every creator has signed."""
    owners = [token.investor_id for token in tx.inputs]
    givers = [command.from_investor_id for command in tx.commands if command.from_investor_id]
    for investor in (*owners, *givers):
        if investor not in tx.signers.investors:
            raise Rejected("E_SIGNATURE", f"{investor} has not signed")
    for command in tx.commands:
        if command.transfer_creator_id not in tx.signers.members:
            raise Rejected("E_CREATOR", f"{command.transfer_creator_id} has not signed")


def kinds_of(tx: Transaction) -> dict[str, str]:
    """Return what each right is, by its tokens, which have to agree."""
    named = {command.beneficial_right_id for command in tx.commands}
    found: dict[str, Token] = {}
    for token in (*tx.inputs, *tx.outputs):
        if token.token_id not in named:
            raise Rejected("E_UNNAMED", f"no command names {token.token_id}")
        if not 1 <= token.quantity <= LARGEST_QUANTITY:
            raise Rejected("E_TOKEN_QUANTITY", f"a token of {token.quantity}")
        if token.terms.get("kind") not in (SECURITY, MONEY):
            raise Rejected("E_KIND", f"{token.token_id} is of kind {token.terms.get('kind')!r}")
        first = found.setdefault(token.token_id, token)
        if (token.issuer_info, token.terms) != (first.issuer_info, first.terms):
            raise Rejected("E_ISSUER", f"tokens of {token.token_id} differ in issuer or terms")
    return {key: str(token.terms["kind"]) for key, token in found.items()}


def trades_of(tx: Transaction) -> dict[str, Transfer]:
    """Return the commands by trade id; none is used twice."""
    trades: dict[str, Transfer] = {}
    for command in tx.commands:
        if command.trade_id in trades:
            raise Rejected("E_TRADE", f"{command.trade_id} is used twice")
        trades[command.trade_id] = command
    return trades


def check_command(tx: Transaction, command: Transfer, kinds: dict[str, str]) -> None:
    """The command is complete, of the right kind, and allowed now."""
    right = tx.facts.rights.get(command.beneficial_right_id)
    if right is None:
        raise Rejected("E_RIGHT", f"{command.beneficial_right_id} is not a known right")
    if not right.transfer_allowed:
        raise Rejected("E_BLOCKED", f"transfers of {command.beneficial_right_id} are blocked")
    if not 1 <= command.quantity <= LARGEST_QUANTITY:
        raise Rejected("E_QUANTITY", f"{command.trade_id} asks for {command.quantity}")
    check_parties(command)
    check_registrar(command, right)
    kind = kinds.get(command.beneficial_right_id)
    wanted = {"delivery": SECURITY, "payment": MONEY}.get(command.transfer_type, kind)
    if kind is None or kind != wanted:
        raise Rejected("E_LEG", f"{command.transfer_type} of {kind} {command.beneficial_right_id}")


def check_parties(command: Transfer) -> None:
    """The parties that the command's type needs are there, and no others."""
    giver, receiver = command.from_investor_id, command.to_investor_id
    match command.transfer_type:
        case "issue":
            complete = giver == "" and receiver != ""
        case "redeem":
            complete = giver != "" and receiver == ""
        case "delivery" | "payment":
            complete = giver != "" and receiver not in ("", giver)
        case _:
            raise Rejected("E_TYPE", f"{command.transfer_type} is not a transfer type")
    if not complete:
        raise Rejected("E_PARTY", f"{command.transfer_type} with parties {giver!r}, {receiver!r}")


def check_registrar(command: Transfer, right: RightFacts) -> None:
    """Only the registrar issues and redeems."""
    official = command.transfer_type in ("issue", "redeem")
    if official and command.transfer_creator_id != right.registrar:
        raise Rejected("E_REGISTRAR", f"{right.registrar} alone may {command.transfer_type}")


def check_delivery(command: Transfer, trades: dict[str, Transfer]) -> None:
    """The payment that the delivery names is here, is for it, and is its price."""
    payment = trades.get(str(command.terms.get("against")))
    if payment is None or payment.transfer_type != "payment":
        raise Rejected("E_UNPAID", f"nothing pays for {command.trade_id}")
    if payment.terms.get("against") != command.trade_id:
        raise Rejected("E_PAIR", f"{payment.trade_id} pays for something else")
    parties = (payment.to_investor_id, payment.from_investor_id)
    if (command.from_investor_id, command.to_investor_id) != parties:
        raise Rejected("E_COUNTERPARTY", f"{payment.trade_id} is between other parties")
    if payment.quantity != command.terms.get("price"):
        raise Rejected("E_PRICE", f"{payment.quantity} is paid, {command.terms.get('price')} due")


def check_payment(command: Transfer, trades: dict[str, Transfer]) -> None:
    """The delivery that the payment names is here, and names it."""
    delivery = trades.get(str(command.terms.get("against")))
    if delivery is None or delivery.transfer_type != "delivery":
        raise Rejected("E_UNDELIVERED", f"nothing is delivered for {command.trade_id}")
    if delivery.terms.get("against") != command.trade_id:
        raise Rejected("E_PAIR", f"{delivery.trade_id} is paid by something else")


def check_issued(tx: Transaction) -> None:
    """Issues stay within the established quantity and consume nothing of the right."""
    issued: dict[str, int] = {}
    for command in tx.commands:
        if command.transfer_type == "issue":
            key = command.beneficial_right_id
            issued[key] = issued.get(key, 0) + command.quantity
    for key, quantity in issued.items():
        right = tx.facts.rights[key]
        if right.issued_quantity + quantity > right.established_quantity:
            raise Rejected("E_ESTABLISHED", f"{quantity} more of {key} are too many")
        if any(token.token_id == key for token in tx.inputs):
            raise Rejected("E_ISSUE_INPUT", f"the issue of {key} consumes tokens")


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
