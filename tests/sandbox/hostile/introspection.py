"""Ways out by import, by introspection and by what the interpreter carries with it."""

_BUILTINS = "import json\nb = json.__builtins__\nb = b if isinstance(b, dict) else vars(b)\n"
_MODULES = "import json\nm = type(json)\nsys = json.codecs.sys\n"

PROGRAMS = {
    "import os": "import os\nos.system('touch {canary}')",
    "import subprocess": "import subprocess\nsubprocess.run(['touch', '{canary}'])",
    "import socket": "import socket\nsocket.create_connection(('127.0.0.1', 22))",
    "import ctypes": "import ctypes\nctypes.CDLL(None).system(b'touch {canary}')",
    "import sys": "import sys\nsys.exit(0)",
    "import importlib": "import importlib\nimportlib.import_module('os').system('touch {canary}')",
    "import builtins": "import builtins\nbuiltins.open('{canary}', 'w')",
    "relative import": "from . import author",
    "the function behind import": "__import__('os').system('touch {canary}')",
    "open": "open('{canary}', 'w').write('x')",
    "real open": _BUILTINS + "b['open']('{canary}', 'w').write('x')",
    "real import": _BUILTINS + "b['__import__']('os').system('touch {canary}')",
    "real exec": _BUILTINS + "b['exec']('import os; os.mkdir(\"{canary}\")')",
    "read a secret": _BUILTINS + "raise ValueError(b['open']('/etc/passwd').read())",
    "modules of sys": _MODULES + "sys.modules['os'].system('touch {canary}')",
    "environment": _MODULES + "raise ValueError(str(dict(sys.modules['os'].environ)))",
    "exit by sys": _MODULES + "sys.exit(7)",
    "exit at once": _MODULES + "sys.modules['os']._exit(0)",
    "abort": _MODULES + "sys.modules['os'].abort()",
    "kill": _MODULES + "sys.modules['os'].kill(1, 9)",
    "fork": _MODULES + "sys.modules['os'].fork()",
    "list the root": _MODULES + "raise ValueError(str(sys.modules['os'].listdir('/')))",
    "environment by posix": _MODULES + "import re\nsys.modules['posix'].open('{canary}', 65)",
    "wall clock": "import datetime\nraise ValueError(str(datetime.datetime.now()))",
    "monotonic clock": _BUILTINS + "raise ValueError(b['__import__']('time').monotonic())",
    "sleep": _BUILTINS + "b['__import__']('time').sleep(60)",
    "entropy": _MODULES + "raise ValueError(sys.modules['os'].urandom(8).hex())",
    "random": _BUILTINS + "raise ValueError(b['__import__']('random').SystemRandom().random())",
    "threads": _BUILTINS + "b['__import__']('threading').Thread(target=print).start()",
    "native pointer": _BUILTINS + "b['__import__']('_ctypes').PyObj_FromPtr(1)",
    "subclasses of object": (
        "for c in ().__class__.__base__.__subclasses__():\n"
        "    if c.__name__ in ('Popen', 'BuiltinImporter', 'FileIO'):\n"
        "        try:\n"
        "            c('{canary}', 'w')\n"
        "        except BaseException:\n"
        "            pass"
    ),
    "frames": (
        "try:\n    raise ValueError\nexcept ValueError as e:\n"
        "    f = e.__traceback__.tb_frame\n    while f.f_back:\n        f = f.f_back\n"
        "    f.f_globals['_answer'] = lambda e: ''\n    f.f_globals['ALLOWED'] = ()\n    raise"
    ),
    "replace the interpreter's answer": (
        _MODULES + "for n, g in list(sys.modules.items()):\n"
        "    if hasattr(g, 'WitWorld') and hasattr(g, '_judge'):\n"
        "        g._judge = lambda t: 'lower case\\0x\\0' + 'y' * 100000\n"
        "        g._load = lambda t: ''"
    ),
    "an answer that is no text": (
        _MODULES + "for n, g in list(sys.modules.items()):\n"
        "    if hasattr(g, 'WitWorld') and hasattr(g, '_judge'):\n"
        "        g._judge = g._load = lambda t: 7\nraise ValueError(1)"
    ),
    "patched exception": (
        "from contracts.author import Rejected\n"
        "Rejected.__init__ = lambda s, *a: s.__dict__.update(code='\\x1b[2J',"
        " message='\\x00\\x1b')\n"
        "raise Rejected('E', 'x')"
    ),
    "code object by hand": (
        "def f(): pass\nf.__code__ = f.__code__.replace(co_code=b'\\xff\\xff' * 40)\nf()"
    ),
    "stack underflow by bytecode": (
        "def f(): pass\n"
        "f.__code__ = f.__code__.replace(co_code=bytes([1, 0]) * 500, co_stacksize=1)\nf()"
    ),
    "constants out of range": (
        "def f(): return 1\n"
        "c = f.__code__\nf.__code__ = c.replace(co_consts=(), co_names=(), co_varnames=())\nf()"
    ),
    "message that shouts at the terminal": (
        "raise ValueError('\\x1b]0;owned\\x07\\x1b[31m\\u202e' * 99)"
    ),
    "an exception that cannot be shown": (
        "class E(Exception):\n    def __str__(self):\n        raise SystemExit\nraise E()"
    ),
    "line of a lie": "raise SyntaxError('x', ('contract.py', 10**30, 1, 'x'))",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "generator exit": "raise GeneratorExit",
    "finalizer": "class D:\n    def __del__(self):\n        raise SystemExit\nd = D()\ndel d",
}
