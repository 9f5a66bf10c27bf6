"""After a call nothing is left: linear memory is the snapshot again, byte for byte."""

import ctypes
import json
import random

import pytest

from contracts.errors import SandboxUnavailable
from contracts.sandbox.engine import Instance, load, on_deep_stack
from contracts.sandbox.limits import LIMITS
from contracts.sandbox.machine import Machine
from contracts.sandbox.memory import PAGE, LinearMemory, Reset, best_reset
from contracts.sandbox.rows import rows
from contracts.sandbox.runtime import Runtime
from contracts.sandbox.verdicts import Accepted, Rejected, Unavailable
from tests.sandbox.conftest import CONSERVING, SMALL, token, transaction

WAYS = [way for way in (Reset.SCAN, Reset.DROP) if best_reset() in {Reset.SCAN, way}]

# Each refuses when it finds what an earlier call left. Every one would, in one process.
KEEPERS = {
    "global": (
        "n = 0\ndef verify(tx):\n    global n\n    n += 1\n    if n > 1: raise ValueError('kept')"
    ),
    "module's dictionary": (
        "seen = {}\ndef verify(tx):\n    seen['n'] = seen.get('n', 0) + 1\n"
        "    if seen['n'] > 1: raise ValueError('kept')"
    ),
    "list": (
        "seen = []\ndef verify(tx):\n    seen.append(1)\n"
        "    if len(seen) > 1: raise ValueError('kept')"
    ),
    "class attribute": (
        "class C:\n    n = 0\ndef verify(tx):\n    C.n += 1\n"
        "    if C.n > 1: raise ValueError('kept')"
    ),
    "default argument": (
        "def verify(tx, seen=[]):\n    seen.append(1)\n"
        "    if len(seen) > 1: raise ValueError('kept')"
    ),
    "closure": (
        "def make():\n    n = 0\n    def verify(tx):\n        nonlocal n\n        n += 1\n"
        "        if n > 1: raise ValueError('kept')\n    return verify\nverify = make()"
    ),
    "cache": (
        "import functools\n@functools.cache\ndef f(i):\n    return [i]\ndef verify(tx):\n"
        "    f(1).append(2)\n    if len(f(1)) > 2: raise ValueError('kept')"
    ),
    "attribute of a function": (
        "def verify(tx):\n    verify.n = getattr(verify, 'n', 0) + 1\n"
        "    if verify.n > 1: raise ValueError('kept')"
    ),
    "patched module": (
        "import math\ndef verify(tx):\n    if hasattr(math, 'kept'): raise ValueError('kept')\n"
        "    math.kept = 1"
    ),
    "patched author's class": (
        "from contracts.author import Transaction\ndef verify(tx):\n"
        "    if hasattr(Transaction, 'kept'): raise ValueError('kept')\n    Transaction.kept = 1"
    ),
    "patched built-in": (
        "import json\ndef verify(tx):\n    if hasattr(json, 'kept'): raise ValueError('kept')\n"
        "    json.kept = json.loads\n    json.loads = lambda t: None"
    ),
    "decimal context": (
        "import decimal\ndef verify(tx):\n    c = decimal.getcontext()\n"
        "    if c.prec == 7: raise ValueError('kept')\n    c.prec = 7"
    ),
    "generator": (
        "import itertools\nc = itertools.count()\ndef verify(tx):\n"
        "    if next(c): raise ValueError('kept')"
    ),
    "exception kept": (
        "e = ValueError()\ndef verify(tx):\n"
        "    if e.args: raise ValueError('kept')\n    e.args = (1,)"
    ),
    "modules of sys": (
        "import json\nsys = json.codecs.sys\ndef verify(tx):\n"
        "    if 'kept' in sys.modules: raise ValueError('kept')\n    sys.modules['kept'] = 1"
    ),
    "cache of patterns": (
        "import re\ndef verify(tx):\n"
        "    if (str, 'kept', 0) in re._cache: raise ValueError('kept')\n"
        "    re.compile('kept')"
    ),
    "addresses": (
        "first = []\ndef verify(tx):\n    where = id(object())\n"
        "    if first and first[0] != where: raise ValueError('kept')\n    first.append(where)\n"
        "    if len(first) > 1: raise ValueError('kept')"
    ),
}


