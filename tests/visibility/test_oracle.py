"""Who sees what, by the report's words and the CSV lines alone, against the served answers.

The oracle reads the sample's files and knows nothing of rules, arms or SQL:

- a registrar sees the whole register of its own rights, and nothing of another's;
- a custodian, or a firm that holds keys, sees transfers with a customer that it manages on either
  side; the other side is a pseudonym, unless it manages that one too;
- a firm without a node, or an intermediary, sees those of the customers that it sent, likewise;
- fundraisers and asset managers see the registers of their products and no transfer;
- the platform administrator and the auditor see no content.
"""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from governance.client.connection import Refused
from tests.http.network import Served

KEYS = {"custodian": "custodian_id", "direct_securities_firm": "custodian_id"}
SENT = {"entrusted_securities_firm": "custody_holder_id", "intermediary": "custody_holder_id"}
RELATION = {**KEYS, **SENT}
"""Which column of `investors.csv` names a role's members."""

FORBIDDEN, ABSENT = 403, 404
PLAIN = ("trade_id", "beneficial_right_id", "transfer_type", "cancels_trade_id", "registered_by")
SIDES = ("from_investor_id", "to_investor_id")


class Files:
    """The sample's lines, as text."""

    def __init__(self, folder: Path) -> None:
        self.members = {row["member_id"]: row["role"] for row in rows(folder, "members")}
        self.investors = {row["investor_id"]: row for row in rows(folder, "investors")}
        self.rights = {row["beneficial_right_id"]: row for row in rows(folder, "beneficial_rights")}
        self.transfers = rows(folder, "transfers")

    def own(self, member: str, investor: str) -> bool:
        """Whether an investor is the member's to see."""
        column = RELATION.get(self.members[member])
        return bool(column and investor and self.investors[investor][column] == member)

    def keeps(self, member: str, right: str) -> bool:
        """Whether the member keeps the right's register."""
        registrar = self.rights[right]["registrar_member_id"] == member
        return self.members[member] == "registrar" and registrar

    def transfers_of(self, member: str) -> dict[str, dict[str, Any]]:
        """Return each visible transfer by trade id: clear values, None where one is a pseudonym."""
        seen = {}
        for row in self.transfers:
            whole = self.keeps(member, row["beneficial_right_id"])
            sides = {side: self.own(member, row[side]) for side in SIDES}
            if whole or any(sides.values()):
                seen[row["trade_id"]] = {
                    **{name: row[name] for name in PLAIN},
                    "quantity": int(row["quantity"]),
                    **{
                        side: row[side] if whole or mine or not row[side] else None
                        for side, mine in sides.items()
                    },
                }
        return seen

    def holdings(self) -> dict[tuple[str, str], int]:
        """Return who holds how much of which right after the last line."""
        held: dict[tuple[str, str], int] = defaultdict(int)
        for row in self.transfers:
            right, quantity = row["beneficial_right_id"], int(row["quantity"])
            held[right, row["from_investor_id"]] -= quantity
            held[right, row["to_investor_id"]] += quantity
        return {key: quantity for key, quantity in held.items() if key[1] and quantity}

    def holdings_of(self, member: str) -> dict[tuple[str, str], int]:
        """Return the holdings that a member sees."""
        return {
            (right, investor): quantity
            for (right, investor), quantity in self.holdings().items()
            if self.keeps(member, right) or self.own(member, investor)
        }


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture
def files(network: Served) -> Files:
    return Files(network.scenario.data.folder)


def every(network: Served, member: str, path: str, **query: Any) -> list[dict[str, Any]] | None:
    """Return every item of a list as a member gets them; None if it may not ask."""
    try:
        return list(network.member(member).pages(path, **query))
    except Refused as error:
        if error.status != FORBIDDEN:
            raise
        return None


def check_transfers(network: Served, files: Files, limit: int) -> dict[str, int]:
    """Compare what every member is shown; return how many transfers each saw."""
    seen = {}
    for member in files.members:
        items = every(network, member, "/v1/ledger/transfers", limit=limit)
        wanted = files.transfers_of(member)
        seen[member] = len(wanted)
        if items is None:
            assert not wanted, member
            continue
        got = {item["trade_id"]: item for item in items}
        assert len(got) == len(items), member
        assert set(got) == set(wanted), member
        for trade, values in wanted.items():
            for name, value in values.items():
                if value is None:
                    assert got[trade][name] not in files.investors, (member, trade, name)
                    assert got[trade][name]
                else:
                    assert got[trade][name] == value, (member, trade, name)
    return seen


