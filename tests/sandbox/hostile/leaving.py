"""Programs that leave something behind: hooks, finalizers, modules, broken exceptions."""

# The way to every module: what json has of the interpreter's own names.
IMPORT = r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
"""

PROGRAMS = {
    "settrace": r"""
import json
sys = json.codecs.sys
sys.settrace(lambda *a: None)
raise ValueError('x')
""",
    "setprofile loops": r"""
import json
sys = json.codecs.sys
def p(*a):
    sys.setprofile(p)
sys.setprofile(p)
""",
    "monitoring": r"""
import json
sys = json.codecs.sys
sys.monitoring.use_tool_id(0, 'x')
sys.monitoring.set_events(0, (1<<18)-1)
""",
    "addaudithook": r"""
import json
sys = json.codecs.sys
sys.addaudithook(lambda *a: None)
""",
    "audithook raises": r"""
import json
sys = json.codecs.sys
def h(*a): raise RuntimeError
sys.addaudithook(h)
""",
    "recursion negative": r"""
import json
sys = json.codecs.sys
sys.setrecursionlimit(1)
""",
    "switch interval": r"""
import json
sys = json.codecs.sys
sys.setswitchinterval(1e-9)
""",
    "thread start": IMPORT
    + r"""imp('_thread').start_new_thread(print, ())
""",
    "async loop": r"""
async def f():
    while True: pass
c = f()
c.send(None)
""",
    "async gen never closed": r"""
async def g():
    try:
        yield 1
    finally:
        while True: pass
a = g()
a.asend(None).send(None)
""",
    "generator close refuses": r"""
def g():
    while True:
        try: yield
        except GeneratorExit: pass
x = g(); next(x); x.close()
""",
    "finalizer that never ends": r"""
class D:
    def __del__(self):
        while True: pass
d = D()
""",
    "finalizer of a cycle": r"""
class D:
    def __del__(self):
        while True: pass
d = D(); d.d = d
""",
    "weakref callback": IMPORT
    + r"""w = imp('weakref')
class D: pass
d = D()
def cb(r):
    while True: pass
r = w.ref(d, cb)
del d
""",
    "weakref finalize": IMPORT
    + r"""w = imp('weakref')
class D: pass
d = D()
w.finalize(d, print)
del d
""",
    "equality of transactions": r"""
class E:
    def __eq__(s, o): return True
import contracts.author as a
a.Transaction.__eq__ = lambda s, o: True
""",
    "from_json patched": r"""
import contracts.author as a
a.Transaction.from_json = classmethod(lambda c, t: None)
""",
    "json loads patched": r"""
import json
json.loads = lambda t: {}
json.decoder.scanner = None
""",
    "ctypes": IMPORT
    + r"""c = imp('ctypes')
c.string_at(0, 100)
""",
    "_ctypes": IMPORT
    + r"""imp('_ctypes')
""",
    "_socket": IMPORT
    + r"""s = imp('_socket').socket()
s.connect(('127.0.0.1', 22))
""",
    "every descriptor written": IMPORT
    + r"""p = imp('posix')
for i in range(100):
    try: p.write(i, b'forged')
    except OSError: pass
""",
    "environment by posix again": IMPORT
    + r"""e = imp('posix').environ
raise ValueError(str(e))
""",
    "mmap": IMPORT
    + r"""imp('mmap').mmap(-1, 1 << 40)
""",
    "faulthandler": IMPORT
    + r"""imp('faulthandler')._sigsegv()
""",
    "_testcapi": IMPORT
    + r"""imp('_testcapi')
""",
    "_interpreters": IMPORT
    + r"""i = imp('_interpreters')
x = i.create()
i.exec(x, 'while True: pass')
""",
    "pickle reduce": IMPORT
    + r"""p = imp('pickle')
p.loads(b'c__builtin__\neval\n(S"9**9**9"\ntR.')
""",
    "constants that are not there": r"""
def f(): return 1
f.__code__ = f.__code__.replace(co_code=b'd\xff' * 10 + b'S\0')
f()
""",
    "every opcode out of range": r"""
import types
def f(): pass
c=f.__code__
for op in range(256):
    try:
        f.__code__ = c.replace(co_code=bytes([op, 255]) * 20, co_stacksize=1)
        f()
    except BaseException: pass
""",
    "stores out of range": r"""
import types
def f(a): return a
f.__code__ = f.__code__.replace(co_code=bytes([151,0,125,200,125,201,125,250,100,0,83,0]))
for i in range(1000): f(i)
""",
    "modules deleted one by one": r"""
