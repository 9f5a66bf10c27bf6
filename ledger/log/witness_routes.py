"""A witness over HTTP: `POST /add-checkpoint` of C2SP's tlog-witness, as an application."""

import datetime as dt

from litestar import Litestar, MediaType, Response, post
from litestar.di import NamedDependency, Provide
from litestar.params import RawBody
from sqlalchemy.engine import Engine

from ledger.database import writing
from ledger.log.witness import (
    SIZE_TYPE,
    Conflict,
    Cosigned,
    Refused,
    WitnessServices,
    add_checkpoint,
)

MAX_BODY = 1 << 20
"""Bytes in the largest request: a checkpoint, and 63 hashes."""


@post(
    "/add-checkpoint",
    opt={"authz": "public"},
    sync_to_thread=True,
    status_code=200,
    request_max_body_size=MAX_BODY,
    summary="Cosign a checkpoint",
)
def post_checkpoint(
    body: RawBody,
    database: NamedDependency[Engine],
    witness: NamedDependency[WitnessServices],
    at: NamedDependency[dt.datetime],
) -> Response[str]:
    """Return this witness's cosignature; the log's signature is all the authentication it takes."""
    with writing(database) as session:
        answer = add_checkpoint(session, witness, body, at)
    match answer:
        case Cosigned(line):
            return Response(f"{line}\n", media_type=MediaType.TEXT, status_code=200)
        case Conflict(size):
            headers = {"content-type": SIZE_TYPE}  # exactly: no charset is put after it
            return Response(f"{size}\n", media_type=SIZE_TYPE, status_code=409, headers=headers)
        case Refused(status, reason):
            return Response(f"{reason}\n", media_type=MediaType.TEXT, status_code=status)


ROUTES = (post_checkpoint,)


def witness_app(engine: Engine, witness: WitnessServices) -> Litestar:
    """Return the application of a witness that stands alone, on a database of its own."""
    return Litestar(
        ROUTES,
        dependencies={
            "database": Provide(lambda: engine, sync_to_thread=False),
            "witness": Provide(lambda: witness, sync_to_thread=False),
            "at": Provide(lambda: dt.datetime.now(dt.UTC), sync_to_thread=False),
        },
        openapi_config=None,
    )
