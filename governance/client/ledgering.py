"""The ledger, from a member's side: rights, customers, keys, wallets and composers."""

import base64
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import msgspec

from governance.client.accounts import AccountKeys
from governance.client.connection import Connection
from governance.decisions.parameters import NetworkParameters
from governance.decisions.statements import PARAMETERS
from governance.errors import ContractNotActive, DatasetInvalid
from ledger.components import Contract, Network, Token
from ledger.composition import Composer, Wallet, WalletToken
from ledger.declarations import (
    CONTROL_KIND,
    CUSTODY_KIND,
    KEYS_KIND,
    MAX_ITEMS,
    RELEASE_KIND,
    RIGHT_KIND,
    SESSION_KIND,
    AccountKey,
    BeneficialRight,
    CustodyItem,
    CustodyReleased,
    CustodyTaken,
    MarketSession,
    TransferControl,
)
from ledger.declarations import AccountKeys as AccountKeysSaid
from ledger.register import JST
from ledger.statements import Signer, read_envelope, read_statement

PAGE = 500
Item = TypeVar("Item")


def register_right(connection: Connection, right: BeneficialRight) -> Any:
    """Put a beneficial right on the ledger."""
    return connection.say("/v1/ledger/rights", RIGHT_KIND, right)


def set_session(connection: Connection, status: str) -> Any:
    """Open or close the market session."""
    body = msgspec.convert({"session_status": status}, MarketSession)
    return connection.say("/v1/ledger/market-session", SESSION_KIND, body)


def set_transfer_control(connection: Connection, control: str, *, allowed: bool) -> Any:
    """Allow or forbid the transfers under a control."""
    body = TransferControl(control, allowed)
    return connection.say("/v1/ledger/transfer-controls", CONTROL_KIND, body)


def take_customers(
    connection: Connection,
    customers: Iterable[tuple[str, str]],
    done: Callable[[int], None] = lambda _: None,
) -> None:
    """Register investors with their custody holders as this custodian's customers."""
    for some in _chunks(customers):
        body = CustodyTaken(tuple(CustodyItem(investor, holder) for investor, holder in some))
        connection.say("/v1/ledger/custody", CUSTODY_KIND, body)
        done(len(some))


def release_customers(connection: Connection, investors: Iterable[str], custodian: str) -> None:
    """Let another custodian take over customers of this one."""
    for some in _chunks(investors):
        body = CustodyReleased(custodian, tuple(some))
        connection.say("/v1/ledger/custody/release", RELEASE_KIND, body)


def register_account_keys(
    connection: Connection,
    keys: Iterable[tuple[str, str]],
    done: Callable[[int], None] = lambda _: None,
) -> None:
    """Register account keys: investor id and base64 of the DER public key."""
    for some in _chunks(keys):
        said = tuple(AccountKey(investor, base64.b64decode(key)) for investor, key in some)
        connection.say("/v1/ledger/account-keys", KEYS_KIND, AccountKeysSaid(said))
        done(len(some))


def load_wallet(
    connection: Connection, wallet: Wallet, right: str | None = None, investor: str | None = None
) -> None:
    """Put every token into `wallet` that this member may see and that may be spent."""
    query = {"token_id": right, "investor_id": investor, "limit": PAGE}
    for item in connection.pages("/v1/ledger/tokens", **query):
        if "component" in item:
            token = msgspec.json.decode(item["component"], type=Token)
            wallet.add(WalletToken(item["token_txid"], item["index"], item["nonce"], token))


def make_composer(
    connection: Connection, contract: str, accounts: Callable[[str], Signer]
) -> Composer:
    """Return what composes this member's transactions under the contract's version in force.

    Raises:
        ContractNotActive: no version of it is in force.
    """
    parameters = read_parameters(connection)
    folder = connection.own_folder()
    return Composer(
        network=Network(parameters.network, parameters.version),
        contract=version_in_force(connection, contract),
        notary=parameters.notary,
        creator=folder.member.member_id,
        node=folder.signer,
        accounts=accounts,
    )


def version_in_force(connection: Connection, name: str) -> Contract:
    """Return the version of a contract that judges new transactions.

    Raises:
        ContractNotActive: there is none.
    """
    for version in connection.pages("/v1/contracts"):
        if version["name"] == name and version["in_force"]:
            return Contract(name, version["version"], version["digest"])
    raise ContractNotActive(f"no version of {name} is in force; see `sekisho contract list`")


def fundraiser_of(connection: Connection, right: str) -> str:
    """Return the fundraiser of a beneficial right.

    Raises:
        DatasetInvalid: this member sees no such right.
    """
    for item in connection.pages("/v1/ledger/rights", limit=PAGE):
        if item["beneficial_right_id"] == right:
            return str(item["fundraiser_id"])
    raise DatasetInvalid(f"you see no beneficial right {right}; see `sekisho ledger rights`")


def read_statement_of(connection: Connection, investor: str) -> dict[str, list[Any]]:
    """Return an investor's `holdings`, and all of their `changes`, oldest first."""
    path = f"/v1/ledger/investors/{investor}/statement"
    page = connection.get(path, limit=PAGE)
    found = {"holdings": page["holdings"], "changes": page["changes"]}
    while page["next"]:
        page = connection.get(path, limit=PAGE, cursor=page["next"])
        found["changes"] += page["changes"]
    return found


def find_record_date(
    connection: Connection, right: str, wanted: str, adjustment: str, today: dt.date | None = None
) -> str:
    """Return the day, `YYYY-MM-DD`, of a record date of a right.

    Args:
        connection: to the network.
        right: whose.
        wanted: the record date as the right names it or as it is adjusted, or `next`: the first
            from today on.
        adjustment: where a date moves that is not a business day.
        today: in Japan, by the clock by default.

    Raises:
        DatasetInvalid: the right has no such record date; the message names those it has.
    """
    try:
        day = None if wanted == "next" else dt.date.fromisoformat(wanted)
    except ValueError as error:
        raise DatasetInvalid(f"{wanted!r} is neither YYYY-MM-DD nor next") from error
    start = day or today or dt.datetime.now(JST).date()
    path = f"/v1/ledger/registers/{right}/record-dates"
    dates = [
        item
        for year in (start.year - 1, start.year, start.year + 1)
        for item in connection.get(path, year=year, adjustment=adjustment)["items"]
    ]
    for item in dates:
        if day is None and item["adjusted"] >= start.isoformat():
            return str(item["adjusted"])
        if day is not None and wanted in (item["day"], item["adjusted"]):
            return str(item["adjusted"])
    known = ", ".join(item["adjusted"] for item in dates) or "none"
    raise DatasetInvalid(f"{wanted} is no record date of {right}; it has {known}")


def read_parameters(connection: Connection) -> NetworkParameters:
    """Return the network parameters in force, as the service signed them."""
    envelope = read_envelope(connection.get_bytes("/v1/parameters"))
    return read_statement(envelope, PARAMETERS, NetworkParameters).body


def own_accounts(connection: Connection) -> AccountKeys:
    """Return the account keys in the member's folder."""
    return AccountKeys(connection.own_folder().path)


def _chunks(items: Iterable[Item]) -> Iterator[Sequence[Item]]:
    iterator = iter(items)
    while some := list(islice(iterator, MAX_ITEMS)):
        yield some