@pytest.mark.parametrize("source", KEEPERS.values(), ids=KEEPERS)
def test_a_contract_that_keeps_state_finds_none(machine: Machine, source: str):
    keeper = load(machine, source)
    outcomes = [keeper.verify(SMALL) for _ in range(4)]
    assert [type(outcome.verdict) for outcome in outcomes] == [Accepted] * 4
    assert len({outcome.verdict for outcome in outcomes}) == 1
    keeper.close()


@pytest.mark.parametrize("source", KEEPERS.values(), ids=KEEPERS)
def test_the_same_contract_keeps_state_where_nothing_is_reset(source: str):
    """Shows that the test above can fail: in plain Python every keeper finds something."""
    import contracts.author
    from contracts.author import Transaction

    code = f"import contextlib\nimport json, re, math, decimal\n{source}\n"
    program = (
        f"source = {code!r}\nspace = {{}}\nexec(source, space)\n"
        f"from contracts.author import Transaction\ntx = Transaction.from_json({SMALL!r})\n"
        "space['verify'](tx)\ntry:\n    space['verify'](tx)\nexcept ValueError as e:\n"
        "    assert 'kept' in str(e)\nelse:\n    raise SystemExit('nothing was kept')\n"
    )
    import subprocess
    import sys

    assert contracts.author.Transaction is Transaction
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize("way", WAYS)
def test_memory_is_the_snapshot_again_after_every_call(runtime: Runtime, way: Reset):
    machine = Machine(runtime, reset=way)
    instance = load(machine, CONSERVING)
    assert instance._body is not None
    memories = instance._body.memories
    before = [memory.contents() for memory in memories]
    assert sum(map(len, before)) > 1 << 20
    dice = random.Random(7)
    for _ in range(25):
        instance.verify(_some_transaction(dice))
        assert instance._body is not None
        assert instance._body.memories is memories, "it was replaced, not reset"
        for memory, wanted in zip(memories, before, strict=True):
            assert memory.contents() == wanted
            assert memory.saved() == wanted
    instance.close()
    machine.close()


def _some_transaction(dice: random.Random) -> str:
    tokens = [token(f"INV-{dice.randrange(9)}", dice.randrange(1, 99)) for _ in range(50)]
    cut = dice.randrange(50)
    document = transaction(inputs=tokens[:cut], outputs=tokens[cut:])
    return dice.choice([json.dumps(document), SMALL, "{", "[]" * dice.randrange(99)])


def test_without_the_reset_memory_would_differ(machine: Machine):
    """Shows that the comparison above can fail."""
    instance = load(machine, CONSERVING)
    body = instance._body
    assert body is not None
    before = [memory.contents() for memory in body.memories]
    on_deep_stack(body.call, "verify-rows", rows(SMALL.encode()), 10**8, 5.0)
    assert [memory.contents() for memory in body.memories] != before
    instance.close()


def test_an_instance_whose_memory_grew_is_replaced_and_answers_the_same(machine: Machine):
    greedy = (
        "def verify(tx):\n    x = bytearray(40 << 20) if len(tx.outputs) > 2 else b''\n"
        "    if len(x): raise ValueError(len(x))"
    )
    instance = load(machine, greedy)
    first = instance.verify(SMALL, want_memory_digest=True)
    large = json.dumps(transaction(outputs=[token("INV-B", 1)] * 3))
    assert isinstance(instance.verify(large).verdict, Rejected)
    assert instance._body is None, "given up, because its memory grew"
    assert instance.verify(SMALL, want_memory_digest=True) == first
    instance.close()


def _memory(way: Reset, pages: int = 64) -> LinearMemory:
    memory = LinearMemory(pages * PAGE, 2 * pages * PAGE, 2 * pages * PAGE, way)
    ctypes.memset(memory.base + PAGE, 7, 3 * PAGE)
    memory.snapshot()
    return memory


