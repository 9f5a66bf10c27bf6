"""What a member may not see changes nothing of any whole answer: status, headers, body, cursor.

Every GET of the whole application has its questions here, before and after others traded, took
customers, kept records, imported and instructed; a route that is added without them fails the
first test. Some answers grow by design with whatever happens; they are named, with the reason.
"""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

from governance.app import ROUTES
from governance.client import ledgering
from governance.demo.scenario import CONTRACT
from ledger.composition import Instruction, Wallet
from tests.http.network import Served
from tests.records.conftest import PERSON

HIDDEN, ABSENT = "INV-HIDDEN", "INV-ABSENT"
FORMER = "INV-FORMER"
"""It held trust-a's right for a moment; what it does with trust-b's is hidden from trust-a."""

NO_HASH = "ab" * 32
VISIBLE = "BR001"
RIGHT, ISSUED_TO = "BR003", "INV-DIRECT-A-OWN"
"""trust-b's: what happens to it is for trust-b, direct-a, custody-b, entrusted-b, fund-b, am-b."""

VIEWERS = ("trust-a", "custody-a", "entrusted-a", "fund-a", "platform", "auditor")

GROWS = {
    "/log/checkpoint": "the log is public: every commit adds an entry that is a commitment",
    "/log/tile/{place:path}": "the same",
    "/v1/log/inclusion": "the same",
    "/v1/log/consistency": "the same",
    "/v1/log/entries": "the same",
    "/v1/log/scopes/{name:str}": "a seal covers all scopes and is an entry of the log",
    "/metrics": "for the operator's own network; it counts what the process does",
    "/ocsp/{question:path}": "signed anew for the moment",
    "/v1/policy/read-receipts": "who read what is what the administrator and the auditor ask for",
    "/v1/policy/relations": "it says how long the log was, signed",
    "/v1/contracts/{name:str}/{version:str}/gates/stream": "the same facts as the gates, as events",
}
"""Answers that are no rows of anybody's, and why they change."""

FOR_SOME = {
    "/v1/ledger/uniqueness": ("platform", "the notary sees all hashes, and nothing else"),
    "/v1/service-levels": ("", "measures of the network's own services, which are public"),
}
"""Answers that change for one viewer (or, unnamed, for all) because that is what it sees."""

VALUES: dict[str, tuple[str, ...]] = {
    "txid": (NO_HASH, "zz"),
    "right": ("BR001", "BR003", "BR999"),
    "investor": (ABSENT, "INV000001", FORMER),
    "row_id": (ABSENT,),
    "instruction_id": ("ab" * 16,),
    "import_id": ("ab" * 16, "no"),
    "member_id": ("custody-b", "nobody"),
    "application_id": ("nobody",),
    "group_id": ("nobody",),
    "proposal": ("sha256:" + NO_HASH,),
    "digest": ("sha256:" + NO_HASH,),
    "incident": ("nobody",),
    "runtime": ("nobody",),
    "name": ("beneficial_right",),
    "version": ("1.0.0",),
    "file": ("root.cer", "issuing.crl"),
    "key_id": ("ab" * 32,),
    "day": ("2025-05-05",),
}
"""What stands for each parameter of a path."""

QUERIES: dict[str, tuple[str, ...]] = {
    "/v1/ledger/transfers": (
        "limit=1", "order=reversed&limit=2", "trade_id=TRD-HIDDEN", f"beneficial_right_id={RIGHT}",
        "cursor=x", "transfer_type=issue",
    ),
    "/v1/ledger/tokens": ("limit=1", f"investor_id={HIDDEN}", f"token_id={RIGHT}"),
    "/v1/ledger/holdings": ("limit=1", f"investor_id={HIDDEN}", f"beneficial_right_id={RIGHT}"),
    "/v1/ledger/custody": ("limit=1", f"investor_id={HIDDEN}"),
    "/v1/ledger/account-keys": ("limit=1", f"investor_id={HIDDEN}"),
    "/v1/ledger/registers/{right:str}": ("as_of=2025-09-30", "at_index=1", "limit=2"),
    "/v1/ledger/registers/{right:str}/record-dates": ("year=2025",),
    "/v1/calendar/record-dates": ("month_day=03-31&first=2025&last=2026",),
    "/v1/policy/explanation": (
        "member=custody-a&action=transfer:read",
        f"member=custody-a&action=holding:read&id={HIDDEN}",
        "member=trust-a&action=transfer:read&id=TRD-HIDDEN",
    ),
    "/v1/policy/own-explanation": (
        "action=transfer:read", f"action=custody:read&id={HIDDEN}",
        "action=transfer:read&id=TRD-HIDDEN",
    ),
    "/v1/service-levels": ("month=2025-01",),
    "/v1/records/investor": ("limit=1",),
    "/v1/instructions": ("limit=1", "status=received"),
}  # fmt: skip
"""What is asked of a path besides the bare path."""

