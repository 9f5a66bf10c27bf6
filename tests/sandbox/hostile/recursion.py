"""Programs that dig: through Python frames, through C frames, through destructors."""

_NEST = "x = []\nfor _ in range(30000):\n    x = [x]\n"
_REAL = "import json\nsys = json.codecs.sys\nsys.setrecursionlimit(10**9)\n"

PROGRAMS = {
    "function": "def f():\n    f()\nf()",
    "function with a raised limit": _REAL + "def f():\n    f()\nf()",
    "two functions": "def f():\n    g()\ndef g():\n    f()\nf()",
    "lambda": "f = lambda g: g(g)\nf(f)",
    "method": "class A:\n    def m(self):\n        self.m()\nA().m()",
    "call of an object": "class A:\n    def __call__(self):\n        self()\nA()()",
    "attribute": (
        "class A:\n    def __getattr__(self, n):\n        return getattr(self, n + 'x')\nA().a"
    ),
    "attribute with a raised limit": (
        _REAL + "class A:\n    def __getattr__(self, n):\n        return getattr(self, n)\nA().a"
    ),
    "equality": "class A:\n    def __eq__(self, o):\n        return self == o\nA() == A()",
    "hash": "class A:\n    def __hash__(self):\n        return hash(self)\nhash(A())",
    "repr": "class A:\n    def __repr__(self):\n        return repr(self)\nrepr(A())",
    "repr in C with a raised limit": (
        _REAL
        + "class A(list):\n    def __repr__(self):\n        return list.__repr__([self])\nrepr(A())"
    ),
    "add": "class A:\n    def __add__(self, o):\n        return self + o\nA() + 1",
    "iteration": "class A:\n    def __iter__(self):\n        return iter(self)\niter(A())",
    "length": "class A:\n    def __len__(self):\n        return len(self)\nlen(A())",
    "index": "class A:\n    def __index__(self):\n        return [1][self]\n[1][A()]",
    "format": (
        "class A:\n    def __format__(self, s):\n        return format(self, s)\nformat(A(), '')"
    ),
    "instance check": (
        "class M(type):\n    def __instancecheck__(c, o):\n        return isinstance(o, c)\n"
        "class A(metaclass=M):\n    pass\nisinstance(1, A)"
    ),
    "repr of a nest": _NEST + "repr(x)",
    "equality of nests": _NEST + "y = []\nfor _ in range(30000):\n    y = [y]\nx == y",
    "release of a nest": _NEST + "del x",
    "release of a nest of tuples": "x = ()\nfor _ in range(30000):\n    x = (x,)\ndel x",
    "release of a chain of objects": (
        "class A:\n    pass\nx = None\nfor _ in range(20000):\n    a = A()\n"
        "    a.n = x\n    x = a\ndel x, a"
    ),
    "release of nested generators": (
        "def g(i):\n    yield from i\nx = iter(())\nfor _ in range(9000):\n    x = g(x)\nlist(x)"
    ),
    "map upon map": "x = iter([1])\nfor _ in range(20000):\n    x = map(abs, x)\nlist(x)",
    "filter upon filter": (
        "x = iter([1])\nfor _ in range(20000):\n    x = filter(None, x)\nnext(x)"
    ),
    "chain upon chain": (
        "import itertools\nx = iter([1])\nfor _ in range(20000):\n"
        "    x = itertools.chain(x)\nnext(x)"
    ),
    "partial upon partial": (
        "import functools\nclass P(functools.partial):\n    pass\nf = abs\n"
        "for _ in range(20000):\n    f = P(f)\n    f.x = 1\nf(1)"
    ),
    "deep copy": _NEST + "import copy\ncopy.deepcopy(x)",
    "JSON out": _NEST + "import json\njson.dumps(x)",
    "JSON in": "import json\njson.loads('[' * 100000)",
    "JSON in with a raised limit": _REAL + "json.loads('[' * 100000)",
    "JSON objects in": "import json\njson.loads('{\"a\":' * 60000)",
    "type of types": (
        "x = list\nfor _ in range(20000):\n    x = x[x] if x is list else list[x]\nrepr(x)"
    ),
    "union of unions": "x = int | None\nfor _ in range(20000):\n    x = list[x] | None\nhash(x)",
    "exception chain": (
        "e = None\nfor _ in range(20000):\n    n = ValueError()\n    n.__cause__ = e\n"
        "    e = n\nraise e"
    ),
    "groups of exceptions": (
        "e = ValueError()\nfor _ in range(20000):\n    e = ExceptionGroup('x', [e])\nraise e"
    ),
    "pattern": "import re\nre.compile('(' * 20000 + ')' * 20000)",
    "pattern that matches deep": "import re\nre.match('(?:(?:a)?b)*' * 500 + 'c', 'ab' * 5000)",
    "inheritance": "A = object\nfor _ in range(9000):\n    A = type('A', (A,), {})\nA()",
    "sort that sorts": (
        "class A:\n    def __lt__(self, o):\n        return sorted([A(), A()]) is None\n"
        "sorted([A(), A()])"
    ),
    "finalizers that make more": "class A:\n    def __del__(self):\n        A()\nA()",
    "context managers": (
        "import contextlib\ns = contextlib.ExitStack()\nfor _ in range(20000):\n"
        "    s.push(s.__exit__)\ns.close()"
    ),
    "recursion huge json nested": r"""
import json
sys = json.codecs.sys
sys.setrecursionlimit(2**31-1)
json.loads('['*200000)
""",
    "marshal deep": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
m = imp('marshal')
m.loads(b'(\x01\x00\x00\x00' * 200000)
""",
    "marshal dumps deep": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
m = imp('marshal')
x = ()
for _ in range(100000): x = (x,)
m.dumps(x)
""",
}
