import pytest

from contracts.gates.lint import lint
from contracts.packages import Package

VERIFY = "def verify(tx):\n    pass\n"

FINDINGS = {
    "import os": "may not be imported",
    "from os import path": "may not be imported",
    "from . import x": "may not be imported",
    "import time": "may not be imported",
    "import random": "may not be imported",
    "from functools import lru_cache": "keeps state",
    "X = 0.5": "is a float",
    "def f(a): return a / 2": "makes a float",
    "def f(a):\n    a /= 2": "makes a float",
    "def f(a, b): return a ** b": "constant exponent",
    "def f(a, b): return a << b": "constant exponent",
    "def f(a):\n    while a: pass": "no bound",
    "def f():\n    global X": "outside of a call",
    "def f():\n    assert True": "no code",
    "def f():\n    try: pass\n    except: pass": "bare `except`",
    "def f():\n    try: pass\n    except Exception: pass": "hides refusals",
    "def f(a): return a.__class__": "reaches into Python",
    "def f(a): return getattr(a, 'b')": "hides what is read",
    "def f(a): return eval(a)": "makes code",
    "def f(a): return hash(a)": "is not a meaning",
    "def f(a): return f(a)": "calls itself",
    "def f(a=[]): return a": "mutable default",
    "def f(*, a={}): return a": "mutable default",
    "X = []": "module state",
    "X = {}": "module state",
    "X: dict = dict()": "module state",
    "class A:\n    seen = set()": "module state",
    "from itertools import count\ndef f(): return count()": "for ever",
    "from contracts.author import Rejected\ndef f(a): raise Rejected(a)": "is a literal",
    "from contracts.author import Rejected\ndef f(): raise Rejected('sum')": "is not a code",
    "import functools\n@functools.cache\ndef f(): pass": "keeps state",
    "for x in (1, 2): pass": "only imports",
    "if True: pass": "only imports",
    "def f(a):\n    for x in set(a): pass": "order of a set",
    "def f(a):\n    s = {x for x in a}\n    return [y for y in s]": "order of a set",
    "async def f(): pass": "nothing to wait for",
}


@pytest.mark.parametrize("source", FINDINGS)
def test_what_a_rule_can_name_is_found_with_its_line(source: str):
    found = lint(f"{VERIFY}\n{source}\n")
    said = FINDINGS[source]
    assert any(said in fault.message and (fault.line or 0) > 3 for fault in found), found


def test_a_contract_without_verify_is_no_contract():
    assert "no function `verify(tx)`" in lint("X = 1\n")[0].message


def test_the_shipped_contract_has_no_finding(package: Package):
    assert lint(package.source) == []
