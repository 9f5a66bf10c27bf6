"""What every route of the records is made with: the clerk, made of actor, rules, key and time."""

import datetime as dt
from functools import partial

from litestar import delete, get, post, put
from litestar.di import NamedDependency, Provide

from ledger.records.keeping import Clerk
from ledger.records.services import RecordServices
from policies.actors import Actor
from policies.compilation import CompiledRules


def provide_clerk(
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    at: NamedDependency[dt.datetime],
    records: NamedDependency[RecordServices],
) -> Clerk:
    """Return who acts, under which rules, with which key, when."""
    return Clerk(actor, rules, records.master, at)


_CLERK = {"clerk": Provide(provide_clerk, sync_to_thread=False)}

read = partial(get, dependencies=_CLERK, sync_to_thread=True)
create = partial(post, dependencies=_CLERK, sync_to_thread=True)
act = partial(post, dependencies=_CLERK, sync_to_thread=True, status_code=200)
change = partial(put, dependencies=_CLERK, sync_to_thread=True)
erase = partial(delete, dependencies=_CLERK, sync_to_thread=True, status_code=200)