@pytest.mark.parametrize("way", WAYS)
def test_pages_written_one_by_one_in_any_order_go_back(way: Reset):
    memory = _memory(way)
    wanted = memory.contents()
    dice = random.Random(3)
    for _ in range(300):
        for _ in range(dice.randrange(6)):
            page = dice.randrange(64)
            ctypes.memset(memory.base + page * PAGE + dice.randrange(PAGE), dice.randrange(256), 1)
        assert memory.reset()
        assert memory.contents() == wanted
    memory.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_second_snapshot_replaces_the_first(way: Reset):
    memory = _memory(way)
    ctypes.memset(memory.base + 9 * PAGE, 5, 1)
    wanted = memory.contents()
    memory.snapshot()
    ctypes.memset(memory.base, 1, 64 * PAGE)
    assert memory.reset()
    assert memory.contents() == wanted
    memory.close()


@pytest.mark.parametrize("way", WAYS)
def test_memory_that_grew_is_not_reset(way: Reset):
    memory = _memory(way)
    assert memory.grow(100 * PAGE)
    assert not memory.grow(129 * PAGE), "over the limit"
    assert memory.size == 100 * PAGE
    assert not memory.reset()
    memory.close()


def test_more_written_pages_than_a_scan_lists_go_back():
    if Reset.SCAN not in WAYS:
        pytest.skip("this kernel has no PAGEMAP_SCAN")
    memory = _memory(Reset.SCAN, 6000)
    wanted = memory.contents()
    for page in range(0, 6000, 2):
        ctypes.memset(memory.base + page * PAGE, 9, 1)
    assert memory.reset()
    assert memory.contents() == wanted
    memory.close()


def test_fresh_and_reset_instances_agree_to_the_byte(machine: Machine):
    reset, fresh = load(machine, CONSERVING), load(machine, CONSERVING, fresh=True)
    wrong = json.dumps(transaction(outputs=[token("INV-B", 1)]))
    for text in (SMALL, wrong, SMALL):
        got = reset.verify(text, want_memory_digest=True)
        assert got == fresh.verify(text, want_memory_digest=True)
        assert got.memory_digest is not None
    reset.close()
    fresh.close()


def test_without_memory_of_ours_every_call_gets_a_new_instance(runtime: Runtime, machine: Machine):
    plain = Machine(runtime, reset=Reset.FRESH)
    there, here = load(plain, CONSERVING), load(machine, CONSERVING)
    assert isinstance(there, Instance)
    for _ in range(2):
        assert there.verify(SMALL).verdict == here.verify(SMALL).verdict
    keeper = load(plain, KEEPERS["global"])
    assert [type(keeper.verify(SMALL).verdict) for _ in range(3)] == [Accepted] * 3
    for instance in (there, here, keeper):
        instance.close()
    plain.close()


def test_memory_has_a_limit_below_which_everybody_is_alike(machine: Machine):
    source = "def verify(tx):\n    raise ValueError(len(bytearray({} << 20)))"
    below = load(machine, source.format(40)).verify(SMALL).verdict
    above = load(machine, source.format((LIMITS.memory >> 20) + 1)).verify(SMALL).verdict
    assert isinstance(below, Rejected)
    assert isinstance(above, Rejected)
    assert below.message == f"ValueError: {40 << 20}"
    assert above.message.startswith("MemoryError")


def test_memory_comes_back_when_an_instance_is_dropped_or_closed(machine: Machine):
    held = len(machine._memories)
    kept = [load(machine, CONSERVING) for _ in range(3)]
    assert len(machine._memories) > held
    kept[0].close()
    kept[0].close()
    del kept
    assert len(machine._memories) == held


def test_a_machine_without_memory_says_so_and_gives_no_verdict(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
):
    instance = load(machine, CONSERVING)
    greedy = load(machine, "def verify(tx):\n    bytearray(40 << 20)")
    greedy.verify(SMALL)  # grew: the next call needs a new instance

    def no_memory(*_arguments: object) -> None:
        raise OSError("no memory")

    monkeypatch.setattr("contracts.sandbox.machine.LinearMemory", no_memory)
    assert isinstance(greedy.verify(SMALL).verdict, Unavailable)
    assert isinstance(instance.verify(SMALL).verdict, Accepted)
    with pytest.raises(SandboxUnavailable):
        load(machine, CONSERVING)
    monkeypatch.undo()
    assert isinstance(greedy.verify(SMALL).verdict, Accepted)
    instance.close()
    greedy.close()
