import hashlib
import json
import runpy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from ledger import tearoffs as t
from ledger.components import canonical
from ledger.errors import TearOffInvalid, TransactionMalformed
from ledger.transactions import (
    COMMANDS,
    GROUPS,
    OUTPUTS,
    decode_transaction,
    encode_transaction,
    form_faults,
)

VECTORS = Path(__file__).parents[2] / "docs/specification/vectors/transactions"
GENERATOR = runpy.run_path(str(VECTORS / "generate.py"))
ISSUE = GENERATOR["issue"]()
PAYMENT = GENERATOR["payment"](ISSUE)


WHOLE = ("issue", "transfer", "exchange", "cancel", "redeem")


def read_vector(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [*WHOLE, "refused", "register"])
def test_the_vectors_are_what_the_generator_makes(name: str):
    assert read_vector(name) == GENERATOR["vectors"]()[f"{name}.json"]


def test_every_vector_is_tested():
    files = {file.stem for file in VECTORS.glob("*.json")}
    assert files == {*WHOLE, "refused", "register"}


def naive(domain: str, *parts: bytes) -> bytes:
    text = b"sekisho/v1/" + domain.encode() + b"\0"
    return hashlib.sha256(text + b"".join(len(p).to_bytes(8, "big") + p for p in parts)).digest()


def naive_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return naive("component/empty")
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return naive("component/node", naive_root(leaves[:split]), naive_root(leaves[split:]))


@pytest.mark.parametrize("name", WHOLE)
def test_the_vectors_follow_from_the_specification_alone(name: str):
    vector = read_vector(name)
    text = json.loads(vector["transaction"])
    salt = bytes.fromhex(text["salt"])
    groups = []
    for g, group in enumerate(GROUPS):
        leaves = []
        for i, component in enumerate(text[group]):
            data = bytes.fromhex(component) if group == "nullifiers" else compact(component)
            assert data.hex() == vector["components"][group][i]
            place = [g.to_bytes(4, "big"), i.to_bytes(4, "big")]
            nonce = naive("component/nonce", salt, *place)
            assert nonce.hex() == vector["nonces"][group][i]
            leaves.append(naive("component/leaf", *place, nonce, data))
            assert leaves[-1].hex() == vector["leaves"][group][i]
        size = len(leaves).to_bytes(4, "big")
        groups.append(naive("component/group", g.to_bytes(4, "big"), size, naive_root(leaves)))
        assert groups[-1].hex() == vector["groups"][group]
    txid = naive("transaction", *groups)
    assert txid.hex() == vector["txid"]
    spent = [
        naive("nullifier", compact(given["token"]), bytes.fromhex(given["nonce"])).hex()
        for given in text["inputs"]
    ]
    assert spent == text["nullifiers"]
    assert naive("log/transaction", txid).hex() == vector["log_commitment"]
    entry = {"sekisho": "transaction/v1", "commitment": vector["log_commitment"]}
    assert compact(entry).decode() == vector["log_entry"]
    hidden = [{"type": "covered", "hash": group.hex()} for group in groups]
    assert vector["nothing_shown"] == {"txid": txid.hex(), "groups": hidden}


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("name", WHOLE)
def test_the_signatures_of_the_vectors_hold(name: str):
    """Checked with the library's own Ed25519, not with this product's code."""
    vector = read_vector(name)
    owners = {i["token"]["investor_id"] for i in json.loads(vector["transaction"])["inputs"]}
    assert {s["by"] for s in vector["signatures"] if s["role"] == "account"} == owners
    for signature in vector["signatures"]:
        parts = [signature["by"].encode(), bytes.fromhex(vector["txid"])]
        if signature["role"] == "notary":
            parts.append(vector["attested_at"].encode())
        message = naive(f"signature/{signature['role']}", *parts)
        assert message.hex() == signature["signed_bytes"]
        spki = bytes.fromhex(signature["public_key"])
        assert hashlib.sha256(spki).hexdigest() == signature["key_id"]
        key = ed25519.Ed25519PublicKey.from_public_bytes(spki[-32:])
        key.verify(bytes.fromhex(signature["signature"]), message)


@pytest.mark.parametrize("case", read_vector("refused"), ids=lambda case: case["why"])
def test_the_vectors_to_refuse_are_refused(case: dict[str, str]):
    with pytest.raises(TransactionMalformed):
        decode_transaction(case["transaction"].encode())


def test_the_vector_of_a_register():
    vector = read_vector("register")
    digest = naive("register", compact(dict(sorted(vector["holdings"].items()))))
    assert json.loads(vector["attestation"])["digest"] == digest.hex()
    signed = naive("register/attestation", vector["attestation"].encode())
    assert signed.hex() == vector["signed_bytes"]


def shows() -> st.SearchStrategy[dict[int, set[int]]]:
    return st.dictionaries(st.integers(0, 4), st.sets(st.integers(0, 3)))


@given(shows())
def test_a_tear_off_verifies_and_shows_what_it_should(show: dict[int, set[int]]):
    view = t.tear_off(PAYMENT, show)
    contents = t.open_tear_off(view)
    assert view.txid == PAYMENT.txid.hex()
    for number, name in enumerate(GROUPS):
        wanted = {i for i in show.get(number, ()) if i < len(PAYMENT.groups[number])}
        assert set(getattr(contents, name)) == wanted
    text = msgspec.json.encode(view).decode()
    assert PAYMENT.salt not in text
    if OUTPUTS not in show:
        assert "INV000003" not in text or COMMANDS in show


