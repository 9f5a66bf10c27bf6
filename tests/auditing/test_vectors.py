"""The published vectors of entries hold, and the generator still writes them."""

import base64
import json
import runpy
from pathlib import Path

import pytest

from governance.audit import entry_kind
from governance.auditing.entries import read_entry
from governance.errors import EntryWrong
from ledger.log.merkle import leaf_hash

FOLDER = Path(__file__).parents[2] / "docs" / "specification" / "vectors" / "entries"
PUBLISHED = json.loads((FOLDER / "entries.json").read_text())


def test_the_generator_writes_what_is_published():
    generator = runpy.run_path(str(FOLDER / "generate.py"))
    assert generator["vectors"]() == PUBLISHED


@pytest.mark.parametrize("vector", PUBLISHED["entries"], ids=lambda vector: vector["kind"])
def test_entries_are_of_their_kind(vector: dict[str, str]):
    data = base64.b64decode(vector["entry"])
    assert leaf_hash(data).hex() == vector["leaf_hash"]
    assert entry_kind(data) == vector["kind"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"sekisho":"other/v1"}',
        b'{"sekisho": "statement/v1","kind":"custody","commitment":"' + b"0" * 64 + b'"}',
        b'{"payload":"e30=","payloadType":"text/plain","signatures":[{"keyid":"","sig":""}]}',
    ],
)
def test_other_forms_are_refused(data: bytes):
    with pytest.raises(EntryWrong, match="entry 7 "):
        read_entry(7, data)
