"""Keys in a PKCS#11 token (an HSM, or SoftHSM 2): they are made there and never leave.

Imported only where a token is configured: `python-pkcs11` is the extra `sekisho[hsm]`. It tells
the library that no threads will call at once (`C_Initialize` without arguments, PKCS#11 2.40,
5.4), so calls are made one at a time, under one lock; each thread has a session of its own.
"""

import os
import threading
from typing import Any, NoReturn

import pkcs11
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.mechanisms import GCMParams
from pkcs11.util.ec import (
    encode_ec_public_key,
    encode_ecdsa_signature,
    encode_named_curve_parameters,
)

from governance.errors import KeyExists, KeyStoreUnusable, KeyUnknown
from governance.identity.keystores import KEY_NAME, RSA_BITS, KeyKind
from governance.identity.sealing import NONCE_SIZE
from ledger.keys import PrivateKey, PublicKey, SoftwareSigner, accept_public_key
from ledger.statements import Signer

_CURVES = {KeyKind.P256: "secp256r1", KeyKind.P384: "secp384r1"}
_RSA_MECHANISM = {
    "sha256": Mechanism.SHA256_RSA_PKCS,
    "sha384": Mechanism.SHA384_RSA_PKCS,
    "sha512": Mechanism.SHA512_RSA_PKCS,
}
_TAG_BITS = 128
_ONE_AT_A_TIME = threading.RLock()
"""Held for each call into a PKCS#11 library: without it SoftHSM fails now and then."""


class Token:
    """A logged-in PKCS#11 token: one session for each thread.

    The login is the whole process's (PKCS#11 2.40, 5.6): one session logs in and is kept, since
    closing it would log every thread out.
    """

    def __init__(self, library: str, label: str, pin: str) -> None:
        self._local = threading.local()
        self._login: pkcs11.Session | None = None  # stays None if another store logged in
        try:
            with _ONE_AT_A_TIME:
                self._token = pkcs11.lib(library).get_token(token_label=label)
                self._login = self._token.open(rw=True, user_pin=pin)
        except pkcs11.exceptions.UserAlreadyLoggedIn:
            pass  # by another key store of this process on the same token
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise KeyStoreUnusable(
                f"token {label} in {library} does not open: {type(error).__name__}"
            ) from error

    def session(self) -> Any:
        """Return this thread's session.

        Raises:
            KeyStoreUnusable: the token is gone.
        """
        if not hasattr(self._local, "session"):
            try:
                with _ONE_AT_A_TIME:
                    self._local.session = self._token.open(rw=True)
            except pkcs11.PKCS11Error as error:
                raise KeyStoreUnusable(
                    f"the token gives no session: {type(error).__name__}"
                ) from error
        return self._local.session

    def handles(self) -> dict[str, Any]:
        """Return this thread's handles of private keys, by name."""
        if not hasattr(self._local, "handles"):
            self._local.handles = {}
        handles: dict[str, Any] = self._local.handles
        return handles


class Pkcs11KeyStore:
    """Keys in a token, by label."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def generate(self, name: str, kind: KeyKind = KeyKind.P256) -> PublicKey:
        """Make a key in the token; it is sensitive and cannot be extracted."""
        if not KEY_NAME.fullmatch(name):
            raise KeyUnknown(f"{name!r} cannot name a key")
        if self._find(name, ObjectClass.PRIVATE_KEY) is not None:
            raise KeyExists(f"a key named {name} exists")
        with _ONE_AT_A_TIME:
            self._make(name, kind)
        return self.public_key(name)

    def public_key(self, name: str) -> PublicKey:
        """Return the public half, read from the token."""
        found = self._find(name, ObjectClass.PUBLIC_KEY)
        if found is None:
            raise KeyUnknown(f"the token holds no key named {name}")
        with _ONE_AT_A_TIME:
            return _public(found)

    def sign(self, name: str, data: bytes, mechanism: Mechanism) -> bytes:
        """Return the token's signature of `data` by a private key, as PKCS#11 gives it."""
        with _ONE_AT_A_TIME:
            signature: bytes = self.handle(name).sign(data, mechanism=mechanism)
        return signature

    def private_key(self, name: str) -> PrivateKey:
        """Return a key object that signs in the token and cannot be exported."""
        public = self.public_key(name)
        if isinstance(public, rsa.RSAPublicKey):
            return TokenRsaKey(self, name, public)
        if isinstance(public, ec.EllipticCurvePublicKey):
            return TokenEcKey(self, name, public)
        raise KeyStoreUnusable(f"{name} is of a kind that cannot sign here")

    def signer(self, name: str) -> Signer:
        """Return a signer that signs in the token."""
        return SoftwareSigner(self.private_key(name))

    def names(self) -> list[str]:
        """Return the labels of all private keys, sorted."""
        wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        with _ONE_AT_A_TIME:
            return sorted(key.label for key in self._token.session().get_objects(wanted))

    def handle(self, name: str) -> Any:
        """Return this thread's handle of the private key; looked up once for each thread."""
        handles = self._token.handles()
        if name not in handles:
            found = self._find(name, ObjectClass.PRIVATE_KEY)
            if found is None:
                raise KeyUnknown(f"the token holds no key named {name}")
            handles[name] = found
        return handles[name]

    def _make(self, name: str, kind: KeyKind) -> None:
        session = self._token.session()
        private = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
        if kind is KeyKind.RSA:
            session.generate_keypair(
                KeyType.RSA, RSA_BITS, label=name, store=True, private_template=private
            )
        elif kind in _CURVES:
            parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(_CURVES[kind])}
            domain = session.create_domain_parameters(KeyType.EC, parameters, local=True)
            domain.generate_keypair(
                label=name,
                store=True,
                mechanism=Mechanism.EC_KEY_PAIR_GEN,
                private_template=private,
            )
        else:
            raise KeyStoreUnusable(f"a token makes no {kind} keys here; take p256, p384 or rsa")

    def _find(self, name: str, kind: ObjectClass) -> Any:
        try:
            with _ONE_AT_A_TIME:
                return self._token.session().get_key(label=name, object_class=kind)
        except pkcs11.NoSuchKey:
            return None


