"""The limits that are part of a runtime's id: changing one makes another runtime."""

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """What one call may use. Every number here can decide a verdict, so it is in the id.

    Args:
        load_gas: wasm fuel for loading a contract's source.
        gas_default: wasm fuel for one verification, when the manifest names no limit.
        gas_maximum: the highest gas limit that a manifest may name.
        memory: bytes of linear memory.
        stack: bytes of native stack for WebAssembly. With a few MiB the depth at which
            recursion ends would depend on the size of native frames, and machines could
            disagree; with this much, gas or the interpreter's own limit comes first.
        source: bytes of a contract's source in UTF-8.
        transaction: bytes of a transaction's JSON in UTF-8.
    """

    load_gas: int = 100_000_000
    gas_default: int = 50_000_000
    gas_maximum: int = 200_000_000
    memory: int = 96 << 20
    stack: int = 256 << 20
    source: int = 256 << 10
    transaction: int = 4 << 20


LIMITS = Limits()
