"""The served log as a stranger reads it, and the commands around it, as a shell runs them."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from governance.access.fronting import free_port
from governance.assembly.witnessing import cosignature_key, witness_signer
from ledger.commitment import log_commitment
from tests.http.joining import within
from tests.http.network import Served
from tests.http.shell import Run, heard
from tests.outside import client as outside


@pytest.fixture
def home(served: Served) -> Path:
    """The folder of a registrar whose rights have transfers."""
    registrar = next(m.member_id for m in served.scenario.data.members if m.role == "registrar")
    return served.member(registrar).own_folder().path


@pytest.fixture
def key(served: Served) -> outside.Key:
    return outside.read_key(served.chair.get("/v1/network")["log_key"])


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """`python -m http.server` over a folder: it knows nothing of logs."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    process = subprocess.Popen([*command, "--directory", str(folder)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                httpx.get(url)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def test_a_stranger_checks_the_whole_log(served: Served, key: outside.Key):
    files = outside.Files(f"{served.settings.url}/log")
    head = outside.open_checkpoint(files.checkpoint(), key)
    entries = outside.Tree(files, head).check()
    assert len(entries) == head.size
    assert files.compressed == -(-head.size // 256)
    whole = files.tile(0, 0, min(256, head.size))
    for width in (1, 2, 100, min(255, head.size)):
        assert files.tile(0, 0, width) == whole[: 32 * width]
    beyond = head.size // 256 + 9
    for path in (outside.tile_path(0, beyond), "tile/0/0", "tile/0/000.p/256", "tile/0/x000/000"):
        assert files.get(path).status == 404


def test_a_copy_on_a_plain_web_server_is_as_good(
    served: Served, key: outside.Key, home: Path, run: Run, tmp_path: Path
):
    copy = tmp_path / "log"
    assert run("log", "export", served.settings.url, copy, "--anchors", home)[0] == 0
    with web_server(tmp_path) as url:
        files = outside.Files(f"{url}/log", static=True)
        head = outside.open_checkpoint(files.checkpoint(), key)
        assert len(outside.Tree(files, head).check()) == head.size
        code, said = heard(run("log", "verify", url, "--anchors", home, "--json"))
        assert code == 0
        assert json.loads(said)["size"] == head.size
        tile = copy / outside.tile_path("entries", 0, min(256, head.size))
        flipped = bytearray(tile.read_bytes())
        flipped[9] ^= 1
        tile.write_bytes(flipped)
        with pytest.raises(outside.Refused):
            outside.Tree(files, head).check()
        code, said = heard(run("log", "verify", url, "--anchors", home))
        assert (code, "entry 0 in tile/entries/000" in said) == (4, True)
    assert run("log", "export", served.settings.url, copy, "--anchors", home)[0] == 0
    assert run("log", "verify", copy, "--anchors", home)[0] == 0


def test_the_network_as_it_was_at_an_entry(served: Served, home: Path, run: Run):
    url = served.settings.url
    first = json.loads(run("log", "verify", url, "--anchors", home, "--at", 12, "--json")[1])
    last = json.loads(run("log", "verify", url, "--anchors", home, "--json")[1])
    assert set(first["state"]["members"]) < set(last["state"]["members"])
    assert first["size"] <= last["size"]
    code, said = heard(run("log", "verify", url, "--anchors", home, "--at", 12))
    assert (code, "The network as of entry 12" in said) == (0, True)
    code, said = heard(run("log", "verify", url, "--anchors", home, "--at", last["size"] + 10**6))
    assert (code, "is not among the" in said) == (1, True)


def test_a_strangers_check_of_a_proof(
    served: Served, key: outside.Key, home: Path, run: Run, tmp_path: Path
):
    transfers = served.member(home.name).pages("/v1/ledger/transfers", limit=1)
    txid = next(iter(transfers))["transfer_txid"]
    file = tmp_path / "transaction.tlog-proof"
    words = ("--folder", home, "--output", file)
    # the newest may have been committed a moment ago, by another test, and is published soon
    within(10, lambda: run("log", "prove", "--transaction", txid, *words)[0] == 0)
    _, entry = outside.check_proof(file.read_bytes(), key)
    assert entry == log_commitment(bytes.fromhex(txid)).data
    assert run("log", "check", file, "--anchors", home)[0] == 0
    file.write_bytes(file.read_bytes().replace(b"\nindex ", b"\nindex 1", 1))
    with pytest.raises(outside.Refused):
        outside.check_proof(file.read_bytes(), key)
    assert run("log", "check", file, "--anchors", home)[0] == 4


def test_a_registrar_was_shown_everything(served: Served, home: Path, run: Run):
    scope = f"registrar:{home.name}"
    for _ in range(90):  # seals come once a minute
        code, said = heard(run("log", "complete", scope, "--folder", home, "--json"))
        if code == 0:
            break
        time.sleep(1)
    assert code == 0, said
    assert json.loads(said)["transactions"] > 0
    assert run("log", "complete", "registrar:nobody", "--folder", home)[0] == 1


def test_following_once_is_told_once(home: Path, run: Run, tmp_path: Path):
    words = ("--folder", home, "--copy", tmp_path / "copy", "--once")
    code, said = heard(run("log", "follow", *words))
    assert (code, "certificate: certificate" in said) == (5, True)
    assert run("log", "follow", *words)[0] == 0


def test_pinned_witnesses_are_asked_for(served: Served, home: Path, run: Run, tmp_path: Path):
    mine = tmp_path / "mine"
    shutil.copytree(home, mine)
    url = served.settings.url
    witness = str(cosignature_key(witness_signer(tmp_path / "witness", "witness.example")))
    assert run("witness", "pin", witness, "--quorum", 2, "--folder", mine)[0] == 1
    assert run("witness", "pin", "nonsense", "--folder", mine)[0] == 1
    code, said = heard(run("witness", "pin", witness, "--folder", mine))
    assert (code, "need 1 of 1 witnesses" in said) == (0, True)
    for words in (
        ("log", "verify", url, "--anchors", mine),
        ("log", "export", url, tmp_path / "copy", "--anchors", mine),
        ("log", "prove", 3, "--folder", mine, "--output", tmp_path / "proof"),
        ("log", "follow", "--once", "--folder", mine, "--copy", tmp_path / "followed"),
    ):
        code, said = heard(run(*words))
        assert (code, "0 witnesses cosigned; expected at least 1" in said) == (
            4,
            True,
        ), said
    code, said = heard(run("member", "pin", "--folder", mine))
    assert code == 0, said
    assert run("log", "verify", url, "--anchors", mine)[0] == 4
    assert run("witness", "pin", "--folder", mine)[0] == 0
    assert run("log", "verify", url, "--anchors", mine)[0] == 0
