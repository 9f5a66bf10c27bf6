"""A client that knows the specification alone: the server commits what it composes, it verifies
what the server shows, and what is wrong in either is refused."""

import copy
import datetime as dt
import secrets
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from governance.client.ledgering import own_accounts, read_parameters
from ledger.keys import PrivateKey
from tests.http.network import Served
from tests.http.payments import PATH, payment
from tests.http.test_refusals import problem, submit
from tests.outside import transactions as outside

Json = dict[str, Any]


def moment(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")


def curve_key(key: PrivateKey) -> EllipticCurvePrivateKey:
    assert isinstance(key, EllipticCurvePrivateKey)
    return key


class Outsider:
    """Pays one unit of a customer's tokens, from JSON that the server gave to JSON that it takes.

    Args:
        served: the network.
        creator: the customer's custodian.
        giver: the customer.
    """

    def __init__(self, served: Served, creator: str, giver: str) -> None:
        self.served, self.creator, self.giver = served, creator, giver
        connection = served.member(creator)
        self.node_key = curve_key(connection.own_folder().node_key)
        self.account_key = curve_key(own_accounts(connection).signer(giver)._key)

    def get(self, path: str, **query: Any) -> Json:
        answer = self.served.http.get(path, headers=self.served.token(self.creator), params=query)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def parameters(self) -> list[Json]:
        contract = next(
            c
            for c in self.served.member(self.creator).pages("/v1/contracts")
            if c["name"] == "beneficial_right" and c["in_force"]
        )
        network = read_parameters(self.served.member(self.creator))  # a signed statement
        now = self.served.now()
        return [
            {"is": "network", "network": network.network, "parameters": network.version},
            {"is": "contract", **{k: contract[k] for k in ("name", "version", "digest")}},
            {"is": "notary", "notary": network.notary},
            {
                "is": "window",
                "from_time": moment(now - dt.timedelta(minutes=10)),
                "until_time": moment(now + dt.timedelta(minutes=10)),
            },
        ]

    def payment(self, taker: str, **changes: Any) -> Json:
        """Return one unit's payment; `changes` are made to the command and its output."""
        item = self.get("/v1/ledger/tokens", investor_id=self.giver, limit=1)["items"][0]
        names = {"txid": "token_txid", "index": "index", "nonce": "nonce"}
        token = {k: item[k] for k in ("token_id", "investor_id", "quantity", "issuer_info")}
        token["terms"] = item.get("terms", {})
        taken = {ours: item[theirs] for ours, theirs in names.items()} | {"token": token}
        quantity = changes.get("quantity", 1)
        outputs = [token | {"investor_id": taker, "quantity": quantity}]
        if token["quantity"] > 1:
            outputs.append(token | {"quantity": token["quantity"] - 1})
        command = {
            "trade_id": "T-" + secrets.token_hex(8).upper(),
            "transfer_creator_id": self.creator,
            "beneficial_right_id": token["token_id"],
            "from_investor_id": self.giver,
            "to_investor_id": taker,
            "quantity": quantity,
            "settlement_date": "2025-06-02",
            "transfer_type": "transfer",
            "cancels_trade_id": "",
            "registered_at": moment(self.served.now()),
            "registered_by": self.creator,
            "terms": {},
        }
        return outside.make(self.parameters(), [taken], outputs, [command])

    def signed(self, transaction: Json) -> bytes:
        txid = outside.transaction_id(transaction)
        signatures = [
            outside.signature("creator", self.creator, txid, self.node_key),
            outside.signature("account", self.giver, txid, self.account_key),
        ]
        return outside.submission(transaction, signatures)

    def send(self, transaction: Json) -> httpx.Response:
        return submit(self.served, self.creator, self.signed(transaction))


@pytest.fixture
def outsider(served: Served) -> Outsider:
    good = payment(served)
    return Outsider(served, good.creator, good.command.from_investor_id)


def taker_of(served: Served, giver: str) -> str:
    """Return an investor of another custodian than the giver's."""
    custodians = {i.investor_id: i.custodian_id for i in served.scenario.data.investors}
    return next(i for i, custodian in custodians.items() if custodian != custodians[giver])


def test_what_it_composes_is_committed_and_what_is_shown_it_verifies(
    served: Served, outsider: Outsider
) -> None:
    taker = taker_of(served, outsider.giver)
    made = outsider.payment(taker)
    txid = outside.transaction_id(made)
    answer = outsider.send(made)
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert receipt["txid"] == txid.hex()
    mine = outside.read_tear_off(outsider.get(f"{PATH}/{txid.hex()}")["tear_off"])
    assert mine["outputs"][1] == made["outputs"][1]
    custodians = {i.investor_id: i.custodian_id for i in served.scenario.data.investors}
    view = served.member(custodians[taker]).get(f"{PATH}/{txid.hex()}")
    theirs = outside.read_tear_off(view["tear_off"])
    assert theirs["outputs"] == {0: made["outputs"][0]}
    assert made["salt"] not in str(view)
    consumed = served.chair.pages("/v1/ledger/uniqueness", limit=500)
    assert made["nullifiers"][0] in str(list(consumed))


def test_a_tear_off_with_anything_altered_is_refused(served: Served, outsider: Outsider) -> None:
    made = outsider.payment(taker_of(served, outsider.giver))
    assert outsider.send(made).status_code == 201
    whole = outsider.get(f"{PATH}/{outside.transaction_id(made).hex()}")["tear_off"]
    assert outside.read_tear_off(whole)
    for number, group in enumerate(whole["groups"]):
        for altered in alterations(group):
            forged = copy.deepcopy(whole)
            forged["groups"][number] = altered
            with pytest.raises(outside.Refused):
                outside.read_tear_off(forged)


def alterations(group: Json) -> list[Json]:
    """Return a group with a byte altered, a place dropped, added, moved, its nonces swapped."""
    if group["type"] == "covered":
        return [group | {"hash": flipped(group["hash"])}]
    places = group["places"]
    found = [places[:-1], [*places, *places[-1:]]]
    for i, place in enumerate(places):
        spoilt = [place | {name: flipped(place[name])} for name in place.keys() & {"nonce", "leaf"}]
        if place["type"] == "shown":
            spoilt.append(place | {"component": place["component"].replace("1", "2", 1)})
        found += [[*places[:i], each, *places[i + 1 :]] for each in spoilt]
    if len(places) > 1:
        first, second = places[:2]
        found.append([second, first, *places[2:]])
        if first["type"] == second["type"] == "shown":
            pair = first | {"nonce": second["nonce"]}, second | {"nonce": first["nonce"]}
            found.append([*pair, *places[2:]])
    return [{"type": "listed", "places": each} for each in found if each != places]


def flipped(text: str) -> str:
    return ("0" if text[0] != "0" else "1") + text[1:]


@pytest.mark.parametrize(
    "quantity",
    [0, -1, 2**63, 2**64, True, 1.0, 1.5, "1", None, [1]],
    ids=["nothing", "negative", "2^63", "2^64", "true", "1.0", "1.5", "text", "null", "list"],
)
def test_a_quantity_that_is_none(served: Served, outsider: Outsider, quantity: object) -> None:
    """Hashed and signed as it stands: only the form is wrong."""
    made = outsider.payment(taker_of(served, outsider.giver), quantity=quantity)
    with served.nothing_stored():
        problem(outsider.send(made), 400, "transaction-malformed")


def test_more_than_there_can_be(served: Served, outsider: Outsider) -> None:
    """Quantities that are good each, and whose sum no 64 bits hold."""
    made = outsider.payment(taker_of(served, outsider.giver), quantity=2**63 - 1)
    made["outputs"].append(made["outputs"][0])
    with served.nothing_stored():
        answer = outsider.send(made)
        assert answer.status_code == 422, answer.text


def hostile(made: Json, served: Served) -> dict[str, tuple[Json, int, str]]:
    """Return transactions that are hashed and signed well, with what each is answered."""
    one, change = made["outputs"][0], made["outputs"][1:]
    other = next(
        r.beneficial_right_id
        for r in served.scenario.data.rights
        if r.beneficial_right_id != one["token_id"]
    )
    command = made["commands"][0]

    def but(**groups: list[Json]) -> Json:
        parts = {name: made[name] for name in outside.GROUPS[:4]} | groups
        return outside.make(*(parts[name] for name in outside.GROUPS[:4]))

    stranger = "INV-NOBODY-KNOWS"
    reordered = copy.deepcopy(made)
    reordered["parameters"] = made["parameters"][::-1]
    foreign = copy.deepcopy(made)
    foreign["nullifiers"] = [secrets.token_hex(32)]
    return {
        "a token consumed twice": (but(inputs=made["inputs"] * 2), 400, "transaction-malformed"),
        "parameters in another order": (reordered, 400, "transaction-malformed"),
        "another's nullifier": (foreign, 400, "transaction-malformed"),
        "to an investor whom nobody knows": (
            but(
                outputs=[one | {"investor_id": stranger}, *change],
                commands=[command | {"to_investor_id": stranger}],
            ),
            422,
            "investor-unknown",
        ),
        "the token becomes one of another right": (
            but(outputs=[one | {"token_id": other}, *change]),
            422,
            "contract-rejected",
        ),
        "a command of another right": (
            but(commands=[command | {"beneficial_right_id": other}]),
            422,
            "contract-rejected",
        ),
        "another issuer": (
            but(outputs=[one | {"issuer_info": "somebody else"}, *change]),
            422,
            "contract-rejected",
        ),
        "to oneself": (
            but(commands=[command | {"to_investor_id": command["from_investor_id"]}]),
            400,
            "transaction-malformed",
        ),
        "the same trade twice": (
            but(commands=[command, command]),
            400,
            "transaction-malformed",
        ),
        "nothing left for the giver": (but(outputs=[one]), 422, "contract-rejected"),
    }


def test_hostile_transactions_in_good_form(
    served: Served, outsider: Outsider, subtests: pytest.Subtests
) -> None:
    made = outsider.payment(taker_of(served, outsider.giver))
    assert len(made["outputs"]) == 2
    for why, (transaction, status, slug) in hostile(made, served).items():
        with subtests.test(why), served.nothing_stored():
            problem(outsider.send(transaction), status, slug)
    assert outsider.send(made).status_code == 201  # none of it was in the way of the good one
