"""Programs that want all the memory, at once, slowly, or in pieces."""

PROGRAMS = {
    "list at once": "x = [0] * (10**9)",
    "bytes at once": "x = bytes(10**9)",
    "bytearray at once": "x = bytearray(2**31 - 1)",
    "text at once": "x = 'a' * (10**9)",
    "tuple at once": "x = (None,) * (2**30)",
    "overflowing size": "x = [0] * (2**62)",
    "limit of size": "x = bytearray(2**32 - 1)",
    "negative shift": "x = 1 << (2**31)",
    "shift": "x = 1 << (10**9)",
    "list slowly": "x = []\nwhile True:\n    x.append(bytes(1 << 20))",
    "nested lists": "x = []\nwhile True:\n    x = [x, x]",
    "dict slowly": "d = {}\nfor i in iter(lambda: len(d), -1):\n    d[i] = str(i) * 100",
    "set slowly": "s = set()\nwhile True:\n    s.add(frozenset(range(len(s), len(s) + 1000)))",
    "doubling text": "x = 'a'\nwhile True:\n    x += x",
    "doubling list": "x = [1]\nwhile True:\n    x += x",
    "doubling bytes": "x = bytearray(1)\nwhile True:\n    x += x",
    "join": "','.join(['a' * 10**6] * 10**4)",
    "format width": "'{:>999999999}'.format(1)",
    "percent width": "'%999999999d' % 1",
    "zero fill": "'1'.zfill(10**9)",
    "justify": "'1'.ljust(10**9)",
    "tabs": "'\\t'.expandtabs(10**9)",
    "replace": "('a' * 10**6).replace('a', 'b' * 10**4)",
    "translate": "('a' * 10**6).translate({97: 'x' * 10**4})",
    "repeat pattern": "import re\nre.compile('(?:a{9999}){9999}')",
    "many classes": "c = []\nwhile True:\n    c.append(type('C', (), {str(len(c)): 1}))",
    "many functions": "f = []\nwhile True:\n    f.append(lambda x=len(f): x)",
    "many exceptions": (
        "e = None\nwhile True:\n    try:\n        raise ValueError(e)\n"
        "    except ValueError as n:\n        e = n"
    ),
    "cache": (
        "import functools\n@functools.cache\ndef f(i):\n    return bytes(10000)\ni = 0\n"
        "while True:\n    i += 1\n    f(i)"
    ),
    "deque": (
        "import collections\nd = collections.deque()\nwhile True:\n    d.append(bytearray(100000))"
    ),
    "counter": "import collections, itertools\ncollections.Counter(itertools.count())",
    "tee": "import itertools\na, b = itertools.tee(itertools.count())\nfor _ in a:\n    pass",
    "product": "import itertools\nitertools.product(range(10**7), repeat=50)",
    "interned": (
        "import json\ns = json.codecs.sys\nfor i in iter(int, 1):\n"
        "    s.intern('x' * 100 + str(id(i)))"
    ),
    "catch and ask again": (
        "x = []\nwhile True:\n    try:\n        x.append(bytearray(8 << 20))\n"
        "    except MemoryError:\n        x.append(1)"
    ),
    "fill to the brim then refuse": (
        "x = []\ntry:\n    while True:\n        x.append(bytearray(1 << 16))\n"
        "except MemoryError:\n    pass\nraise ValueError('full')"
    ),
    "growth and release": "while True:\n    x = bytearray(64 << 20)\n    del x",
    "huge message": "raise ValueError('A' * (20 << 20))",
    "huge code": "from contracts.author import Rejected\nraise Rejected('E' * (10 << 20), 'x')",
    "print a lot": "while True:\n    print('x' * 1000000)",
    "decimal digits": "import decimal\ndecimal.Decimal(10) ** 100000000",
    "base64 of all": "import base64\nx = b'a'\nwhile True:\n    x = base64.b64encode(x)",
    "str huge": r"""
class E(Exception):
    def __str__(self):
        return 'x' * (80 << 20)
raise E
""",
    "type name huge": r"""
E = type('E' * (20 << 20), (Exception,), {})
raise E('x')
""",
    "str format width": r"""
'{:>1000000000}'.format(1)
""",
    "percent width again": r"""
'%1000000000d' % 1
""",
    "bytes percent": r"""
b'%*d' % (10**9, 1)
""",
    "struct": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
imp('struct').pack('1000000000x')
""",
    "array": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
imp('array').array('b', b'x') * (1 << 30)
""",
}
