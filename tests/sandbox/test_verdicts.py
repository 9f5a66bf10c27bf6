"""What comes out: verdicts with code, message and line; and nothing that disturbs a reader."""

import json
import threading

import pytest

from contracts.errors import LoadRefused
from contracts.sandbox.engine import load
from contracts.sandbox.limits import LIMITS
from contracts.sandbox.machine import Machine
from contracts.sandbox.verdicts import (
    MESSAGE_LIMIT,
    Accepted,
    OutOfGas,
    Rejected,
    Unavailable,
    decode_answer,
    showable,
)
from tests.sandbox.conftest import CONSERVING, SMALL, token, transaction


def verdict_of(machine: Machine, source: str, text: str = SMALL, **named: object) -> object:
    instance = load(machine, source, **named)  # type: ignore[arg-type] # the cases name what they need
    try:
        return instance.verify(text).verdict
    finally:
        instance.close()


def test_what_the_contract_accepts_is_accepted_with_its_gas(machine: Machine):
    verdict = verdict_of(machine, CONSERVING)
    assert isinstance(verdict, Accepted)
    assert 100_000 < verdict.gas < 2_000_000


REFUSALS = {
    "its own code, message and line": (
        CONSERVING,
        json.dumps(transaction(outputs=[token("INV-B", 1)])),
        Rejected("E_SUM", "1 made, 130 consumed", 11, 0),
    ),
    "a signature that is missing": (
        CONSERVING,
        json.dumps(transaction(signers={"investors": [], "members": []})),
        Rejected("E_SIGNATURE", "INV-A did not sign", 14, 0),
    ),
    "an exception that nobody caught": (
        "def verify(tx):\n    return 1 // (len(tx.inputs) - 2)\n",
        SMALL,
        Rejected("E_EXCEPTION", "ZeroDivisionError: division by zero", 2, 0),
    ),
    "the line of the contract, not of what it called": (
        "import json\n\n\ndef verify(tx):\n    json.loads('{')\n",
        SMALL,
        Rejected(
            "E_EXCEPTION",
            "JSONDecodeError: Expecting property name enclosed in double quotes:"
            " line 1 column 2 (char 1)",
            5,
            0,
        ),
    ),
    "a code that is none": (
        "from contracts.author import Rejected\ndef verify(tx): raise Rejected('e sum', 'x')",
        SMALL,
        Rejected("E_CODE", "the contract gave no valid code: e sum", 0, 0),
    ),
    "a message that moves the cursor": (
        "import contracts.author as a\ndef verify(tx): raise a.Rejected('E_A', '\\x1b[2J\\n')",
        SMALL,
        Rejected("E_A", "\\u{1b}[2J\\u{a}", 2, 0),
    ),
    "something that is no transaction": (
        CONSERVING,
        "{}",
        Rejected(
            "E_TRANSACTION", "not a transaction: Object missing required field `contract`", 0, 0
        ),
    ),
    "a field too many": (
        CONSERVING,
        json.dumps(transaction(inputs=[token("INV-A", 1) | {"extra": 1}])),
        Rejected(
            "E_TRANSACTION",
            "not a transaction: Object contains unknown field `extra` - at `$.inputs[0]`",
            0,
            0,
        ),
    ),
    "a message that is no text": (
        "def verify(tx): raise ValueError('\\ud800')",
        SMALL,
        Rejected("E_EXCEPTION", "ValueError: ?", 1, 0),
    ),
    "a clock": (
        "import datetime\ndef verify(tx): datetime.datetime.now()",
        SMALL,
        Rejected("E_TRAP", "the interpreter gave up", 0, 0),
    ),
}


