"""Programs for the compiler, the parser, and for everything that reads text."""

_COMPILE = (
    "import json\nb = json.__builtins__\nb = b if isinstance(b, dict) else vars(b)\n"
    "compile = b['compile']\nexec = b['exec']\neval = b['eval']\n"
)


def _compiled(expression: str) -> str:
    return _COMPILE + f"compile({expression}, 'x', 'exec')"


PROGRAMS = {
    "round brackets": _compiled("'(' * 8000 + ')' * 8000"),
    "square brackets": _compiled("'[' * 8000"),
    "curly brackets": _compiled("'{' * 9000"),
    "calls": _compiled("'f' + '()' * 8000"),
    "attributes": _compiled("'a' + '.a' * 8000"),
    "subscripts": _compiled("'a' + '[0]' * 8000"),
    "minus signs": _compiled("'-' * 8000 + '1'"),
    "not": _compiled("'not ' * 8000 + '1'"),
    "tilde": _compiled("'~' * 9000 + '1'"),
    "sum": _compiled("'1' + '+1' * 8000"),
    "powers": _compiled("'1' + '**1' * 4000"),
    "comparisons": _compiled("'1' + '<1' * 8000"),
    "conditional": _compiled("'1 if 1 else ' * 4000 + '1'"),
    "lambda": _compiled("'lambda:' * 8000 + '1'"),
    "await": _compiled("'await ' * 8000 + '1'"),
    "yield": _compiled("'(yield ' * 4000"),
    "star": _compiled("'*' * 8000 + 'a'"),
    "folded power": _compiled("'9**9**9**9'"),
    "folded repetition": _compiled("'\"a\" * 999999999'"),
    "folded shift": _compiled("'1 << 999999999'"),
    "folded tuple": _compiled("'((1,) * 99999) * 99999'"),
    "long integer": _compiled("'9' * 4000"),
    "long hexadecimal": _compiled("'0x' + 'f' * 100000"),
    "long name": _compiled("'a' * 600000"),
    "long text": _compiled("'\"' + 'a' * 600000 + '\"'"),
    "joined texts": _compiled("'\"a\"' * 9000"),
    "nested f-strings": _compiled("'f\"{' * 300 + '1' + '}\"' * 300"),
    "f-string format": _compiled("'f\"' + '{a:' * 5000"),
    "many statements": _compiled("'a=1;' * 9000"),
    "many names": _compiled("','.join('a%d' % i for i in range(8000))"),
    "nested blocks": _compiled("''.join(' ' * i + 'if 1:\\n' for i in range(2000))"),
    "nested functions": _compiled(
        "''.join(' ' * i + 'def f():\\n' for i in range(90)) + ' ' * 90 + '0'"
    ),
    "nested loops": _compiled(
        "''.join(' ' * i + 'for a in b:\\n' for i in range(90)) + ' ' * 90 + '0'"
    ),
    "nested try": _compiled("''.join(' ' * i + 'try:\\n' for i in range(90))"),
    "nested comprehensions": _compiled("'[' * 150 + 'a' + ' for a in b]' * 150"),
    "pattern matching": _compiled("'match a:\\n case ' + '[' * 4000"),
    "alternatives": _compiled("'match a:\\n case ' + '|'.join('1' * 4000) + ': 0'"),
    "decorators": _compiled("'@a\\n' * 8000 + 'def f(): 0'"),
    "many arguments": _compiled("'def f(' + ','.join('a%d' % i for i in range(3000)) + '): 0'"),
    "keyword arguments": _compiled("'f(' + ','.join('a%d=1' % i for i in range(3000)) + ')'"),
    "line continuation": _compiled("'\\\\\\n' * 20000 + '1'"),
    "tabs and spaces": _compiled("'if 1:\\n\\t0\\n        0\\n'"),
    "a null character": _compiled("'a\\0b'"),
    "form feeds": _compiled("'\\f' * 1000000 + '1'"),
    "coding that lies": _COMPILE + "compile(b'# coding: utf-7\\n+AAo-', 'x', 'exec')",
    "unknown coding": _COMPILE + "compile(b'# coding: ' + b'z' * 8000, 'x', 'exec')",
    "surrogates": _COMPILE + "compile('\\ud800 = 1', 'x', 'exec')",
    "syntax tree by hand": (
        _COMPILE + "ast = b['__import__']('ast')\nn = ast.Constant(1)\n"
        "for _ in range(8000):\n    n = ast.UnaryOp(ast.USub(), n)\n"
        "compile(ast.fix_missing_locations(ast.Expression(n)), 'x', 'eval')"
    ),
    "syntax tree with a lie": (
        _COMPILE + "ast = b['__import__']('ast')\n"
        "compile(ast.Module([ast.Expr(ast.Constant(ast.Load))], []), 'x', 'exec')"
    ),
    "marshalled code": (
        _COMPILE + "m = b['__import__']('marshal')\nexec(m.loads(b'\\xe3' + bytes(200)))"
    ),
    "exec that execs": _COMPILE + "s = 'exec(s)'\nexec(s, {'s': s, 'exec': exec})",
    "pickle": (
        _COMPILE + "b['__import__']('pickle').loads(b\"cos\\nsystem\\n(S'touch {canary}'\\ntR.\")"
    ),
    "decimal text": "import decimal\ndecimal.Decimal('1e' + '9' * 1000000)",
    "integer text": "int('9' * 600000)",
    "integer text without limit": (
        "import json\njson.codecs.sys.set_int_max_str_digits(0)\nint('9' * 1000000)"
    ),
    "date text": "import datetime\ndatetime.datetime.fromisoformat('2' * 1000000)",
    "format text": "('{0.' + 'a.' * 8000 + '}').format(1)",
    "format nested": "'{:{}{}{}}'.format(1, *['{' * 1000] * 3)",
    "base64 text": "import base64\nbase64.b64decode('=' * 600000)",
    "number in JSON": "import json\njson.loads('1' * 600000)",
    "exponent in JSON": (
        "import json\njson.loads('1e' + '9' * 1000000, parse_float=__import__('decimal').Decimal)"
    ),
    "marshal code": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
m = imp('marshal')
m.loads(b'\xfb' * 100)
""",
    "compile 10MB": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
b['compile']('x=1\n' * 2500000, 'x', 'exec')
""",
    "ast parse deep": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
imp('ast').parse('(' * 190 + ')' * 190)
""",
    "tokenizer bytes null": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
b['compile'](b'\0', 'x', 'exec')
""",
    "cookie": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
b['compile'](b'# -*- coding: punycode -*-\n' + b'a' * 100000, 'x', 'exec')
""",
    "cookie hex": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
b['exec'](b'# coding: rot13\nvzcbeg bf')
""",
    "deep fstring": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
b['compile']('f"' + '{' * 3000, 'x', 'exec')
""",
    "const fold": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
b['compile']('((1,2,3)*100)*100*100*100', 'x', 'exec')
""",
}