class TokenEcKey(ec.EllipticCurvePrivateKey):
    """An elliptic-curve key in a token, in the shape that pyca's builders take."""

    def __init__(self, store: Pkcs11KeyStore, name: str, public: ec.EllipticCurvePublicKey) -> None:
        self._store = store
        self._name = name
        self._public = public

    def sign(
        self,
        data: bytes | bytearray | memoryview,
        signature_algorithm: ec.EllipticCurveSignatureAlgorithm,
    ) -> bytes:
        """Return the DER signature; hashed here, signed in the token."""
        algorithm = signature_algorithm.algorithm
        if not isinstance(algorithm, utils.Prehashed):
            digest = hashes.Hash(algorithm)
            digest.update(data)
            data = digest.finalize()
        raw = self._store.sign(self._name, bytes(data), Mechanism.ECDSA)
        signature: bytes = encode_ecdsa_signature(raw)
        return signature

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the public half."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Bits of the curve."""
        return self._public.curve.key_size

    def exchange(self, *_: object) -> NoReturn:
        """Refuse: these keys sign."""
        raise _stays_in_token(self._name)

    def private_numbers(self) -> NoReturn:
        """Refuse: the key stays in the token."""
        raise _stays_in_token(self._name)

    def private_bytes(self, *_: object, **__: object) -> NoReturn:
        """Refuse: the key stays in the token."""
        raise _stays_in_token(self._name)

    def __copy__(self) -> "TokenEcKey":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "TokenEcKey":
        return self


class TokenRsaKey(rsa.RSAPrivateKey):
    """An RSA key in a token, in the shape that pyca's builders take."""

    def __init__(self, store: Pkcs11KeyStore, name: str, public: rsa.RSAPublicKey) -> None:
        self._store = store
        self._name = name
        self._public = public

    def sign(
        self,
        data: bytes | bytearray | memoryview,
        padding: padding.AsymmetricPadding,
        algorithm: utils.Prehashed | hashes.HashAlgorithm | utils.NoDigestInfo,
    ) -> bytes:
        """Return the PKCS #1 v1.5 signature, hashed and signed in the token."""
        if padding.name != "EMSA-PKCS1-v1_5" or not isinstance(algorithm, hashes.HashAlgorithm):
            raise KeyStoreUnusable("a token's RSA keys sign with PKCS #1 v1.5 and SHA-2 only")
        return self._store.sign(self._name, bytes(data), _RSA_MECHANISM[algorithm.name])

    def public_key(self) -> rsa.RSAPublicKey:
        """Return the public half."""
        return self._public

    @property
    def key_size(self) -> int:
        """Bits of the modulus."""
        return self._public.key_size

    def decrypt(self, *_: object) -> NoReturn:
        """Refuse: these keys sign."""
        raise _stays_in_token(self._name)

    def private_numbers(self) -> NoReturn:
        """Refuse: the key stays in the token."""
        raise _stays_in_token(self._name)

    def private_bytes(self, *_: object, **__: object) -> NoReturn:
        """Refuse: the key stays in the token."""
        raise _stays_in_token(self._name)

    def __copy__(self) -> "TokenRsaKey":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "TokenRsaKey":
        return self


class Pkcs11MasterKey:
    """A master key that never leaves the token: AES-256-GCM inside it."""

    LABEL = "sekisho-master"

    def __init__(self, token: Token) -> None:
        self._token = token

    def seal(self, secret: bytes, name: str) -> bytes:
        """Return nonce and ciphertext, made in the token, bound to `name`."""
        nonce = os.urandom(NONCE_SIZE)
        with _ONE_AT_A_TIME:
            sealed: bytes = self._key().encrypt(
                secret, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(nonce, name)
            )
        return nonce + sealed

    def unseal(self, sealed: bytes, name: str) -> bytes:
        """Return the secret that `seal` sealed under `name`."""
        parameters = _gcm(sealed[:NONCE_SIZE], name)
        try:
            with _ONE_AT_A_TIME:
                secret: bytes = self._key().decrypt(
                    sealed[NONCE_SIZE:], mechanism=Mechanism.AES_GCM, mechanism_param=parameters
                )
        except pkcs11.PKCS11Error as error:
            raise KeyStoreUnusable(f"{name} does not open in this token") from error
        return secret

    def _key(self) -> Any:
        session = self._token.session()
        try:
            return session.get_key(label=self.LABEL, object_class=ObjectClass.SECRET_KEY)
        except pkcs11.NoSuchKey:
            guard = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
            return session.generate_key(
                KeyType.AES, 256, label=self.LABEL, store=True, template=guard
            )


def _public(found: Any) -> PublicKey:
    if found.key_type == KeyType.RSA:
        modulus = int.from_bytes(found[Attribute.MODULUS], "big")
        exponent = int.from_bytes(found[Attribute.PUBLIC_EXPONENT], "big")
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    return accept_public_key(serialization.load_der_public_key(encode_ec_public_key(found)))


def _gcm(nonce: bytes, name: str) -> Any:
    return GCMParams(nonce, name.encode(), _TAG_BITS)


def _stays_in_token(name: str) -> KeyStoreUnusable:
    return KeyStoreUnusable(f"{name} stays in the token and only signs")
