"""Who asks the ledger over HTTP, through what: the frame of every handler that reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency, Provide
from sqlalchemy.engine import Engine

from ledger.database import reading
from ledger.headers import LOG_INDEX_HEADER
from ledger.network import HostedSigners
from ledger.queries import Reader
from ledger.services import LedgerServices
from policies.actors import Actor
from policies.compilation import CompiledRules

TAGS = ["ledger"]


class Asker(msgspec.Struct, frozen=True):
    """Who reads, and through what: each handler opens one snapshot of the database."""

    actor: Actor
    rules: CompiledRules
    services: LedgerServices
    database: Engine
    seen: str | None

    @property
    def signers(self) -> HostedSigners:
        """The node keys hosted here."""
        return self.services.signers

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Yield a reader on one consistent snapshot."""
        queried = self.services.queried
        engine = self.database if queried is None else queried(self.seen)
        with reading(engine) as session:
            services = self.services
            yield Reader(
                session,
                services.gateway,
                self.rules,
                self.actor,
                services.notes,
                services.registers,
            )


def provide_asker(
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    ledger: NamedDependency[LedgerServices],
    database: NamedDependency[Engine],
    request: Request[Any, Any, Any],
) -> Asker:
    """Return who reads."""
    return Asker(actor, rules, ledger, database, request.headers.get(LOG_INDEX_HEADER))


Asks = NamedDependency[Asker]
read = partial(
    get,
    dependencies={"asker": Provide(provide_asker, sync_to_thread=False)},
    sync_to_thread=True,
    tags=TAGS,
)
