"""The published vectors of entries hold, and the generator still writes them."""

import base64
import importlib
import json
import re
import runpy
from pathlib import Path

import pytest

from governance.audit import entry_kind
from governance.auditing.auditor import AUTHORITY, CERTIFICATE, REVOCATION
from governance.auditing.entries import COMMITTED_KINDS, read_entry
from governance.auditing.sayings import BODIES
from governance.decisions.statements import MEMBER_KINDS, SERVICE_KINDS
from governance.errors import EntryWrong
from ledger.log.merkle import leaf_hash

FOLDER = Path(__file__).parents[2] / "docs" / "specification" / "vectors" / "entries"
PUBLISHED = json.loads((FOLDER / "entries.json").read_text())


def test_the_generator_writes_what_is_published():
    generator = runpy.run_path(str(FOLDER / "generate.py"))
    assert generator["vectors"]() == PUBLISHED


def test_every_kind_that_an_audit_knows_is_on_the_page():
    page = (FOLDER.parents[1] / "entries.md").read_text(encoding="utf-8")
    known = {*BODIES, *MEMBER_KINDS, *SERVICE_KINDS, *COMMITTED_KINDS}
    known |= {AUTHORITY, CERTIFICATE, REVOCATION, "scopes", "transaction"}
    named = set(re.findall(r"`([a-z][a-z-]*)`", page))
    assert sorted(known - named) == []


def test_every_kind_that_the_code_writes_is_one_that_an_audit_knows():
    """Every constant with which some module makes a log entry or an announcement."""
    found = set()
    for package in ("governance", "contracts", "ledger"):
        for file in (FOLDER.parents[3] / package).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            module = None
            for name in re.findall(r"(?:LogEntry|\.announce)\((?:session, )?([A-Z_]+),", text):
                module = module or importlib.import_module(_module(file))
                found.add(getattr(module, name))
            found |= set(re.findall(r"""\.announce\(session, "([a-z-]+)",""", text))
    assert len(found) > 20
    known = {*BODIES, *MEMBER_KINDS, *SERVICE_KINDS, *COMMITTED_KINDS}
    assert found <= known | {AUTHORITY, CERTIFICATE, REVOCATION, "scopes", "transaction"}


def _module(file: Path) -> str:
    return ".".join(file.relative_to(FOLDER.parents[3]).with_suffix("").parts)


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
        b'{"sekisho":"statement/v1","kind":"secret","commitment":"' + b"0" * 64 + b'"}',
        b'{"payload":"e30=","payloadType":"text/plain","signatures":[{"keyid":"","sig":""}]}',
    ],
)
def test_other_forms_are_refused(data: bytes):
    with pytest.raises(EntryWrong, match="entry 7 "):
        read_entry(7, data)
