"""Programs that never want to end, and some that end late."""

PROGRAMS = {
    "loop": "while True:\n    pass",
    "for ever by iter": "for _ in iter(int, 1):\n    pass",
    "count": "import itertools\nfor _ in itertools.count():\n    pass",
    "cycle": "import itertools\nfor _ in itertools.cycle('ab'):\n    pass",
    "count in C": "import itertools\nsum(itertools.repeat(1))",
    "any in C": "import itertools\nany(itertools.repeat(0))",
    "all of a huge range": "all(range(1, 10**18))",
    "membership in a cycle": "import itertools\n3 in itertools.cycle((1, 2))",
    "deque that eats": (
        "import collections, itertools\ncollections.deque(itertools.repeat(0), maxlen=0)"
    ),
    "power": "pow(3, 10**9)",
    "power of power": "9 ** 9 ** 9",
    "modular power": "while True:\n    pow(3, 2**5000, 2**5000 + 1)",
    "multiplication": "x = 3 ** 100000\nwhile True:\n    x * x",
    "division": "x = 7 ** 90000\nwhile True:\n    x // (x >> 5000)",
    "factorial": "import math\nmath.factorial(10**7)",
    "combinations": "import math\nmath.comb(10**7, 5 * 10**6)",
    "integer square root": "import math\nwhile True:\n    math.isqrt(10 ** 200000)",
    "to decimal digits": "while True:\n    str(10 ** 4200)",
    "from hexadecimal": "while True:\n    int('f' * 1000000, 16)",
    "decimal power": (
        "import decimal\ndecimal.getcontext().prec = 10**6\n"
        "decimal.Decimal(2) ** decimal.Decimal('0.5')"
    ),
    "decimal exponential": (
        "import decimal\ndecimal.getcontext().prec = 99999\ndecimal.Decimal(9).exp()"
    ),
    "fractions": (
        "import fractions\nx = fractions.Fraction(1, 3)\nwhile True:\n"
        "    x += fractions.Fraction(1, 7) * x"
    ),
    "backtracking": "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
    "backtracking alternatives": "import re\nre.match(r'(a|a)*$', 'a' * 60 + 'b')",
    "nested quantifiers": "import re\nre.search(r'(x+x+)+y', 'x' * 60)",
    "hash for ever": "import hashlib\nwhile True:\n    hashlib.sha256(bytes(1 << 20)).digest()",
    "hash of much": "import hashlib\nh = hashlib.sha3_512()\nwhile True:\n    h.update(b'a' * 99)",
    "sort again and again": "while True:\n    sorted(range(100000), key=lambda x: -x)",
    "quadratic text": "s = ''\nwhile True:\n    s = 'a' + s",
    "search": "x = 'a' * 1000000\nwhile True:\n    (x[:-1] + 'b') in x",
    "replace": "x = 'a' * 1000000\nwhile True:\n    x.replace('a', 'b')",
    "copy bytes": "x = bytes(16 << 20)\nwhile True:\n    x[1:]",
    "compare bytes": "x = bytes(16 << 20)\ny = bytes(16 << 20)\nwhile True:\n    x == y",
    "fill": "while True:\n    bytearray(16 << 20)",
    "colliding hashes": (
        "class K:\n    def __hash__(self):\n        return 1\n    def __eq__(self, o):\n"
        "        return False\n"
        "d = {}\nwhile True:\n    d[K()] = 1"
    ),
    "permutations": "import itertools\nsum(1 for _ in itertools.permutations(range(20)))",
    "exceptions": "while True:\n    try:\n        1 / 0\n    except Exception:\n        pass",
    "swallow everything": (
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except BaseException:\n        pass"
    ),
    "finally that goes on": (
        "while True:\n    try:\n        raise SystemExit\n    finally:\n        continue"
    ),
    "comparison that calls": (
        "class L:\n    def __lt__(self, o):\n        return True\n"
        "sorted([L() for _ in range(10**6)])"
    ),
    "metaclass": (
        "class M(type):\n    def __new__(c, *a):\n        while True:\n            pass\n"
        "class A(metaclass=M):\n    pass"
    ),
    "deep copy": (
        "import copy\nx = [list(range(1000)) for _ in range(100)]\nwhile True:\n"
        "    copy.deepcopy(x)"
    ),
    "str loops": r"""
class E(Exception):
    def __str__(self):
        while True: pass
raise E
""",
    "gc collect loop": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
g = imp('gc')
while True: g.collect()
""",
    "str power": r"""
str(10 ** 4300)
""",
    "int pow neg": r"""
pow(2, -10**6, 10**5000+1)
""",
    "regex bomb nested": r"""
import re
re.fullmatch('(' * 50 + 'a*' + ')*' * 50, 'a' * 40 + 'b')
""",
    "regex lookbehind": r"""
import re
re.search('(?<=a{1000})b' * 100, 'a' * 100000)
""",
    "regex repeat": r"""
import re
re.compile('(?:a{0,65535}){0,65535}').match('a'*100000 + 'b')
""",
    "regex big charset": r"""
import re
re.compile('[' + ''.join(map(chr, range(0x100, 0xd000))) + ']')
""",
    "unicode normalize": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
imp('unicodedata').normalize('NFKD', '\ufdfa' * 1000000)
""",
}
