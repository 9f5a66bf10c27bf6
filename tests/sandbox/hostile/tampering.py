"""Programs that tamper with what judges them: answers, modules, built-ins, objects in memory."""

PROGRAMS = {
    "rejected subclass code property": r"""
from contracts.author import Rejected
class R(Rejected):
    @property
    def code(self):
        while True: pass
    @code.setter
    def code(self, v): pass
raise R('E_X','y')
""",
    "code that is a number": r"""
from contracts.author import Rejected
raise Rejected(7, 'x')
""",
    "code that formats to nothing": r"""
from contracts.author import Rejected
class S(str):
    def __getitem__(s,i): return ''
    def __format__(s,f): return ''
raise Rejected(S('E_X'), S('m'))
""",
    "message that is a list": r"""
from contracts.author import Rejected
raise Rejected('E_X', ['a']*10)
""",
    "answer forged by format": r"""
from contracts.author import Rejected
class S(str):
    def __getitem__(s,i): return s
    def __format__(s,f): return '\0\0\0'
raise Rejected(S(''), S(''))
""",
    "empty code": r"""
from contracts.author import Rejected
raise Rejected('', '')
""",
    "NUL in code": r"""
from contracts.author import Rejected
raise Rejected('E_A\0' + '9'*50 + '\0forged', 'm')
""",
    "surrogate message": r"""
from contracts.author import Rejected
raise Rejected('E_A', '\ud800\udfff' * 9999)
""",
    "surrogate code": r"""
from contracts.author import Rejected
raise Rejected('E_\ud800', 'x')
""",
    "refusal without a code": r"""
from contracts.author import Rejected
e = Rejected('E_A','b')
del e.code
raise e
""",
    "type name property": r"""
class M(type):
    @property
    def __name__(c):
        while True: pass
class E(Exception, metaclass=M): pass
raise E
""",
    "endless traceback": r"""
import json
sys = json.codecs.sys
types = imp = None
class T:
    @property
    def tb_next(s): return s
    class tb_frame:
        class f_code:
            co_filename = 'x'
class E(Exception):
    __traceback__ = T()
raise E
""",
    "traceback walked": r"""
import json
sys = json.codecs.sys
class E(BaseException):
    @property
    def __traceback__(self):
        return self
    tb_frame = None
raise E
""",
    "line of text": r"""
raise SyntaxError('x', ('contract.py', '\0\0', 1, 'x'))
""",
    "built-ins patched": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
b['isinstance'] = lambda *a: True
b['str'] = lambda *a: 'x'*10**7
b['type'] = None
raise ValueError(1)
""",
    "own built-ins emptied": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
b.clear()
raise_ = 1/0
""",
    "all built-ins emptied": r"""
import json
sys = json.codecs.sys
vars_ = sys.modules['builtins'].__dict__
vars_.clear()
1/0
""",
    "modules cleared": r"""
import json
sys = json.codecs.sys
sys.modules.clear()
import json
""",
    "judge patched to accept": r"""
import json
sys = json.codecs.sys
for k, g in list(sys.modules.items()):
    d = getattr(g, '__dict__', None)
    if d and '_judge' in d:
        d['_judge'] = lambda t: ''
        d['_load'] = lambda t: ''
        d['_refusal'] = lambda e: ''
        d['_answer'] = lambda e: ''
raise ValueError('refused')
""",
    "exported functions patched": r"""
import json
sys = json.codecs.sys
for k, g in list(sys.modules.items()):
    w = getattr(g, 'WitWorld', None)
    if w:
        w.verify = lambda s, t: ''
        w.load = lambda s, t: ''
raise ValueError('refused')
""",
    "answer of 40 MB": r"""
import json
sys = json.codecs.sys
for k, g in list(sys.modules.items()):
    d = getattr(g, '__dict__', None)
    if d and '_judge' in d:
        d['_judge'] = lambda t: 'A' * (40 << 20)
        d['_load'] = lambda t: ''
""",
    "stdout forged": r"""
print('accepted')
print('{"verdict":"accepted"}', flush=True)
raise ValueError('x')
""",
    "os _exit": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
imp('os')._exit(0)
""",
    "posix kill": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
imp('posix').kill(0, 9)
""",
    "signal alarm": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
imp('signal').alarm(1)
""",
    "atexit": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
imp('atexit').register(print)
""",
    "gc get_objects": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
len(imp('gc').get_objects())
""",
    "gc freeze tamper": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
g = imp('gc')
g.unfreeze()
g.set_threshold(1)
g.enable()
x = [[] for _ in range(1000)]
""",
    "referrers": r"""
import json
b = json.__builtins__
b = b if isinstance(b, dict) else vars(b)
imp = b['__import__']
g = imp('gc')
for o in g.get_objects():
    if isinstance(o, dict) and '_judge' in o: o['_judge'] = lambda t: ''
raise ValueError
""",
}
