"""A reader of transparency logs by the C2SP texts alone: the standard library and Ed25519.

It imports nothing of sekisho, and is as strict as other clients are: exact content types, exact
paths, nothing fetched that no checkpoint asks for. What it accepts, others will.

Texts at c2sp.org: signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature, tlog-proof,
tlog-witness.
"""

import base64
import gzip
import hashlib
import struct
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LOG_SIGNATURE, COSIGNATURE = 0x01, 0x04


class Refused(Exception):
    """What was read is not what the texts ask for."""


class Key(NamedTuple):
    """A verifier key."""

    name: str
    id: bytes
    type: int
    public: bytes


class Head(NamedTuple):
    """A verified checkpoint, and the times of the cosignatures on it by key name."""

    origin: str
    size: int
    root: bytes
    text: str
    cosigned: dict[str, int]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def read_key(text: str) -> Key:
    name, key_id, material = text.split("+", 2)
    data = base64.b64decode(material, validate=True)
    key = make_key(name, data[0], data[1:])
    if key.id.hex() != key_id:
        raise Refused("the id is not the key's")
    return key


def make_key(name: str, kind: int, public: bytes) -> Key:
    digest = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()
    return Key(name, digest[:4], kind, public)


def raw_public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_text(key: Key) -> str:
    """Return `name+id+base64`."""
    return f"{key.name}+{key.id.hex()}+{_text(bytes([key.type]) + key.public)}"


def open_note(note: bytes, keys: list[Key]) -> tuple[str, dict[tuple[str, int], int]]:
    """Return the text, and who of `keys` signed it: (name, type) → time, 0 where none is stated."""
    content = note.decode("utf-8")
    if any(ord(char) < 0x20 and char != "\n" for char in content):
        raise Refused("a control character")
    place = content.rindex("\n\n") + 1
    text, lines = content[:place], content[place + 1 :]
    if not lines.endswith("\n"):
        raise Refused("the last line does not end")
    signed = {}
    for line in lines[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        if dash != "\u2014":
            raise Refused("no em dash")
        data = base64.b64decode(encoded, validate=True)
        for key in keys:
            if (key.name, key.id) == (name, data[:4]):
                signed[name, key.type] = _verify(key, data[4:], text)
    return text, signed


def _verify(key: Key, signature: bytes, text: str) -> int:
    time, message = 0, text
    if key.type == COSIGNATURE:
        (time,) = struct.unpack(">Q", signature[:8])
        signature, message = signature[8:], f"cosignature/v1\ntime {time}\n{text}"
    Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message.encode())
    return time


def open_checkpoint(note: bytes, log: Key, witnesses: list[Key] | None = None) -> Head:
    text, signed = open_note(note, [log, *(witnesses or [])])
    if (log.name, LOG_SIGNATURE) not in signed:
        raise Refused("the log did not sign")
    origin, size, root, end = text.split("\n")
    if origin != log.name or end or str(int(size)) != size:
        raise Refused("no checkpoint of this log")
    cosigned = {name: time for (name, kind), time in signed.items() if kind == COSIGNATURE}
    return Head(origin, int(size), base64.b64decode(root, validate=True), text, cosigned)


