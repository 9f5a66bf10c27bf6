"""Go's own packages for signed notes and tiled logs read an export (golang.org/x/mod/sumdb).

Debian: golang-go and golang-golang-x-mod-dev. Without them there is nothing to ask.
"""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ledger.database import Base, connect, reading
from ledger.log import merkle
from ledger.log.export import export
from ledger.log.store import StoredNodes
from tests.log.support import entry, fill, note_signer, publish

PROGRAM = Path(__file__).parent / "gotlog" / "main.go"
MODULES = os.environ.get("GOPATH", "/usr/share/gocode")
SIZE, INDEX, OLD = 70_000, 12_345, 65_537

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        shutil.which("go") is None or not Path(MODULES, "src/golang.org/x/mod/sumdb").exists(),
        reason="Go and golang.org/x/mod are not installed",
    ),
]


def test_go_reads_records_and_proofs(tmp_path: Path):
    engine = connect(f"sqlite:///{tmp_path / 'log.sqlite'}")
    Base.metadata.create_all(engine)
    fill(engine, SIZE)
    publish(engine, tmp_path)
    with reading(engine) as session:
        export(session, tmp_path / "log")
        nodes = StoredNodes(session)
        told = {
            "Key": str(note_signer().key()),
            "Index": INDEX,
            "Entry": text(entry(INDEX)),
            "Inclusion": [text(h) for h in merkle.inclusion_proof(nodes, INDEX, SIZE)],
            "OldSize": OLD,
            "Old": text(merkle.tree_root(nodes, OLD)),
            "Consistency": [text(h) for h in merkle.consistency_proof(nodes, OLD, SIZE)],
        }
    engine.dispose()
    (tmp_path / "v.json").write_text(json.dumps(told))
    environment = {
        **os.environ, "GO111MODULE": "off", "GOPATH": MODULES, "GOCACHE": str(tmp_path / "cache"),
    }  # fmt: skip
    command = ["go", "run", str(PROGRAM), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"records, inclusion, consistency ok: {SIZE}" in done.stdout
    last = tmp_path / "log" / "tile" / "entries" / "000"
    flipped = bytearray(last.read_bytes())
    flipped[9] ^= 1
    last.write_bytes(flipped)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()