@given(shows(), st.data())
def test_every_altered_byte_fails(show: dict[int, set[int]], data: st.DataObject):
    raw = bytearray(msgspec.json.encode(t.tear_off(PAYMENT, show)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 127))
    try:
        view = msgspec.json.decode(bytes(raw), type=t.TearOff)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return
    if view == t.tear_off(PAYMENT, show):  # another spelling of the same JSON
        return
    with pytest.raises(TearOffInvalid):
        t.open_tear_off(view)


def changed(view: t.TearOff, group: int, places: tuple) -> t.TearOff:
    groups = list(view.groups)
    groups[group] = t.Listed(places)
    return msgspec.structs.replace(view, groups=tuple(groups))


def test_swapped_dropped_and_added_components_fail():
    view = t.full_view(PAYMENT)
    first, second = view.groups[OUTPUTS].places
    swapped = (
        msgspec.structs.replace(first, nonce=second.nonce),
        msgspec.structs.replace(second, nonce=first.nonce),
    )
    for places in ((first,), (second, first), (first, second, second), swapped, ()):
        with pytest.raises(TearOffInvalid):
            t.open_tear_off(changed(view, OUTPUTS, places))
    groups = (*view.groups[:3], view.groups[4], view.groups[3])
    with pytest.raises(TearOffInvalid):
        t.open_tear_off(msgspec.structs.replace(view, groups=groups))


def test_a_whole_tear_off_passed_for_another_transaction_fails():
    view = msgspec.structs.replace(t.full_view(PAYMENT), txid=ISSUE.txid.hex())
    with pytest.raises(TearOffInvalid):
        t.open_tear_off(view)


def test_hidden_components_cannot_be_guessed():
    """Every candidate of a low-entropy field is tried against all that a tear-off gives away."""
    view = t.notary_view(PAYMENT)
    known = set()
    for group in view.groups:
        if isinstance(group, t.Covered):
            known.add(bytes.fromhex(group.hash))
        else:
            known |= {
                bytes.fromhex(p.leaf) if isinstance(p, t.Hidden) else bytes.fromhex(p.nonce)
                for p in group.places
            }
    nonces = [bytes(32), PAYMENT.txid, *known]
    token = PAYMENT.outputs[0]
    for investor in range(1, 6):
        for quantity in range(1, 101):
            guess = canonical(
                msgspec.structs.replace(token, investor_id=f"INV{investor:06d}", quantity=quantity)
            )
            for nonce in nonces:
                place = [OUTPUTS.to_bytes(4, "big"), bytes(4)]
                assert naive("component/leaf", *place, nonce, guess) not in known
                assert naive("nullifier", guess, nonce) not in known


@given(st.data())
def test_a_transaction_survives_a_round_trip_and_nothing_else_decodes_to_it(data: st.DataObject):
    raw = encode_transaction(PAYMENT)
    assert decode_transaction(raw) == PAYMENT
    altered = bytearray(raw)
    place = data.draw(st.integers(0, len(raw) - 1))
    altered[place] ^= data.draw(st.integers(1, 127))
    try:
        other = decode_transaction(bytes(altered))
    except TransactionMalformed:
        return
    assert other.txid != PAYMENT.txid


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"version":1', b'{ "version":1'),
        (b'"version":1', b'"version":2'),
        (b'"quantity":30', b'"quantity":30.0'),
        (b'"quantity":30', b'"quantity":-30'),
        (b'"quantity":30', b'"quantity":9223372036854775808'),
        (b'"quantity":30,', b'"quantity":30,"quantity":31,'),
        (b'"quantity":30,', b'"quantity":30,"more":1,'),
        (b"2025-04-01T00:00:01Z", b"2025-04-01T09:00:01+09:00"),
        (b'"transfer_type":"transfer"', b'"transfer_type":"issue"'),
        (b'"registered_by":"trust-a"', b'"registered_by":"trust-b"'),
        (b'{"coupon":5,"series":"A"}', b'{"series":"A","coupon":5}'),
    ],
)
def test_what_is_not_canonical_or_sound_is_refused(old: bytes, new: bytes):
    raw = encode_transaction(PAYMENT)
    assert old in raw
    with pytest.raises(TransactionMalformed) as error:
        decode_transaction(raw.replace(old, new))
    assert error.value.faults


def test_every_fault_is_reported_at_once():
    raw = encode_transaction(PAYMENT)
    broken = raw.replace(b'"quantity":30', b'"quantity":0').replace(b"INV000001", b"inv 1")
    with pytest.raises(TransactionMalformed) as error:
        decode_transaction(broken)
    places = {fault.where for fault in error.value.faults}
    assert {"outputs[0].quantity", "commands[0].quantity", "commands[0].from_investor_id"} <= places
    double = msgspec.structs.replace(
        PAYMENT, inputs=PAYMENT.inputs * 2, nullifiers=(PAYMENT.nullifiers[0], "00" * 32)
    )
    assert {f.where for f in form_faults(double)} == {"nullifiers[1]", "inputs"}