class Files:
    """A log behind an HTTP prefix; each answer's headers are judged."""

    def __init__(self, prefix: str, *, static: bool = False) -> None:
        self.prefix, self.static = prefix.rstrip("/"), static
        self.compressed = 0

    def get(self, path: str) -> Answer:
        url = f"{self.prefix}/{path}"
        request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip, identity"})
        try:
            with urllib.request.urlopen(request, timeout=30) as found:
                headers = {name.lower(): value for name, value in found.headers.items()}
                if len(headers) != len(found.headers):
                    raise Refused(f"a header stands twice: {found.headers.items()}")
                return Answer(found.status, headers, found.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def checkpoint(self) -> bytes:
        answer = self.get("checkpoint")
        if answer.status != 200:
            raise Refused(f"checkpoint: {answer.status}")
        if not self.static:
            self._judge(answer, "text/plain; charset=utf-8")
            age = answer.headers["cache-control"].partition("max-age=")[2]
            if not age or int(age.split(",")[0]) > 5:
                raise Refused("the checkpoint may be kept too long")
        return answer.body

    def tile(self, level: int | str, index: int, width: int = 256) -> bytes:
        answer = self.get(tile_path(level, index, width))
        if answer.status != 200:
            raise Refused(f"{tile_path(level, index, width)}: {answer.status}")
        if not self.static:
            self._judge(answer, "application/octet-stream")
            if "immutable" not in answer.headers["cache-control"]:
                raise Refused("a tile is not immutable")
        if answer.headers.get("content-encoding") == "gzip":
            self.compressed += 1
            return gzip.decompress(answer.body)
        return answer.body

    def _judge(self, answer: Answer, content_type: str) -> None:
        if answer.headers["content-type"] != content_type:
            raise Refused(f"content type {answer.headers['content-type']!r}")


def tile_path(level: int | str, index: int, width: int = 256) -> str:
    """Return `tile/<L>/<N>[.p/<W>]`: 1234067 is `x001/x234/067`."""
    places = [f"{index % 1000:03}"]
    while index := index // 1000:
        places.insert(0, f"x{index % 1000:03}")
    partial = "" if width == 256 else f".p/{width}"
    return f"tile/{level}/{'/'.join(places)}{partial}"


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def root(hashes: list[bytes]) -> bytes:
    """Return MTH of RFC 6962, 2.1, by its recursion."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root(hashes[:split]) + root(hashes[split:])).digest()


def inclusion_root(index: int, size: int, hashed: bytes, path: list[bytes]) -> bytes:
    """Return the root that a path leads to (RFC 9162, 2.1.3.2)."""
    if index >= size:
        raise Refused("the index is beyond the tree")
    place, last, result = index, size - 1, hashed
    for sibling in path:
        if last == 0:
            raise Refused("the path is too long")
        if place % 2 or place == last:
            result = hashlib.sha256(b"\x01" + sibling + result).digest()
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            result = hashlib.sha256(b"\x01" + result + sibling).digest()
        place, last = place >> 1, last >> 1
    if last:
        raise Refused("the path is too short")
    return result


class Tree:
    """The tree of a verified checkpoint, read tile by tile; nothing beyond it is asked for."""

    def __init__(self, files: Files, head: Head) -> None:
        self.files, self.head = files, head

    def hashes(self, level: int) -> list[bytes]:
        """Return all hashes of a level's tiles."""
        count = self.head.size >> 8 * level
        found = []
        for index in range(-(-count // 256)):
            width = min(256, count - 256 * index)
            data = self.files.tile(level, index, width)
            if len(data) != 32 * width:
                raise Refused(f"a tile of {len(data)} bytes for {width} hashes")
            found += [data[place : place + 32] for place in range(0, len(data), 32)]
        return found

    def entries(self) -> list[bytes]:
        found = []
        for index in range(-(-self.head.size // 256)):
            data = self.files.tile("entries", index, min(256, self.head.size - 256 * index))
            while data:
                (length,) = struct.unpack(">H", data[:2])
                if len(data) < 2 + length:
                    raise Refused("an entry is cut off")
                found.append(data[2 : 2 + length])
                data = data[2 + length :]
        return found

    def check(self) -> list[bytes]:
        """Return the entries, once entries and every level of tiles lead to the signed root."""
        entries = self.entries()
        below = [leaf(entry) for entry in entries]
        if len(entries) != self.head.size or root(below) != self.head.root:
            raise Refused("the entries do not lead to the signed root")
        level = 0
        while below:
            if self.hashes(level) != below:
                raise Refused(f"the tiles of level {level} are not the tree's")
            full = len(below) // 256
            below = [root(below[256 * i : 256 * (i + 1)]) for i in range(full)]
            level += 1
        return entries


def check_proof(file: bytes, log: Key, witnesses: list[Key] | None = None) -> tuple[int, bytes]:
    """Return index and extra data of a `.tlog-proof`; the extra data is the entry here."""
    head, _, note = file.partition(b"\n\n")
    lines = head.decode("ascii").split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1":
        raise Refused("another format")
    extra = b""
    if lines[1].startswith("extra "):
        extra = base64.b64decode(lines.pop(1)[6:], validate=True)
    word, index = lines[1].split(" ")
    if word != "index" or str(int(index)) != index:
        raise Refused("no index")
    path = [base64.b64decode(line, validate=True) for line in lines[2:]]
    checkpoint = open_checkpoint(note, log, witnesses)
    if inclusion_root(int(index), checkpoint.size, leaf(extra), path) != checkpoint.root:
        raise Refused("the path leads elsewhere")
    return int(index), extra


def cosign(key: Ed25519PrivateKey, name: str, text: str, time: int) -> str:
    """Return the signature line of a witness."""
    signature = key.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    key_id = make_key(name, COSIGNATURE, raw_public(key)).id
    return f"\u2014 {name} {_text(key_id + struct.pack('>Q', time) + signature)}\n"


def sign(key: Ed25519PrivateKey, name: str, text: str) -> bytes:
    """Return the signed note of a log."""
    key_id = make_key(name, LOG_SIGNATURE, raw_public(key)).id
    return f"{text}\n\u2014 {name} {_text(key_id + key.sign(text.encode()))}\n".encode()


def checkpoint_text(origin: str, size: int, hashed: bytes) -> str:
    return f"{origin}\n{size}\n{_text(hashed)}\n"


def consistency(hashes: list[bytes], old: int) -> list[bytes]:
    """Return PROOF(old, D[n]) of RFC 6962, 2.1.2, by its recursion."""

    def subproof(m: int, part: list[bytes], *, whole: bool) -> list[bytes]:
        if m == len(part):
            return [] if whole else [root(part)]
        split = 1 << (len(part) - 1).bit_length() - 1
        if m <= split:
            return [*subproof(m, part[:split], whole=whole), root(part[split:])]
        return [*subproof(m - split, part[split:], whole=False), root(part[:split])]

    return subproof(old, hashes, whole=True) if old else []


def add_checkpoint(url: str, old: int, proof: list[bytes], note: bytes) -> Answer:
    """Ask a witness, as the protocol says."""
    lines = "".join(f"{line}\n" for line in [f"old {old}", *map(_text, proof)])
    request = urllib.request.Request(f"{url}/add-checkpoint", lines.encode() + b"\n" + note)
    request.add_header("Content-Type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request, timeout=30) as found:
            return Answer(found.status, dict(found.headers), found.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of an export by path."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
