"""Who could see a thing, who did, and why: asked of the server once, then answered without it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.http.network import Served

SEKISHO = Path(sys.executable).parent / "sekisho"
UNVERIFIED = 4


def command(network: Served, member: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a member."""
    folder = network.member(member).own_folder().path
    environment = {**os.environ, "SEKISHO_HOME": str(folder)}
    return subprocess.run(
        [SEKISHO, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def run(network: Served, member: str, *arguments: str) -> Any:
    """Return the JSON of a command that a member runs."""
    done = command(network, member, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def between(network: Served) -> dict[str, str]:
    """Return a transfer between two custodians' customers."""
    custodian = {i.investor_id: i.custodian_id for i in network.scenario.data.investors}
    for row in network.scenario.data.transfers:
        giver, taker = (custodian.get(i) for i in (row.from_investor_id, row.to_investor_id))
        if giver and taker and giver != taker:
            found = network.member(giver).get("/v1/ledger/transfers", trade_id=row.trade_id)
            registrar = "trust-a" if row.beneficial_right_id == "BR001" else "trust-b"
            txid = found["items"][0]["transfer_txid"]
            return {"txid": txid, "giver": giver, "taker": taker, "registrar": registrar}
    raise AssertionError("every transfer is within one custodian")


def test_a_row_is_explained_by_command(network: Served) -> None:
    row = between(network)
    told = run(
        network, "auditor", "policy", "explain", row["giver"], "read", "transfer", row["txid"]
    )
    assert told["allowed"]
    assert told["thing"]["rows"][0]["arms"] == ["managed_customers.from"]
    own = run(
        network, row["taker"], "policy", "explain", row["taker"], "read", "transfer", row["txid"]
    )
    assert own["thing"]["rows"][0]["arms"] == ["managed_customers.to"]
    asked = ("policy", "explain", row["giver"], "read", "transfer", row["txid"])
    refused = command(network, row["taker"], *asked)
    assert refused.returncode != 0
    assert "policy:explain" in refused.stderr


def test_who_could_see_and_who_did_is_answered_offline(network: Served, tmp_path: Path) -> None:
    row = between(network)
    receipts, relations, copy = (str(tmp_path / name) for name in ("receipts", "relations", "log"))
    network.member(row["taker"]).get("/v1/ledger/transfers", limit=500)
    settle(network, row["txid"])
    asked = ["policy", "who-saw", "transfer", row["txid"], "--relations", relations]
    told = run(network, "auditor", *asked, "--receipts", receipts, "--log", network.settings.url)
    assert command(network, "auditor", "log", "export", network.settings.url, copy).returncode == 0
    offline = run(network, "auditor", *asked, "--receipts", receipts, "--log", copy)
    assert offline == told
    assert row["taker"] in {seen["member_id"] for seen in told["saw"]}
    could = {c["member_id"]: c for c in told["could"]["could"]}
    assert told["could"]["named"]
    assert {row["giver"], row["taker"], row["registrar"]} <= set(could)
    outside = {"platform", "auditor", "fund-a", "fund-b", "am-a", "am-b"}
    assert not outside & set(could)
    assert {seen["member_id"] for seen in told["saw"]} <= {*could, "auditor"}
    assert could[row["giver"]]["pseudonym"] == ["to_investor_id"]
    assert told["could"]["missing"] == []


def settle(network: Served, txid: str) -> None:
    """Wait until the read is in a published checkpoint: receipts are said once a second."""
    for _ in range(40):
        time.sleep(0.5)
        kept = list(network.member("auditor").pages("/v1/policy/read-receipts"))
        note = network.http.get("/log/checkpoint").text
        if kept and int(note.split("\n")[1]) > kept[-1]["log_index"]:
            return
    raise AssertionError(f"no receipt of reading {txid}")


def test_relations_that_the_network_did_not_say_are_refused(
    network: Served, tmp_path: Path
) -> None:
    row = between(network)
    forged, receipts = tmp_path / "relations", tmp_path / "receipts"
    receipts.write_text("[]")
    asked = ["policy", "who-saw", "transfer", row["txid"], "--receipts", str(receipts)]
    said = network.member("auditor").get(
        "/v1/policy/relations", resource="transfer", id="TRD-ABSENT"
    )
    for text in (said["envelope"], said["envelope"].replace('"sig":"', '"sig":"AAAA', 1), "{}"):
        forged.write_text(text)
        done = command(
            network, "auditor", *asked, "--relations", str(forged), "--log", network.settings.url
        )
        assert done.returncode == UNVERIFIED, done.stderr
        assert "relations" in done.stderr
