"""The life of a rule set over HTTP: faults and failed statements stop it, votes adopt it."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governance.client import governing
from governance.client.connection import Connection, Refused
from governance.decisions.actions import AdoptRuleSet
from policies.compilation import compile_rules
from policies.differences import compare_rules
from policies.engine import parse_rule_set, shipped_text
from tests.http.network import Served
from tests.visibility.test_who_saw import command

FAULTY = """\
p, role:nobody, transfer, read, own_register, quantity, clear
p, role:registrar, transfer, steal, own_register, *, allow
p, role:registrar, transfer, read, own_register, weight, clear
p, role:registrar, transfer, read, somewhere, quantity, clear
p, role:registrar, transfer, read, own_register, quantity, clear
p, role:registrar, transfer, read, own_register, quantity, clear
p, role:registrar, token, read, own_register, quantity, clear
p, role:registrar, token, read, own_register, *, deny
g, role:operator, role:member
g, role:member, role:operator
p, role:registrar, nothing, read, any, *, allow
"""
LINES = {1, 2, 3, 4, 6, 7, 11} | {9, 10}
"""The lines with faults; a cycle may be named at either of its links."""

PEEK = "p, role:auditor, transfer, read, own_register, quantity, clear\n"
PSEUDONYM = (
    "p, role:key_holder, transfer, read, managed_customers.from, to_investor_id, pseudonym\n"
)


def in_force(network: Served) -> str:
    return str(network.chair.get("/v1/policy/rules")["digest"])


def propose(network: Served, text: str, difference: str = "") -> dict[str, Any]:
    """Propose a text with its difference from the rules in force, or with another's."""
    chair = network.chair
    digest = chair.post_bytes("/v1/governance/documents", text.encode(), "text/plain")["digest"]
    if not difference and text != FAULTY:
        difference = chair.post("/v1/policy/reviews", {"text": text})["difference"]
    action = AdoptRuleSet(rule_set=digest, difference=difference)
    return governing.propose(chair, [action], "a change of rules")


def faults(error: Refused) -> list[dict[str, Any]]:
    return list(error.problem["faults"])


def check_lines(found: list[dict[str, Any]]) -> None:
    lines = {fault["line"] for fault in found}
    assert LINES - {9, 10} <= lines <= LINES
    assert lines & {9, 10}


def test_every_fault_is_told_at_once_and_the_old_rules_stay(lively: Served, tmp_path: Path) -> None:
    before = in_force(lively)
    with pytest.raises(Refused) as reviewed:
        lively.member("trust-a").post("/v1/policy/reviews", {"text": FAULTY})
    check_lines(faults(reviewed.value))
    with pytest.raises(Refused) as proposed:
        propose(lively, FAULTY)
    check_lines(faults(proposed.value))
    file = tmp_path / "faulty.csv"
    file.write_text(FAULTY)
    for arguments in (
        ("policy", "check"),
        ("proposal", "rule-set", "--yes", "--reason", "a change"),
    ):
        done = command(lively, "platform", *arguments, str(file))
        assert done.returncode != 0
        assert all(f":{line}: " in done.stderr for line in (1, 2, 3, 4, 6, 7, 11)), done.stderr
    assert in_force(lively) == before
    assert not governing.open_proposals(lively.chair)


def test_rules_that_fail_a_statement_cannot_be_proposed(lively: Served) -> None:
    before = in_force(lively)
    review = lively.member("trust-a").post("/v1/policy/reviews", {"text": shipped_text() + PEEK})
    assert any("auditor transfer:read" in line for line in review["reveals"])
    examples = [e for proof in review["proofs"] for e in proof["counterexamples"]]
    assert {"quantity", "auditor"} <= {example["statement"] for example in examples}
    with pytest.raises(Refused) as refused:
        propose(lively, shipped_text() + PEEK)
    assert any("statement quantity" in fault["where"] for fault in faults(refused.value))
    assert in_force(lively) == before


def test_a_vote_brings_rules_into_force_and_answers_name_them(lively: Served) -> None:
    """Without the pseudonym the other side is hidden; then everything is as before."""
    before = in_force(lively)
    custodian = lively.member("direct-a")
    text = shipped_text().replace(PSEUDONYM, "")
    review = lively.member("trust-a").post("/v1/policy/reviews", {"text": text})
    assert review["reveals"] == []
    assert any("to_investor_id: pseudonym -> hidden" in line for line in review["hides"])
    shown = others(custodian)
    assert shown
    assert review["after"] != before
    decide(lively, text)
    wait(lively, review["after"])
    page = custodian.get("/v1/ledger/transfers", limit=500)
    assert page["rule_set"] == review["after"]
    assert not others(custodian)
    told = custodian.get("/v1/policy/own-explanation", action="transfer:read")
    assert told["rule_set"] == review["after"]
    decide(lively, shipped_text())
    wait(lively, before)
    assert others(custodian) == shown


def test_a_proposal_names_its_difference_and_voters_see_it(lively: Served, tmp_path: Path) -> None:
    text = shipped_text().replace(PSEUDONYM, "")
    file = tmp_path / "rules.csv"
    file.write_text(text)
    asked = ("proposal", "rule-set", str(file), "--yes", "--reason", "less is enough")
    done = command(lively, "platform", *asked)
    assert done.returncode == 0, done.stderr
    assert "to_investor_id: pseudonym -> hidden" in done.stdout.replace("\n", " ")
    (opened,) = governing.open_proposals(lively.chair)
    (action,) = lively.chair.get(f"/v1/proposals/{opened['id']}")["actions"]
    kept = lively.member("trust-a").get_bytes(f"/v1/governance/documents/{action['difference']}")
    current, proposed = (compile_rules(parse_rule_set(t)) for t in (shipped_text(), text))
    assert kept == msgspec.json.encode(compare_rules(current, proposed))
    seen = command(lively, "trust-a", "proposal", "show", opened["id"])
    assert "to_investor_id: pseudonym -> hidden" in seen.stdout.replace("\n", " ")
    assert "not the difference" not in seen.stdout
    governing.withdraw(lively.chair, opened["id"], "it was for show")


def test_a_proposal_that_names_another_difference_is_refused(lively: Served) -> None:
    """A text that hides the other side cannot be voted on as one that changes nothing."""
    text = shipped_text().replace(PSEUDONYM, "")
    same = shipped_text() + "# the same\n"
    harmless = lively.chair.post("/v1/policy/reviews", {"text": same})
    assert harmless["reveals"] == harmless["hides"] == []
    for named in (harmless["difference"], "sha256:" + "0" * 64):
        with pytest.raises(Refused) as refused:
            propose(lively, text, named)
        assert [fault["where"] for fault in faults(refused.value)] == ["difference"]
    assert not governing.open_proposals(lively.chair)


def others(custodian: Connection) -> dict[str, str]:
    """Return the pseudonyms of receivers, by trade, in what its customers sent to others'."""
    mine = {item["investor_id"] for item in custodian.pages("/v1/ledger/custody")}
    items = custodian.pages("/v1/ledger/transfers", limit=500)
    return {
        item["trade_id"]: item["to_investor_id"]
        for item in items
        if item.get("to_investor_id") and item["to_investor_id"] not in mine
    }


def wait(network: Served, digest: str) -> None:
    """Wait until every process acts by the rules: half a second, if it is quiet."""
    for _ in range(100):
        if in_force(network) == digest:
            return
        time.sleep(0.1)
    raise AssertionError(f"{digest} is not in force")


def decide(network: Served, text: str) -> None:
    propose(network, text)
    network.scenario._decide_all()
    assert not governing.open_proposals(network.chair)
