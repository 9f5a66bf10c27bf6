"""Sealed files: a key comes back only with its master secret, its name and its bytes."""

from pathlib import Path

import pytest

from governance.errors import KeyExists, KeyStoreUnusable, KeyUnknown
from governance.identity.keystores import KeyKind, SealedKeyStore
from ledger.keys import verify_signature
from tests.membership.consortium import MASTER_SECRET, sealed_store


@pytest.mark.parametrize("kind", list(KeyKind))
def test_a_key_signs_after_the_store_was_opened_again(tmp_path: Path, kind: KeyKind) -> None:
    public = sealed_store(tmp_path).generate("node/trust-a/asset-1", kind)
    again = sealed_store(tmp_path)
    verify_signature(public, again.signer("node/trust-a/asset-1").sign(b"hello"), b"hello")
    assert again.names() == ["node/trust-a/asset-1"]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    store = sealed_store(tmp_path)
    public = store.generate("issuing-1")
    with pytest.raises(KeyExists):
        store.generate("issuing-1")
    assert store.public_key("issuing-1") == public


def test_another_master_secret_opens_nothing(tmp_path: Path) -> None:
    sealed_store(tmp_path).generate("issuing-1")
    with pytest.raises(KeyStoreUnusable):
        SealedKeyStore.open(tmp_path / "keys", MASTER_SECRET + b"!")


def test_a_short_master_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreUnusable, match="at least 16"):
        SealedKeyStore.open(tmp_path / "keys", b"short")


def test_one_keys_file_does_not_pass_for_anothers(tmp_path: Path) -> None:
    store = sealed_store(tmp_path)
    store.generate("a")
    store.generate("b")
    (tmp_path / "keys" / "a.key").write_bytes((tmp_path / "keys" / "b.key").read_bytes())
    with pytest.raises(KeyStoreUnusable, match="says that it is b"):
        store.private_key("a")


def test_a_renamed_sealed_key_does_not_open(tmp_path: Path) -> None:
    store = sealed_store(tmp_path)
    store.generate("a")
    path = tmp_path / "keys" / "a.key"
    (tmp_path / "keys" / "c.key").write_bytes(
        path.read_bytes().replace(b'"name":"a"', b'"name":"c"')
    )
    with pytest.raises(KeyStoreUnusable, match="does not open"):
        store.private_key("c")


def test_changed_bytes_do_not_open(tmp_path: Path) -> None:
    store = sealed_store(tmp_path)
    store.generate("a")
    path = tmp_path / "keys" / "a.key"
    sealed = bytearray(path.read_bytes())
    sealed[-10] ^= 1
    path.write_bytes(sealed)
    with pytest.raises(KeyStoreUnusable):
        store.private_key("a")


def test_no_private_key_is_readable_on_disk(tmp_path: Path) -> None:
    store = sealed_store(tmp_path)
    store.generate("a")
    secret = store.private_key("a").private_numbers().private_value.to_bytes(32, "big")
    for path in (tmp_path / "keys").iterdir():
        assert secret not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["", "../a", "/a", "a b", "x" * 129])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyUnknown):
        sealed_store(tmp_path).generate(name)


def test_an_unknown_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyUnknown):
        sealed_store(tmp_path).signer("nobody")