@pytest.mark.parametrize(("source", "text", "expected"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(machine: Machine, source: str, text: str, expected: Rejected):
    verdict = verdict_of(machine, source, text)
    assert isinstance(verdict, Rejected)
    assert (verdict.code, verdict.message, verdict.line) == (
        expected.code,
        expected.message,
        expected.line,
    )


LOADS = {
    "a syntax error": ("x = 1\ndef verify(:\n", "E_EXCEPTION", 2),
    "an exception": ("x = 1\nraise KeyError('a')\n", "E_EXCEPTION", 2),
    "a forbidden module": ("import os\n", "E_EXCEPTION", 1),
    "no verify": ("def check(tx): pass\n", "E_NO_VERIFY", 0),
    "verify is no function": ("verify = 3\n", "E_NO_VERIFY", 0),
    "too long": ("#" * (LIMITS.source + 1), "E_SOURCE", 0),
    "not text": ("x = '\ud800'", "E_SOURCE", 0),
}


MODULES_AT_WORK = """\
import base64, collections, copy, dataclasses, datetime, decimal, enum, fractions, functools
import hashlib, re, string, typing

@dataclasses.dataclass(frozen=True, order=True)
class Point:
    x: int
    y: "int" = 0

class Colour(enum.Enum):
    RED = 1

@functools.singledispatch
def kind(value): return "other"

@kind.register
def _(value: int): return "int"

def verify(tx):
    day = datetime.datetime.strptime(tx.commands[0].settlement_date, "%Y-%m-%d").date()
    assert day.strftime("%d.%m.%Y") == "03.04.2025"
    assert decimal.Decimal("1.10") + decimal.Decimal("2.20") == decimal.Decimal("3.30")
    assert fractions.Fraction("1/3") * 3 == 1
    assert dataclasses.replace(Point(1), y=2) > Point(1)
    assert typing.get_type_hints(Point) == {"x": int, "y": int}
    assert copy.deepcopy({"a": [Point(1)]}) == {"a": [Point(1)]}
    assert Colour["RED"] is Colour(1)
    assert kind(1) == "int"
    assert "é".encode("latin-1") + "é".encode("utf-16") + "é".encode() + "e".encode("ascii")
    assert re.sub(r"(?P<a>a+)", r"<\\g<a>>", "baab") == "b<aa>b"
    assert hashlib.sha256(b"").hexdigest().startswith("e3b0c442")
    assert hashlib.new("sha3_256", b"").hexdigest().startswith("a7ffc6f8")
    assert base64.b64decode(base64.b64encode(b"abc")) == b"abc"
    assert string.Template("$a").substitute(a=1) == "1"
    assert collections.Counter("aab").most_common(1) == [("a", 2)]
    assert "\\N{BULLET}" == "\\u2022"
    match tx.commands[0].transfer_type:
        case "transfer": return
    raise ValueError
"""


def test_the_modules_of_a_contract_work(machine: Machine):
    assert isinstance(verdict_of(machine, MODULES_AT_WORK), Accepted)


@pytest.mark.parametrize(("source", "code", "line"), LOADS.values(), ids=LOADS)
def test_a_source_that_does_not_load_says_why(machine: Machine, source: str, code: str, line: int):
    with pytest.raises(LoadRefused) as refused:
        load(machine, source)
    verdict = refused.value.verdict
    assert isinstance(verdict, Rejected)
    assert (verdict.code, verdict.line) == (code, line)


def test_gas_for_loading_is_limited(machine: Machine):
    with pytest.raises(LoadRefused) as refused:
        load(machine, "while True: pass")
    assert refused.value.verdict == OutOfGas(LIMITS.load_gas)


def test_gas_is_exact_and_the_limit_is_the_verdict(machine: Machine):
    accepted = verdict_of(machine, CONSERVING)
    assert isinstance(accepted, Accepted)
    enough = verdict_of(machine, CONSERVING, gas_limit=accepted.gas + 1)
    assert enough == accepted
    short = accepted.gas - 1_000
    assert verdict_of(machine, CONSERVING, gas_limit=short) == OutOfGas(short)


def test_nobody_gets_more_gas_than_there_is(machine: Machine):
    verdict = verdict_of(machine, "def verify(tx):\n    while True: pass", gas_limit=10**15)
    assert verdict == OutOfGas(LIMITS.gas_maximum)


def test_a_deadline_is_never_a_verdict(machine: Machine):
    over = threading.Event()

    def time_flies() -> None:
        while not over.wait(0.0005):
            machine.engine.increment_epoch()

    clock = threading.Thread(target=time_flies)
    clock.start()
    loop = "def verify(tx):\n    while True: pass"
    verdict = verdict_of(machine, loop, gas_limit=LIMITS.gas_maximum, deadline=0.05)
    over.set()
    clock.join()
    assert isinstance(verdict, Unavailable)
    assert "try again" in verdict.reason


def test_after_a_trap_the_next_call_is_served(machine: Machine):
    source = "import datetime\ndef verify(tx):\n    if len(tx.outputs) == 1: datetime.date.today()"
    instance = load(machine, source)
    before = instance.verify(SMALL, want_memory_digest=True)
    trapping = json.dumps(transaction(outputs=[token("INV-B", 130)]))
    assert isinstance(instance.verify(trapping).verdict, Rejected)
    assert instance.verify(SMALL, want_memory_digest=True) == before
    instance.close()


def test_a_transaction_that_is_too_large_is_refused(machine: Machine):
    verdict = verdict_of(machine, CONSERVING, "x" * (LIMITS.transaction + 1))
    assert isinstance(verdict, Rejected)
    assert verdict.code == "E_TRANSACTION"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("受益権 ok é", "受益権 ok é"),
        ("a\x00b\x7f", "a\\u{0}b\\u{7f}"),
        ("\u202egnp.exe", "\\u{202e}gnp.exe"),
        ("\u2028", "\\u{2028}"),
        ("\U000e0041", "\\u{e0041}"),
        ("x" * (MESSAGE_LIMIT + 5), "x" * MESSAGE_LIMIT + "…"),
    ],
)
def test_showable(text: str, shown: str):
    assert showable(text) == shown


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("E\x005\x00m", 5),
        ("E\x00-1\x00m", 0),
        ("E\x00²\x00m", 0),
        ("E\x0099999999\x00m", 0),
        ("E", 0),
    ],
)
def test_lines_of_lies(answer: str, line: int):
    verdict = decode_answer(answer, 1)
    assert isinstance(verdict, Rejected)
    assert verdict.line == line
