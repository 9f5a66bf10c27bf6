"""What a member pins of its network: fetched once, compared by fingerprint, then believed."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from governance.anchors import Anchors
from governance.client.connection import Connection
from governance.client.files import write_private
from governance.client.transport import ROOT_FILE
from governance.errors import AnchorsInvalid
from ledger.errors import NoteInvalid
from ledger.log.notes import SignatureType, parse_verifier_key
from policies.errors import Fault

ANCHORS_FILE = "anchors.json"


def fetch_anchors(connection: Connection) -> Anchors:
    """Return what the server says its anchors are; nothing vouches for them yet."""
    return msgspec.convert(connection.get("/v1/network"), Anchors)


def read_anchors(path: Path) -> Anchors:
    """Return the anchors pinned in a member's folder, or in a file.

    Raises:
        AnchorsInvalid: there are none, or they cannot be read.
    """
    file = path / ANCHORS_FILE if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=Anchors)
    except (OSError, msgspec.MsgspecError) as error:
        raise AnchorsInvalid(
            f"{file} holds no anchors ({error}); pin them with `sekisho member pin`"
        ) from error


def pin_anchors(path: Path, anchors: Anchors) -> None:
    """Keep the network's anchors in a member's folder; witnesses that it chose before stay.

    Raises:
        AnchorsInvalid: others are pinned there already.
    """
    file = path / ANCHORS_FILE
    if file.exists():
        pinned = read_anchors(path)
        if pinned.of_network != anchors.of_network:
            raise AnchorsInvalid(
                f"{file} holds other anchors: another network, or a server that lies; compare the"
                " fingerprint with the platform administrator before you delete the file"
            )
        anchors = pinned
    path.mkdir(parents=True, exist_ok=True)
    _write(path, anchors)
    (path / ROOT_FILE).write_text(anchors.root_certificate, encoding="ascii")


def pin_witnesses(path: Path, keys: Sequence[str], quorum: int | None) -> Anchors:
    """Ask from now on that witnesses of one's own choice cosigned every checkpoint.

    Args:
        path: the member's folder, with its anchors.
        keys: their verifier keys, as `sekisho witness key` prints them; none to ask for no more.
        quorum: how many of them must have cosigned; all of them if None.

    Raises:
        AnchorsInvalid: no anchors are pinned there; a key is none of a witness, is the log's own
            or is named twice; or the quorum is not 1 to the number of keys. With all faults.
    """
    pinned = read_anchors(path)
    log_key = parse_verifier_key(pinned.log_key)
    faults: list[Fault] = []
    seen: set[bytes] = {log_key.public}
    for place, text in enumerate(keys):
        try:
            key = parse_verifier_key(text)
        except NoteInvalid as error:
            faults.append(Fault(f"witnesses[{place}]", str(error)))
            continue
        if key.type is not SignatureType.COSIGNATURE:
            faults.append(Fault(f"witnesses[{place}]", "a key of type 0x01; expected 0x04"))
        elif key.public in seen:
            faults.append(Fault(f"witnesses[{place}]", "the log's own key, or one named before"))
        seen.add(key.public)
    wanted = len(keys) if quorum is None else quorum
    if not min(1, len(keys)) <= wanted <= len(keys):
        faults.append(Fault("quorum", f"{wanted}; expected 1 to {len(keys)}, the number of keys"))
    if faults:
        raise AnchorsInvalid("; ".join(map(str, faults)), tuple(faults))
    anchors = msgspec.structs.replace(pinned, witnesses=tuple(keys), quorum=wanted)
    _write(path, anchors)
    return anchors


def _write(path: Path, anchors: Anchors) -> None:
    write_private(path / ANCHORS_FILE, msgspec.json.format(msgspec.json.encode(anchors), indent=1))
