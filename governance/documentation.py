"""The OpenAPI document, completed: what every route refuses with, and bodies that are raw bytes.

Litestar describes what it decodes. Statements and submissions are decoded from their exact bytes
later, so their schemas come from here: a handler names its body in `opt["body"]`, a struct or a
media type; for `authz` "statement" it is the DSSE envelope unless it says otherwise. In the same
way `opt["answer"]` names what a handler answers as bytes.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.plugins import JsonRenderPlugin

from governance.problems import MEDIA_TYPE, Problem
from ledger.statements import Envelope

Document = dict[str, Any]
Described = type[msgspec.Struct] | str
"""A struct in JSON, or a media type of bytes."""

REFUSALS = {
    "4XX": "The request is refused; `type` says why, and stays the same.",
    "503": "The service is busy, or a part of it is away; try again as `Retry-After` says.",
}
_REFERENCE = "#/components/schemas/{name}"
_TYPED = re.compile(r"\{(\w+):\w+\}")


class CompleteDocument(JsonRenderPlugin):
    """Serves the document as JSON, with what these handlers declare."""

    def __init__(self, handlers: Iterable[HTTPRouteHandler]) -> None:
        super().__init__(path=["/openapi.json"])
        self._handlers = tuple(handlers)
        self._completed: Document | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: Document) -> bytes:
        """Return the document; it is completed once."""
        if self._completed is None:
            self._completed = complete(openapi_schema, self._handlers)
        return super().render(request, self._completed)


def complete(document: Document, handlers: Iterable[HTTPRouteHandler]) -> Document:
    """Return `document` with refusals, raw bodies, and what needs no token."""
    document = msgspec.json.decode(msgspec.json.encode(document))
    structs: dict[str, type[msgspec.Struct]] = {"Problem": Problem, "Envelope": Envelope}
    for handler in handlers:
        body, answer = _body(handler), handler.opt.get("answer")
        structs |= {part.__name__: part for part in (body, answer) if isinstance(part, type)}
        for operation in _operations(document, handler):
            _complete_operation(operation, handler)
            if body is not None:
                operation["requestBody"] = {"required": True, "content": _content(body)}
            if answer is not None:
                operation["responses"][str(handler.status_code)]["content"] = _content(answer)
    _, components = msgspec.json.schema_components(structs.values(), ref_template=_REFERENCE)
    document["components"]["schemas"] |= components
    return document


def _operations(document: Document, handler: HTTPRouteHandler) -> Iterable[Document]:
    for path in handler.paths:
        item = document["paths"][_TYPED.sub(r"{\1}", path)]
        for method in handler.http_methods:
            yield item[method.lower()]


def _body(handler: HTTPRouteHandler) -> Described | None:
    default = Envelope if handler.opt["authz"] == "statement" else None
    body: Described | None = handler.opt.get("body", default)
    return body


def _complete_operation(operation: Document, handler: HTTPRouteHandler) -> None:
    operation["responses"].pop("400", None)
    problem = {"schema": {"$ref": _REFERENCE.format(name="Problem")}}
    for status, description in REFUSALS.items():
        content = {MEDIA_TYPE: problem}
        operation["responses"][status] = {"description": description, "content": content}
    if handler.opt["authz"] in ("public", "statement"):
        operation["security"] = []


def _content(described: Described) -> Document:
    if isinstance(described, str):
        return {described: {"schema": {"type": "string", "format": "binary"}}}
    reference = _REFERENCE.format(name=described.__name__)
    return {"application/json": {"schema": {"$ref": reference}}}
