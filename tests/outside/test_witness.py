"""The witness protocol with others: a stranger's log asks ours, and ours asks a stranger's."""

import datetime as dt
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Engine

from governance.anchors import Anchors
from ledger.errors import WitnessQuorumMissing
from ledger.log.checkpoints import Publisher
from ledger.log.notes import parse_verifier_key
from ledger.log.witness import HttpWitness
from tests.auditing.test_witnesses import WitnessProcess
from tests.log.support import AT, fill, note_signer
from tests.outside import client as outside

ORIGIN = "stranger.example/log"
LEAVES = [outside.leaf(b"entry %d" % i) for i in range(300)]


def note(key: Ed25519PrivateKey, size: int, leaves: list[bytes] = LEAVES) -> bytes:
    text = outside.checkpoint_text(ORIGIN, size, outside.root(leaves[:size]))
    return outside.sign(key, ORIGIN, text)


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def witness(tmp_path: Path, key: Ed25519PrivateKey) -> Iterator[WitnessProcess]:
    """`sekisho witness serve` for the stranger's log."""
    log_key = outside.make_key(ORIGIN, 1, outside.raw_public(key))
    text = outside.key_text(log_key)
    anchors = tmp_path / "anchors.json"
    anchors.write_bytes(msgspec.json.encode(Anchors("stranger", text, "", "")))
    process = WitnessProcess(tmp_path / "witness", "witness.trust-a.example", anchors)
    process.start()
    yield process
    process.stop()


def test_a_strangers_log_is_cosigned_as_the_protocol_says(
    witness: WitnessProcess, key: Ed25519PrivateKey
):
    def ask(old: int, size: int, leaves: list[bytes] = LEAVES) -> outside.Answer:
        proof = outside.consistency(leaves[:size], old) if old < size else []
        return outside.add_checkpoint(witness.url, old, proof, note(key, size, leaves))

    log, ours = outside.make_key(ORIGIN, 1, outside.raw_public(key)), read(witness)
    before = int(dt.datetime.now(dt.UTC).timestamp())
    for old, size in [(0, 7), (7, 256), (256, 256), (256, 300)]:
        answer = ask(old, size)
        assert answer.status == 200
        head = outside.open_checkpoint(note(key, size) + answer.body, log, [ours])
        assert before <= head.cosigned[ours.name] <= before + 120
    for old in (0, 7, 299):
        answer = ask(old, 300)
        assert (answer.status, answer.body) == (409, b"300\n")
        assert answer.headers["content-type"] == "text/x.tlog.size"
    forked = [*LEAVES[:9], *(outside.leaf(b"forged %d" % i) for i in range(300))]
    assert ask(300, 300, forked).status == 409
    assert ask(300, 309, forked).status == 422
    assert outside.add_checkpoint(witness.url, 300, [bytes(32)], note(key, 300)).status == 422
    assert ask(301, 300).status == 400
    stranger = Ed25519PrivateKey.generate()
    assert outside.add_checkpoint(witness.url, 300, [], note(stranger, 300)).status == 403
    text = outside.checkpoint_text("other.example/log", 1, LEAVES[0])
    unknown = outside.sign(key, "other.example/log", text)
    assert outside.add_checkpoint(witness.url, 0, [], unknown).status == 404
    assert outside.add_checkpoint(witness.url, 0, [], b"nonsense").status == 400
    witness.stop()
    witness.start()
    assert ask(0, 300).body == b"300\n"


def read(witness: WitnessProcess) -> outside.Key:
    return outside.read_key(str(witness.key))


class StrangersWitness(http.server.BaseHTTPRequestHandler):
    """A witness by the text of the protocol, for one log."""

    name = "witness.stranger.example"
    key = Ed25519PrivateKey.generate()
    log: outside.Key
    size = 0
    time = 1_700_000_000

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        head, _, note = body.partition(b"\n\n")
        old, *proof = head.decode().split("\n")
        checkpoint = outside.open_checkpoint(note, self.log)
        if self.path != "/prefix/add-checkpoint" or len(proof) > 63:
            self.say(400, "text/plain", "no such request\n")
        elif old != f"old {self.size}":
            self.say(409, "text/x.tlog.size", f"{self.size}\n")
        else:
            type(self).size = checkpoint.size
            mine = outside.cosign(self.key, self.name, checkpoint.text, self.time)
            other = outside.cosign(Ed25519PrivateKey.generate(), "w2.example", "other", 7)
            self.say(200, "text/plain", other + mine)

    def say(self, status: int, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(log: outside.Key) -> Iterator[tuple[str, type[StrangersWitness]]]:
    handler = type("Handler", (StrangersWitness,), {"log": log, "size": 5})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/prefix", handler
        server.shutdown()
        thread.join()


def test_a_strangers_witness_is_asked_as_the_protocol_says(engine: Engine, tmp_path: Path):
    fill(engine, 300)
    log = outside.read_key(str(note_signer().key()))
    with serving(log) as (url, handler), httpx.Client() as http_client:
        public = outside.raw_public(handler.key)
        theirs = outside.make_key(handler.name, 4, public)
        known = parse_verifier_key(outside.key_text(theirs))
        asked = HttpWitness(f"{url}/", known, http_client)
        with Publisher(engine, note_signer(), tmp_path / "state", [asked], lambda _: 1) as ours:
            published = ours.publish(AT)
            head = outside.open_checkpoint(published.note, log, [theirs])
            assert (head.size, head.cosigned) == (300, {handler.name: handler.time})
            fill(engine, 20, 300)
            handler.size = 400
            with pytest.raises(WitnessQuorumMissing, match="cosigned size '400'"):
                ours.publish(AT)
            handler.size = 0
            assert outside.open_checkpoint(ours.publish(AT).note, log, [theirs]).size == 320
