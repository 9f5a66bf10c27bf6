"""The published test vectors hold for the product, and the generator still writes them."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import LogWrong, ProofInvalid
from ledger.log import merkle
from ledger.log.completeness import ScopeProof, check_scope
from ledger.log.heads import open_checkpoint
from ledger.log.notes import parse_verifier_key
from ledger.log.proofs import check_proof, read_proof, write_proof
from ledger.log.tiles import Tile, decode_bundle, parse_path, tiles_of

FOLDER = Path(__file__).parents[2] / "docs" / "specification" / "vectors" / "log"
REFERENCE_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Roots in the reference tests of Certificate Transparency, over the same entries."""


def vectors(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def unhex(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in values]


MERKLE = vectors("merkle")
ENTRIES = unhex(MERKLE["entries"])
ROOTS = unhex(MERKLE["roots"])


@pytest.mark.parametrize("name", ["merkle", "notes", "scopes", "tiles"])
def test_the_generator_writes_these_files(name: str) -> None:
    spec = importlib.util.spec_from_file_location("generate", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    assert generator.render(name) == (FOLDER / f"{name}.json").read_text()


def test_roots_are_those_of_certificate_transparency() -> None:
    assert [root.hex() for root in ROOTS] == REFERENCE_ROOTS
    leaves = merkle.leaf_hashes(ENTRIES)
    assert [merkle.root_of(leaves[:size]) for size in range(9)] == ROOTS


def test_proofs_of_the_vectors_verify() -> None:
    for case in MERKLE["inclusion"]:
        leaf = merkle.leaf_hash(ENTRIES[case["index"]])
        proof = unhex(case["proof"])
        merkle.verify_inclusion(leaf, case["index"], case["size"], proof, ROOTS[case["size"]])
    for case in MERKLE["consistency"]:
        old, new = case["old"], case["new"]
        merkle.verify_consistency(old, new, unhex(case["proof"]), ROOTS[old], ROOTS[new])


@pytest.mark.parametrize("case", MERKLE["refused_inclusion"], ids=lambda case: case["why"])
def test_malformed_inclusion_proofs_are_refused(case: dict[str, Any]) -> None:
    leaf = merkle.leaf_hash(ENTRIES[5])
    size = case["size"]
    with pytest.raises(ProofInvalid):
        merkle.verify_inclusion(leaf, case["index"], size, unhex(case["proof"]), ROOTS[size])


@pytest.mark.parametrize("case", MERKLE["refused_consistency"], ids=lambda case: case["why"])
def test_malformed_consistency_proofs_are_refused(case: dict[str, Any]) -> None:
    old, new = case["old"], case["new"]
    with pytest.raises(ProofInvalid):
        merkle.verify_consistency(old, new, unhex(case["proof"]), ROOTS[old], ROOTS[new])


def test_the_checkpoint_and_its_cosignature_verify() -> None:
    case = vectors("notes")
    log_key, witness = map(parse_verifier_key, (case["log_key"], case["witness_key"]))
    opened = open_checkpoint(case["checkpoint"].encode(), log_key, [witness], 1)
    assert opened.checkpoint.root == ROOTS[8]
    assert opened.witnesses[0].at is not None
    assert opened.witnesses[0].at.timestamp() == case["cosigned_at"]


def test_the_proof_file_is_checked_without_database_or_network() -> None:
    case = vectors("notes")
    log_key, witness = map(parse_verifier_key, (case["log_key"], case["witness_key"]))
    data = case["tlog_proof"].encode()
    proof = read_proof(data)
    assert write_proof(proof) == data
    entry = bytes.fromhex(case["entry"])
    assert check_proof(proof, entry, log_key, [witness], 1).checkpoint.size == 8
    with pytest.raises(ProofInvalid):
        check_proof(proof, entry + b"x", log_key)


def test_tiles_are_named_and_bundled() -> None:
    case = vectors("tiles")
    for each in case["paths"]:
        tile = Tile(each["level"], each["index"], each["width"])
        assert (tile.path, parse_path(each["path"])) == (each["path"], tile)
    partial = [tile.path for tile in tiles_of(70_000) if tile.width < 256]
    assert partial == case["partial_tiles_of_70000"]
    assert decode_bundle(bytes.fromhex(case["bundle"]), 0, 8) == ENTRIES


def test_scopes_lead_to_their_seal() -> None:
    case = vectors("scopes")
    for place, (scope, each) in enumerate(case["scopes"].items()):
        shown = [(index, bytes.fromhex(txid)) for index, txid in each["transactions"]]
        head, path = bytes.fromhex(each["head"]), tuple(unhex(each["path"]))
        proof = ScopeProof(scope, len(shown), head, 4, place, len(case["scopes"]), path)
        assert check_scope(proof, shown, case["seal"].encode()).through == 4
        with pytest.raises(LogWrong):
            check_scope(proof, shown[:-1], case["seal"].encode())
