"""Bonds with a schedule of coupons, and a redemption after the last.

Every token carries its schedule: what one unit pays (`face` at the end, `coupon` each time), when
the first coupon is due, how many months lie between two, how many there are, and how many of
them this token has been paid (`paid`). A coupon consumes tokens of one holder and makes them
again with `paid` one higher, so that nobody is paid twice and nobody is left out. Tokens that
have been paid differently are not the same thing and never mix.
"""

import datetime as dt

from contracts.author import Rejected, RightFacts, Token, Transaction, Transfer

LARGEST_QUANTITY = 2**63 - 1
MONTHS_IN_YEAR = 12
LAST_DAY_EVERYWHERE = 28
SCHEDULE = ("coupon", "coupons", "face", "first_coupon", "months")

Key = tuple[str, str, int]
Holdings = dict[Key, int]


def verify(tx: Transaction) -> None:
    """Accept `tx`, or raise `Rejected` with the reason."""
    if not tx.commands:
        raise Rejected("E_EMPTY", "there is no command")
    if tx.facts.session != "open":
        raise Rejected("E_SESSION", "the market session is closed")
    check_signers(tx)
    schedules = schedules_of(tx)
    trades: set[str] = set()
    for command in tx.commands:
        if command.trade_id in trades:
            raise Rejected("E_TRADE", f"{command.trade_id} is used twice")
        trades.add(command.trade_id)
        check_command(tx, command, schedules)
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


def schedules_of(tx: Transaction) -> dict[str, Token]:
    """Return one token of each right, after checking that all of a right have one schedule."""
    named = {command.beneficial_right_id for command in tx.commands}
    found: dict[str, Token] = {}
    for token in (*tx.inputs, *tx.outputs):
        if token.token_id not in named:
            raise Rejected("E_UNNAMED", f"no command names {token.token_id}")
        if not 1 <= token.quantity <= LARGEST_QUANTITY:
            raise Rejected("E_TOKEN_QUANTITY", f"a token of {token.quantity}")
        check_schedule(token)
        first = found.setdefault(token.token_id, token)
        same = [token.terms[key] for key in SCHEDULE] == [first.terms[key] for key in SCHEDULE]
        if token.issuer_info != first.issuer_info or not same:
            raise Rejected("E_SCHEDULE", f"tokens of {token.token_id} differ in schedule or issuer")
    return found


def check_schedule(token: Token) -> None:
    """The token carries a whole schedule and nothing else."""
    if set(token.terms) != {*SCHEDULE, "paid"}:
        raise Rejected("E_TERMS", f"a token of {token.token_id} has terms {sorted(token.terms)}")
    if number(token, "coupon") < 0 or number(token, "face") < 1:
        raise Rejected("E_TERMS", f"{token.token_id} pays less than nothing")
    if number(token, "months") < 1 or number(token, "coupons") < 0:
        raise Rejected("E_TERMS", f"{token.token_id} has no schedule")
    if not 0 <= number(token, "paid") <= number(token, "coupons"):
        raise Rejected("E_TERMS", f"{token.token_id} was paid {token.terms['paid']} times")
    date_of(str(token.terms["first_coupon"]))


def number(item: Token | Transfer, key: str) -> int:
    """Return a term that is a whole number."""
    value = item.terms.get(key)
    if not isinstance(value, int):
        raise Rejected("E_NUMBER", f"the term {key} is {value!r}, not a whole number")
    return value


