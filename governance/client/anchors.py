"""What a member pins of its network: fetched once, compared by fingerprint, then believed."""

from pathlib import Path

import msgspec

from governance.anchors import Anchors
from governance.client.connection import Connection
from governance.client.files import write_private
from governance.client.transport import ROOT_FILE
from governance.errors import AnchorsInvalid

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
    """Keep the anchors in a member's folder.

    Raises:
        AnchorsInvalid: others are pinned there already.
    """
    file = path / ANCHORS_FILE
    data = msgspec.json.format(msgspec.json.encode(anchors), indent=1)
    if file.exists() and read_anchors(path) != anchors:
        raise AnchorsInvalid(
            f"{file} holds other anchors: another network, or a server that lies; compare the"
            " fingerprint with the platform administrator before you delete the file"
        )
    path.mkdir(parents=True, exist_ok=True)
    write_private(file, data)
    (path / ROOT_FILE).write_text(anchors.root_certificate, encoding="ascii")
