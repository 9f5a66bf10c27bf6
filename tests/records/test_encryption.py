import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import CiphertextInvalid
from ledger.records.encryption import (
    PADDING,
    RowCipher,
    SoftwareMasterKey,
    blind_index,
    new_row_cipher,
    open_row_cipher,
    pad,
    unpad,
)

MASTER = SoftwareMasterKey(bytes(range(32)))
PLACES = st.tuples(*[st.text(max_size=20)] * 3)


@given(PLACES, st.text(max_size=300))
def test_a_value_opens_in_its_place(place: tuple[str, str, str], value: str):
    cipher, wrapped = new_row_cipher(MASTER, *place)
    sealed = cipher.seal_text("name", value)
    assert open_row_cipher(MASTER, wrapped, *place).open_text("name", sealed) == value


@given(PLACES, PLACES, st.sampled_from(["name", "phone"]))
def test_a_value_opens_nowhere_else(
    place: tuple[str, str, str], other: tuple[str, str, str], field: str
):
    key = bytes(32)
    sealed = RowCipher(key, *place).seal_text("name", "x")
    if (place, "name") == (other, field):
        return
    with pytest.raises(CiphertextInvalid):
        RowCipher(key, *other).open_text(field, sealed)


@given(st.data())
def test_every_altered_bit_is_noticed(data: st.DataObject):
    cipher = RowCipher(bytes(32), "a", "b", "c")
    sealed = bytearray(cipher.seal("name", b"value"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CiphertextInvalid):
        cipher.open("name", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"x", bytes(12), bytes(27), bytes(60)])
def test_what_is_no_ciphertext_does_not_open(sealed: bytes):
    with pytest.raises(CiphertextInvalid):
        RowCipher(bytes(32), "a", "b", "c").open("name", sealed)


def test_a_wrapped_key_is_bound_to_its_row_and_master_key():
    _, wrapped = new_row_cipher(MASTER, "custody-a", "investor", "INV1")
    with pytest.raises(CiphertextInvalid):
        open_row_cipher(MASTER, wrapped, "custody-a", "investor", "INV2")
    with pytest.raises(CiphertextInvalid):
        open_row_cipher(SoftwareMasterKey(bytes(32)), wrapped, "custody-a", "investor", "INV1")


def test_a_master_key_has_256_bits():
    with pytest.raises(CiphertextInvalid):
        SoftwareMasterKey(bytes(16))


@given(st.binary(max_size=200))
def test_padding_hides_the_length_and_comes_off(value: bytes):
    assert len(pad(value)) % PADDING == 0
    assert unpad(pad(value)) == value


@given(st.binary(max_size=100))
def test_only_what_pad_makes_is_unpadded(data: bytes):
    try:
        value = unpad(data)
    except CiphertextInvalid:
        return
    assert pad(value) == data


def test_short_and_longer_names_look_alike():
    cipher = RowCipher(bytes(32), "a", "b", "c")
    assert len(cipher.seal_text("name", "林 凛")) == len(cipher.seal_text("name", "佐々木 陽葵"))


def test_a_blind_index_tells_companies_tables_fields_and_values_apart():
    base = ("custody-a", "investor", "corporate_number", "1234567890123")
    indexes = {blind_index(MASTER, *base)}
    for place in range(4):
        changed = [*base]
        changed[place] += "x"
        indexes.add(blind_index(MASTER, *changed))
    assert len(indexes) == 5
    assert blind_index(MASTER, *base) in indexes