SIGNED = re.compile(r'"(envelope|signature|sig|payload|signed_at|at|generated_at)":"[^"]*"')
"""What an answer says of its own moment: a signature is not the same twice."""


def paths() -> set[str]:
    return {path for route in ROUTES if "GET" in route.http_methods for path in route.paths}


def test_every_get_route_is_asked_or_named() -> None:
    assert set(GROWS) | set(FOR_SOME) | set(QUERIES) <= paths()
    parameters = {name for path in paths() for name in re.findall(r"{(\w+):", path)}
    assert parameters - {"place", "question"} <= set(VALUES)
    assert len(paths() - set(GROWS)) > 90


def questions() -> Iterator[tuple[str, str]]:
    """Yield each path with each question that is asked of it."""
    for path in sorted(paths() - set(GROWS)):
        asked = [path]
        for name in re.findall(r"{(\w+):", path):
            put = re.compile(rf"{{{name}:\w+}}")
            asked = [put.sub(value, url) for url in asked for value in VALUES[name]]
        for url in asked:
            yield path, url
            for query in QUERIES.get(path, ()):
                yield path, f"{url}?{query}"


Answers = dict[tuple[str, str], tuple[Any, ...]]


def whole(network: Served, member: str, url: str) -> tuple[Any, ...]:
    """Return every whole answer to a question, following cursors."""
    found = []
    cursor, joint = "", "&" if "?" in url else "?"
    while True:
        place = f"{url}{joint}cursor={cursor}" if cursor else url
        got = network.http.get(place, headers=network.token(member))
        text, signed = SIGNED.subn(r'"\1":""', got.text)
        left = {"date", "content-length"} if signed else {"date"}
        headers = {k: v for k, v in got.headers.items() if k not in left}
        found.append((got.status_code, headers, text))
        is_json = "json" in headers.get("content-type", "")
        page = got.json() if is_json else None
        cursor = page.get("next") if isinstance(page, dict) else None
        if not cursor or "cursor=" in url or len(found) > 20:
            return tuple(found)


def answers(network: Served) -> Answers:
    return {
        (member, url): whole(network, member, url) for member in VIEWERS for _, url in questions()
    }


def trade(network: Served) -> dict[str, str]:
    """Let others do what the viewers may not see; return the ids of it."""
    holder, custodian = network.member("custody-b"), "custody-b"
    customers = [(HIDDEN, "entrusted-b"), (HIDDEN + "-2", "entrusted-b")]
    ledgering.take_customers(holder, customers)
    keys = ledgering.own_accounts(holder).make(investor for investor, _ in customers)
    ledgering.register_account_keys(holder, keys)
    txids = []
    for creator, giver, taker, quantity, name in (
        ("direct-a", ISSUED_TO, HIDDEN, 10, "TRD-HIDDEN"),
        (custodian, HIDDEN, HIDDEN + "-2", 4, "TRD-HIDDEN-2"),
        (custodian, HIDDEN, FORMER, 2, "TRD-HIDDEN-4"),
        (custodian, FORMER, HIDDEN, 1, "TRD-HIDDEN-5"),
        ("trust-b", HIDDEN, "", 1, "TRD-HIDDEN-3"),
    ):
        minute = len(txids)
        txids.append(move(network, creator, RIGHT, giver, taker, quantity, name, minute))
    return {"txid": txids[1], **records(network)}


def move(
    network: Served, creator: str, right: str, giver: str, taker: str, quantity: int, name: str,
    minute: int,
) -> str:  # fmt: skip
    """Let tokens change hands, or be redeemed without a taker; return the TxID."""
    letter = "a" if right == VISIBLE else "b"
    wallet = Wallet()
    ledgering.load_wallet(network.member(f"trust-{letter}"), wallet, right, giver)
    ours = giver.startswith((HIDDEN, FORMER))
    accounts = ledgering.own_accounts(network.member("custody-b" if ours else "direct-a")).signer
    composer = ledgering.make_composer(network.member(creator), CONTRACT, accounts)
    instruction = Instruction(
        trade_id=name,
        beneficial_right_id=right,
        from_investor_id=giver,
        to_investor_id=taker,
        quantity=quantity,
        settlement_date=dt.date(2025, 9, 1),
        transfer_type="transfer" if taker else "redeem",
        cancels_trade_id="",
        registered_at=dt.datetime(2025, 8, 30, 3, minute, tzinfo=dt.UTC),
        issuer_info=f"fund-{letter}",
    )
    signed = composer.execute(wallet, instruction)
    path = "/v1/ledger/transactions"
    network.member(creator).post_bytes(path, signed.data, "application/json")
    return signed.txid


