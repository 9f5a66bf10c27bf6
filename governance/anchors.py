"""What is pinned of a network: the little that everything else is checked against."""

import hashlib

import msgspec


class Anchors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a member trusts without a server's word: pinned on joining, compared out of band.

    Args:
        network: the network's name.
        log_key: the log's verifier key, `name+id+base64` (C2SP signed-note).
        genesis: `sha256:<hex>` of the genesis envelope.
        root_certificate: the root CA certificate, PEM.
        witnesses: verifier keys of the witnesses that are believed: the member's own choice.
        quorum: how many of them must have cosigned a checkpoint that the member accepts.
    """

    network: str
    log_key: str
    genesis: str
    root_certificate: str
    witnesses: tuple[str, ...] = ()
    quorum: int = 0

    @property
    def of_network(self) -> "Anchors":
        """The anchors that are the same for every member: all but the witnesses of its choice."""
        return msgspec.structs.replace(self, witnesses=(), quorum=0)

    @property
    def fingerprint(self) -> str:
        """Eight groups of four hex digits over `of_network`, to be compared by telephone."""
        digest = hashlib.sha256(msgspec.json.encode(self.of_network)).hexdigest()[:32]
        return " ".join(digest[i : i + 4] for i in range(0, 32, 4))
