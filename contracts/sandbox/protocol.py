"""What a pool and its workers say to each other: MessagePack with its length before it."""

import socket
import struct

import msgspec

from contracts.sandbox.jail import Layer
from contracts.sandbox.verdicts import Outcome, OutOfGas, Rejected

_LENGTH = struct.Struct("<I")
_MESSAGE_LIMIT = 256 << 20  # bytes
_CHUNK = 1 << 16  # bytes asked for at a time


class Start(msgspec.Struct, frozen=True, tag=True):
    """Become a worker for this runtime."""

    runtime_id: str
    cache: str
    capacity: int
    deadline: float


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker is in its jail and serves; `layers` says how good the jail is."""

    layers: tuple[Layer, ...]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The worker could not start."""

    reason: str


class Judge(msgspec.Struct, frozen=True, tag=True):
    """Judge transactions under one contract, in order.

    Args:
        contract: a key: the digest of the source and the gas limit.
        gas_limit: units of wasm fuel.
        source: empty when the worker should have it.
        transactions: JSON texts.
        want_memory_digest: digest linear memory after each.
        at_once: send each outcome before judging the next transaction.
    """

    contract: str
    gas_limit: int
    source: str
    transactions: tuple[str, ...]
    want_memory_digest: bool = False
    at_once: bool = False


class Missing(msgspec.Struct, frozen=True, tag=True):
    """The worker does not have that contract (any more): send the source again."""


class NotLoaded(msgspec.Struct, frozen=True, tag=True):
    """The source was refused: the verdict for every transaction."""

    verdict: Rejected | OutOfGas


class Judged(msgspec.Struct, frozen=True, tag=True):
    """The outcomes of the next transactions, at least one."""

    outcomes: tuple[Outcome, ...]


Message = Start | Ready | Failed | Judge | Missing | NotLoaded | Judged
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


class Channel:
    """One end of the connection between a pool and a worker.

    Args:
        connection: a connected socket; its timeout holds for every receive.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._received = bytearray()  # several short messages come in at once

    def send(self, message: Message) -> None:
        """Send one message.

        Raises:
            OSError: the other side is gone, or slower than the timeout.
        """
        data = _encoder.encode(message)
        self.connection.sendall(_LENGTH.pack(len(data)) + data)

    def receive(self) -> Message:
        """Return the next message.

        Raises:
            OSError: the other side is gone or slower than the timeout, or what it sent is not
                a message.
        """
        (length,) = _LENGTH.unpack(self._take(_LENGTH.size))
        if length > _MESSAGE_LIMIT:
            raise ConnectionError(f"a message of {length} bytes, at most {_MESSAGE_LIMIT}")
        try:
            return _decoder.decode(self._take(length))
        except msgspec.DecodeError as error:
            raise ConnectionError(f"not a message: {error}") from error

    def _take(self, size: int) -> bytes:
        received = self._received
        while len(received) < size:
            part = self.connection.recv(max(_CHUNK, min(size - len(received), 1 << 20)))
            if not part:
                raise ConnectionError("the other side is gone")
            received += part
        taken = bytes(received[:size])
        del received[:size]
        return taken
