"""The commands around the log, over a real network's log in a directory."""

import http.server
import json
import shutil
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from governance.cli import main
from governance.client.folder import MemberFile, MemberFolder
from governance.client.monitoring import Monitor
from ledger.commitment import log_commitment
from ledger.hashing import content_digest
from policies.engine import shipped_text
from tests.auditing.network import AMENDED, AuditedNetwork, write_log
from tests.auditing.test_forgeries import Forger, decision_altered
from tests.decisions.world import NETWORK


@pytest.fixture
def member(network: AuditedNetwork, tmp_path: Path) -> Path:
    """The folder of trust-a with its anchors; its server does not answer."""
    path = tmp_path / "trust-a"
    file = MemberFile(
        member_id="trust-a",
        network=NETWORK,
        server="http://127.0.0.1:9",
        legal_name="trust-a",
        node="node-1",
    )
    MemberFolder.create(path, file)
    (path / "anchors.json").write_bytes(msgspec.json.encode(network.anchors()))
    return path


@pytest.fixture(scope="session")
def copy(network: AuditedNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("served") / "log", Forger(network).log)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run `sekisho log …` as a shell does; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["sekisho", "log", *map(str, arguments)])
    try:
        code = main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return int(code or 0)


def test_verify_says_what_holds(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    copy: Path,
    member: Path,
    tmp_path: Path,
):
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "amended.txt").write_text(AMENDED)
    options = ("--anchors", member, "--documents", documents, "--json")
    assert run(monkeypatch, "verify", copy, *options) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["rule_sets"].values()) == {"examined"}
    (documents / "amended.txt").write_text(AMENDED + "p, nobody, nothing\n")
    assert run(monkeypatch, "verify", copy, *options) == 4
    assert "is not among the documents given" in capsys.readouterr().err


def test_verify_of_a_forged_log_exits_with_4(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    network: AuditedNetwork,
    member: Path,
    tmp_path: Path,
):
    log, wrong = decision_altered(Forger(network))
    forged = write_log(tmp_path / "forged", log)
    assert run(monkeypatch, "verify", forged, "--anchors", member) == 4
    assert f"entry {wrong} (decision)" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["entry", "decision", "certificate", "contract", "transaction"])
def test_proofs_of_each_kind_hold_offline(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    network: AuditedNetwork,
    copy: Path,
    member: Path,
    tmp_path: Path,
    what: str,
):
    forger = Forger(network)
    state = network.state()
    key = next(iter(state.contracts))
    proof = tmp_path / "some.tlog-proof"
    found = ("--source", copy, "--folder", member, "--output", proof)
    match what:
        case "entry":
            named, kind = ("7",), forger.log[7][0]
        case "decision":
            _, approved = forger.decisions()[-1]
            named, kind = ("--decision", approved), "decision"
        case "certificate":
            serial = state.members["trust-a"].certificates[0].serial
            named, kind = ("--certificate", serial), "certificate"
        case "contract":
            named, kind = ("--contract", key), "decision"
        case _:
            txid = network.txids[3]
            assert ("transaction", log_commitment(txid).data) in forger.log
            named, kind = ("--transaction", txid.hex()), "transaction"
    assert run(monkeypatch, "prove", *named, *found) == 0
    assert run(monkeypatch, "check", proof, "--anchors", member) == 0
    assert kind in capsys.readouterr().out
    proof.write_bytes(proof.read_bytes().replace(b"index ", b"index 1", 1))
    assert run(monkeypatch, "check", proof, "--anchors", member) == 4


def test_what_is_not_in_the_log_has_no_proof(
    monkeypatch: pytest.MonkeyPatch, copy: Path, member: Path, tmp_path: Path
):
    options = ("--source", copy, "--folder", member, "--output", tmp_path / "x")
    assert run(monkeypatch, "prove", "--transaction", "00" * 32, *options) == 1
    assert run(monkeypatch, "prove", *options) == 2
    assert run(monkeypatch, "prove", "3", "--certificate", "4", *options) == 2


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what was posted."""

    posted: list[dict[str, object]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.posted.extend(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_follow_tells_once_and_keeps_the_evidence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    network: AuditedNetwork,
    copy: Path,
    member: Path,
    tmp_path: Path,
):
    handler = type("Handler", (Receiver,), {"posted": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    metrics = tmp_path / "sekisho.prom"
    source = tmp_path / "source"
    shutil.copytree(copy, source)
    hook = f"http://127.0.0.1:{server.server_address[1]}/"
    options = ("--folder", member, "--source", source, "--once", "--metrics", metrics)
    assert run(monkeypatch, "follow", *options, "--webhook", hook) == 5
    server.shutdown()
    server.server_close()
    said = capsys.readouterr().out
    assert "certificate: certificate" in said
    assert {notice["about"] for notice in handler.posted} >= {
        "certificate", "contract", "membership", "parameters", "proposal", "rules",
    }  # fmt: skip
    size = len(Forger(network).log)
    assert f"sekisho_monitor_log_size {size}\n" in metrics.read_text()
    assert "sekisho_monitor_log_wrong 0\n" in metrics.read_text()
    assert run(monkeypatch, "follow", *options) == 0

    other = Forger(network).log
    other[-1] = "transaction", log_commitment(bytes(32)).data
    shutil.rmtree(source)
    shutil.copytree(write_log(tmp_path / "other", other), source)
    assert run(monkeypatch, "follow", *options) == 4
    assert "signed two histories" in capsys.readouterr().out
    assert (member / "log-copy" / "split-view.json").exists()
    assert "sekisho_monitor_log_wrong 1\n" in metrics.read_text()


def test_a_suspended_member_is_told(network: AuditedNetwork):
    monitor = Monitor(network.anchors(), "direct-a", lambda _: None)
    notices = [n for i, _, data in network.log() for n in monitor.take(i, data)]
    texts = [n.text for n in notices if n.about == "membership"]
    assert texts == [
        "you are a member, as direct_securities_firm",
        "your membership is suspended; it was active",
    ]
    assert any("it is about you" in n.text for n in notices if n.about == "proposal")
    assert any("its text is not to be had" in n.text for n in notices if n.about == "rules")


def test_a_member_is_told_whom_other_rules_reveal_its_data_to(network: AuditedNetwork):
    shipped = shipped_text()
    old, new = (content_digest(text.encode()) for text in (shipped, AMENDED))
    wider = shipped + "p, role:intermediary, transfer, read, own_register, *, clear\n"
    texts = {old: shipped.encode(), new: wider.encode()}
    for text, expected, another in (
        (wider, "REVEALS", True),
        (AMENDED, "it reveals nothing", False),
    ):
        texts[new] = text.encode()
        monitor = Monitor(network.anchors(), "trust-a", texts.get)
        notices = [n for i, _, data in network.log() for n in monitor.take(i, data)]
        told = [n.text for n in notices if n.about == "rules"]
        assert len(told) == 2
        assert all(expected in said and new in said for said in told), told
        assert ["IT NAMES ANOTHER" in said for said in told] == [another, False]