def date_of(text: str) -> dt.date:
    """Return the date in `YYYY-MM-DD`."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Rejected("E_DATE", f"{text!r} is not a date") from None


def due_date(token: Token, paid: int) -> dt.date:
    """Return when the coupon after `paid` coupons is due; late days move to the 28th."""
    first = date_of(str(token.terms["first_coupon"]))
    months = first.year * MONTHS_IN_YEAR + first.month - 1 + paid * number(token, "months")
    year, month = months // MONTHS_IN_YEAR, months % MONTHS_IN_YEAR + 1
    if year > dt.MAXYEAR:
        raise Rejected("E_DATE", f"a coupon in the year {year}")
    return dt.date(year, month, min(first.day, LAST_DAY_EVERYWHERE) if paid else first.day)


def check_command(tx: Transaction, command: Transfer, schedules: dict[str, Token]) -> None:
    """The command is complete, allowed now, and keeps to the schedule."""
    right = tx.facts.rights.get(command.beneficial_right_id)
    if right is None:
        raise Rejected("E_RIGHT", f"{command.beneficial_right_id} is not a known right")
    if not right.transfer_allowed:
        raise Rejected("E_BLOCKED", f"transfers of {command.beneficial_right_id} are blocked")
    if not 1 <= command.quantity <= LARGEST_QUANTITY:
        raise Rejected("E_QUANTITY", f"{command.trade_id} asks for {command.quantity}")
    token = schedules.get(command.beneficial_right_id)
    if token is None:
        raise Rejected("E_NO_TOKEN", f"there is no token of {command.beneficial_right_id}")
    check_parties(command)
    if command.transfer_type != "transfer" and command.transfer_creator_id != right.registrar:
        raise Rejected("E_REGISTRAR", f"{right.registrar} alone may {command.transfer_type}")
    if command.transfer_type == "issue" and number(command, "paid") != 0:
        raise Rejected("E_ISSUE_PAID", "a new bond has been paid no coupon")
    if command.transfer_type == "coupon":
        check_coupon(command, token)
    if command.transfer_type == "redeem":
        check_redeem(command, token, right)


def check_parties(command: Transfer) -> None:
    """The parties that the command's type needs are there, and no others."""
    giver, receiver = command.from_investor_id, command.to_investor_id
    match command.transfer_type:
        case "issue" | "coupon":
            complete = giver == "" and receiver != ""
        case "redeem":
            complete = giver != "" and receiver == ""
        case "transfer":
            complete = giver != "" and receiver not in ("", giver)
        case _:
            raise Rejected("E_TYPE", f"{command.transfer_type} is not a transfer type")
    if not complete:
        raise Rejected("E_PARTY", f"{command.transfer_type} with parties {giver!r}, {receiver!r}")


def check_coupon(command: Transfer, token: Token) -> None:
    """A coupon is paid in order, not before it is due, and in full."""
    paid = number(command, "paid")
    if not 0 <= paid < number(token, "coupons"):
        raise Rejected("E_COUPON", f"there is no coupon after {paid}")
    due = due_date(token, paid)
    if date_of(command.settlement_date) < due:
        raise Rejected("E_COUPON_EARLY", f"coupon {paid + 1} is due on {due.isoformat()}")
    check_amount(command, number(token, "coupon"))


def check_redeem(command: Transfer, token: Token, right: RightFacts) -> None:
    """A bond is redeemed after its last coupon, not before its day, and in full."""
    if number(command, "paid") != number(token, "coupons"):
        raise Rejected("E_REDEEM_UNPAID", f"{number(command, 'paid')} coupons were paid")
    if date_of(command.settlement_date) < date_of(right.redemption_date):
        raise Rejected("E_REDEEM_EARLY", f"redemption is on {right.redemption_date}")
    check_amount(command, number(token, "face"))


def check_amount(command: Transfer, per_unit: int) -> None:
    """The amount is what the units pay."""
    if number(command, "amount") != command.quantity * per_unit:
        raise Rejected("E_AMOUNT", f"{command.quantity} units at {per_unit} are something else")


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
    """For each right, owner and number of coupons paid, holdings follow from the commands."""
    expected = holdings(tx.inputs)
    for command in tx.commands:
        right, quantity = command.beneficial_right_id, command.quantity
        paid = number(command, "paid")
        if command.transfer_type == "coupon":
            add(expected, (right, command.to_investor_id, paid), -quantity)
            add(expected, (right, command.to_investor_id, paid + 1), quantity)
            continue
        if command.from_investor_id:
            add(expected, (right, command.from_investor_id, paid), -quantity)
        if command.to_investor_id:
            add(expected, (right, command.to_investor_id, paid), quantity)
    actual = holdings(tx.outputs)
    for key in expected | actual:
        want, got = expected.get(key, 0), actual.get(key, 0)
        if want < 0:
            raise Rejected("E_SHORT", f"{key[1]} lacks {-want} of {key[0]} paid {key[2]} times")
        if want != got:
            raise Rejected("E_SUM", f"{key[1]} would hold {got} of {key[0]}, not {want}")


def holdings(tokens: tuple[Token, ...]) -> Holdings:
    """Return the quantity for each right, investor and number of coupons paid."""
    total: Holdings = {}
    for token in tokens:
        add(total, (token.token_id, token.investor_id, number(token, "paid")), token.quantity)
    return total


def add(total: Holdings, key: Key, quantity: int) -> None:
    """Add `quantity` to a holding."""
    total[key] = total.get(key, 0) + quantity
