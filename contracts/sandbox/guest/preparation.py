"""Done first while the artifact is built: the standard library is loaded, memory is made dense.

Whatever is made after this lies close together, so that a call writes few pages, and few have to
be put back after it.
"""

import gc
import importlib
import sys
import warnings
from collections.abc import Callable

LIBRARY = (
    "__future__",
    "abc",
    "base64",
    "binascii",
    "bisect",
    "collections",
    "collections.abc",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "itertools",
    "json",
    "math",
    "numbers",
    "operator",
    "re",
    "string",
    "types",
    "typing",
)
# What the modules above import when they are first used, and the codecs of str.encode.
SUPPORTING = (
    "_strptime",
    "annotationlib",
    "calendar",
    "encodings.ascii",
    "encodings.hex_codec",
    "encodings.latin_1",
    "encodings.raw_unicode_escape",
    "encodings.unicode_escape",
    "encodings.utf_16",
    "encodings.utf_32",
    "encodings.utf_8_sig",
    "inspect",
    "random",
    "traceback",
    "unicodedata",
    "weakref",
)
FILLING_SIZES = (32768, 16384, 8192, 4096, 2048, *range(1024, 0, -8), 2)  # bytes, descending
FILLED = 40  # blocks side by side, after which there is no hole of their size left

_filling: list[object] = []


def fill_holes() -> None:
    """Fill the holes between objects, so that what is made next lies close together.

    Blocks of each size are taken, large ones first, until some lie side by side: they come from
    unused memory, not from holes. A plain `object` is the smallest block that there is.
    """
    gc.collect()
    for size in FILLING_SIZES:
        _fill(lambda size=size: bytes(size), size + 64)
    _fill(object, 64)


def _fill(make: Callable[[], object], reach: int) -> None:
    last = side_by_side = 0
    while side_by_side < FILLED:
        block = make()
        near = 0 < id(block) - last < reach
        side_by_side = side_by_side + 1 if near else 0
        last = id(block)
        _filling.append(block)


for module in LIBRARY + SUPPORTING:  # importing them costs nothing later
    importlib.import_module(module)
sys.path_importer_cache.clear()
warnings.simplefilter("ignore")
gc.disable()
fill_holes()