import json
sys = json.codecs.sys
for name in list(sys.modules):
    if name != '__main__':
        del sys.modules[name]
raise ValueError('x')
""",
    "true is false": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
b['len'] = lambda x: 0
b['sum'] = lambda *a: 0
b['callable'] = lambda x: True
b['isinstance'] = lambda *a: False
""",
    "author's module replaced": r"""
import json
sys = json.codecs.sys
import types
m = types.ModuleType('contracts.author')
m.Transaction = m.Rejected = m.Transfer = type(None)
sys.modules['contracts.author'] = m
""",
    "rejected that is not one": r"""
import contracts.author as a
a.Rejected.__bases__ = (BaseException,)
raise a.Rejected('E_A', 'b')
""",
    "frozen lists written": r"""
import contracts.author as a
a.Token.__slots__ = ()
a.Token.quantity = 7
a.Transfer.quantity = 7
""",
    "hash of text patched": r"""
import dataclasses
dataclasses.fields = lambda c: ()
dataclasses.asdict = lambda *a, **k: {}
""",
    "interned names": r"""
import json
sys = json.codecs.sys
x = [sys.intern('quantity' + str(i)) for i in range(20000)]
""",
    "small integers by address": IMPORT
    + r"""g = imp('gc')
n = 256
for o in g.get_referrers(n)[:50]:
    if isinstance(o, list): o.clear()
""",
    "import hook": r"""
import json
sys = json.codecs.sys
class H:
    def find_spec(s, *a): raise SystemExit
sys.meta_path.insert(0, H())
import json
""",
    "display hook": r"""
import json
sys = json.codecs.sys
sys.excepthook = sys.unraisablehook = sys.displayhook = lambda *a: 1 / 0
class D:
    def __del__(s): raise ValueError
D()
""",
    "codec registered": IMPORT
    + r"""c = imp('codecs')
c.register_error('replace', lambda e: ('', 10**9))
raise ValueError('\ud800')
""",
    "encode error handler loops": IMPORT
    + r"""c = imp('codecs')
def h(e):
    while True: pass
c.register_error('replace', h)
from contracts.author import Rejected
raise Rejected('E_\ud800', '\ud800')
""",
    "warnings as errors": IMPORT
    + r"""w = imp('warnings')
w.simplefilter('error')
compile = b['compile']
compile('1 is 1', 'x', 'exec')
""",
    "context variable": IMPORT
    + r"""c = imp('contextvars')
v = c.ContextVar('v')
v.set(1)
v.get()
""",
    "locale and time zone": IMPORT
    + r"""t = imp('time')
raise ValueError(t.tzname, t.localtime(0))
""",
    "random seeded anew": IMPORT
    + r"""r = imp('random')
r.seed()
raise ValueError(r.random())
""",
    "hash seed": r"""
raise ValueError(hash('a'), hash(b'a'), id('a'))
""",
    "exit in a finalizer of a class": r"""
class M(type):
    def __del__(c): raise SystemExit
class A(metaclass=M): pass
del A
""",
    "base exception of its own": r"""
class E(BaseException):
    pass
raise E('x')
""",
    "exception that equals all": r"""
class E(Exception):
    def __eq__(s, o): return True
    def __hash__(s): return 0
    def __bool__(s): return False
raise E
""",
    "exception class with a metaclass": r"""
class M(type):
    def __instancecheck__(c, o): return True
    def __subclasscheck__(c, o): return True
class E(Exception, metaclass=M): pass
raise E
""",
    "exception raised by repr of arguments": r"""
class A:
    def __repr__(s): raise KeyboardInterrupt
raise ValueError(A())
""",
    "notes without end": r"""
e = ValueError('x')
for _ in range(10000): e.add_note('y' * 100)
raise e
""",
    "raise from itself": r"""
e = ValueError('x')
try:
    raise e from e
except ValueError as f:
    f.__context__ = f
    raise
""",
    "tuple that grows its code": r"""
from contracts.author import Rejected
class R(Rejected):
    def __getattribute__(s, n):
        return 'A' * (1 << 20)
raise R('E_A', 'b')
""",
    "verify is an object": r"""
class V:
    def __call__(s, tx):
        raise SystemExit
verify = V()
""",
    "bool with a trap": r"""
class T:
    def __bool__(s): raise GeneratorExit
if T(): pass
""",
}