def pass_through(network: Served) -> None:
    """Let trust-a's right go to `FORMER` and back, which leaves it no holder but with a past."""
    holder = network.member("custody-b")
    ledgering.take_customers(holder, [(FORMER, "entrusted-b")])
    ledgering.register_account_keys(holder, ledgering.own_accounts(holder).make([FORMER]))
    asked = {"beneficial_right_id": VISIBLE, "limit": 1}
    giver = network.member("direct-a").get("/v1/ledger/holdings", **asked)["items"][0]
    name = giver["investor_id"]
    move(network, "direct-a", VISIBLE, name, FORMER, 1, "TRD-THERE", 0)
    move(network, "custody-b", VISIBLE, FORMER, name, 1, "TRD-BACK", 1)


def records(network: Served) -> dict[str, str]:
    """Let custody-b keep a record, and entrusted-b send it an instruction."""
    custodian = network.member("custody-b")
    firm = dict.fromkeys(("custody_holder_id", "custody_holder_name"), "entrusted-b")
    custodian.post("/v1/records/custody_holder", firm | {"custodian_id": "custody-b"})
    person = PERSON | {
        "investor_id": HIDDEN, "custody_holder_id": "entrusted-b", "custodian_id": "custody-b",
        "custody_holder_account_id": "entrusted-b-1",
    }  # fmt: skip
    custodian.post("/v1/records/investor", person)
    other = person | {"investor_id": HIDDEN + "-2", "corporate_number": ""}
    custodian.post("/v1/records/investor", other)
    sent = network.member("entrusted-b").post(
        "/v1/instructions",
        {
            "trade_id": "TRD-HIDDEN-9", "beneficial_right_id": RIGHT,
            "from_investor_id": HIDDEN, "to_investor_id": HIDDEN + "-2", "quantity": 1,
            "settlement_date": "2025-09-03", "transfer_type": "transfer", "cancels_trade_id": "",
        },
    )  # fmt: skip
    return {"instruction_id": sent["instruction_id"]}


def allowed(member: str, url: str) -> bool:
    path = url.partition("?")[0]
    return FOR_SOME.get(path, ("nobody",))[0] in {"", member}


def test_what_is_hidden_changes_no_whole_answer(lively: Served) -> None:
    pass_through(lively)
    before = answers(lively)
    told = before["trust-a", f"/v1/ledger/investors/{FORMER}/statement"]
    assert told[0][0] == 200
    assert '"holdings":[]' in told[0][2]
    statuses = {first[0][0] for first in before.values()}
    assert {200, 403, 404} <= statuses
    assert not {s for s in statuses if s >= 500}
    ids = trade(lively)
    after = answers(lively)
    changed = {key for key in before if before[key] != after[key] and not allowed(*key)}
    assert not changed, [(key, before[key], after[key]) for key in sorted(changed)][:3]
    for (member, url), answer in before.items():
        for name, there, gone in (
            ("txid", ids["txid"], NO_HASH),
            ("instruction_id", ids["instruction_id"], "ab" * 16),
            ("investor", HIDDEN, ABSENT),
        ):
            if gone not in url or (name == "investor" and "row_id" in url):
                continue
            got = whole(lively, member, url.replace(gone, there))
            text = repr(got).replace(there, gone)
            assert without_length(text) == without_length(repr(answer)), (member, url)


def without_length(text: str) -> str:
    """Hidden and absent ids need not be of one length."""
    return re.sub(r"'content-length': '\d+'", "", text)


def test_the_check_sees_what_is_not_hidden(lively: Served) -> None:
    seen = whole(lively, "trust-b", f"/v1/ledger/holdings?beneficial_right_id={RIGHT}")
    assert HIDDEN in repr(seen) or ABSENT not in repr(seen)
    entries = lively.member("trust-b").get("/v1/ledger/transfers", limit=1)
    assert entries["items"][0]["beneficial_right_id"] == RIGHT