def test_every_member_is_shown_its_transfers_and_no_others(network: Served, files: Files) -> None:
    seen = check_transfers(network, files, limit=7)
    assert sum(count > 0 for count in seen.values()) >= 4


def test_a_pseudonym_differs_by_viewer_and_by_transaction(network: Served, files: Files) -> None:
    names: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for member in files.members:
        wanted = files.transfers_of(member)
        for item in every(network, member, "/v1/ledger/transfers", limit=500) or []:
            for side in SIDES:
                if wanted[item["trade_id"]][side] is None:
                    names[item[side]].add((member, item["trade_id"]))
    assert names
    assert all(len(users) == 1 for users in names.values())


def test_every_member_is_shown_its_holdings_and_tokens(network: Served, files: Files) -> None:
    for member in files.members:
        wanted = files.holdings_of(member)
        items = every(network, member, "/v1/ledger/holdings", limit=3)
        assert (items is None) is (files.members[member] not in {"registrar", *RELATION}), member
        got = {(i["beneficial_right_id"], i["investor_id"]): i["quantity"] for i in items or []}
        assert got == wanted, member
        worth: dict[tuple[str, str], int] = defaultdict(int)
        for token in every(network, member, "/v1/ledger/tokens", limit=500) or []:
            worth[token["token_id"], token["investor_id"]] += token["quantity"]
        assert worth == wanted, member


def test_every_member_is_shown_its_registers(network: Served, files: Files) -> None:
    for member, role in files.members.items():
        for right, row in files.rights.items():
            own = {
                "registrar": row["registrar_member_id"] == member,
                "fundraiser": row["fundraiser_member_id"] == member,
                "asset_manager": row["asset_manager_member_id"] == member,
            }
            path = f"/v1/ledger/registers/{right}"
            answer = network.http.get(path, headers=network.token(member))
            status = 200 if own.get(role) else ABSENT if role in own else FORBIDDEN
            assert answer.status_code == status, (member, right)
            if status == 200:
                got = {i["investor_id"]: i["quantity"] for i in answer.json()["items"]}
                assert got == {i: q for (r, i), q in files.holdings().items() if r == right}


def test_every_member_is_shown_its_customers_and_their_keys(network: Served, files: Files) -> None:
    holders = {right: set[str]() for right in files.rights}
    for right, investor in files.holdings():
        holders[right].add(investor)
    for member, role in files.members.items():
        mine = {i for i in files.investors if files.own(member, i)}
        custody = every(network, member, "/v1/ledger/custody", limit=3)
        assert (custody is None) is (role not in RELATION), member
        assert {item["investor_id"] for item in custody or []} == mine
        keys = every(network, member, "/v1/ledger/account-keys", limit=3)
        assert (keys is None) is (role not in {"registrar", *KEYS}), member
        if keys is not None:
            held = {i for r in files.rights if files.keeps(member, r) for i in holders[r]}
            shown = {item["investor_id"] for item in keys}
            assert shown >= mine | held, member
            assert shown <= mine | set(files.investors) if role == "registrar" else shown == mine


def test_the_notary_has_hashes_and_the_auditor_has_the_log(network: Served, files: Files) -> None:
    for member, role in files.members.items():
        hashes = every(network, member, "/v1/ledger/uniqueness", limit=500)
        assert (hashes is None) is (role != "platform_administrator")
        for item in hashes or []:
            assert set(item) == {"nullifier", "txid", "recorded_at"}
    entries = network.http.get("/v1/log/entries", params={"start": 0, "limit": 256}).text
    for word in (*files.investors, *(row["trade_id"] for row in files.transfers)):
        assert word not in entries


@pytest.mark.slow
def test_the_whole_sample_is_shown_as_expected(tmp_path: Path) -> None:
    """All 2,059 transfers over HTTP; `expected/` says how many each member sees."""
    from governance.demo.dataset import Dataset
    from tests.http.network import SAMPLE, founded

    with founded(tmp_path, Dataset(SAMPLE)) as served:
        served.scenario.load_transfers(lambda _: None)
        files = Files(SAMPLE)
        expected = rows(SAMPLE / "expected", "visible_transfers")
        seen = check_transfers(served, files, limit=500)
        assert seen == {row["member_id"]: int(row["visible_transfers"]) for row in expected}
