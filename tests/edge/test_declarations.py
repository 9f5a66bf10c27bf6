"""Handlers keep what they declare: where a right is demanded, somebody is asked who comes."""

import inspect

import pytest
from litestar.handlers import HTTPRouteHandler

from governance.app import ROUTES
from policies.actions import Action

WHO = {"actor", "asker", "clerk"}
"""Dependencies that a bearer token is judged for."""


@pytest.mark.parametrize("handler", ROUTES, ids=lambda h: f"{h.handler_name}{min(h.paths)}")
def test_a_declared_right_needs_somebody_to_hold_it(handler: HTTPRouteHandler) -> None:
    needed = handler.opt["authz"]
    takes = set(inspect.signature(handler.fn).parameters)
    if needed in ("public", "statement"):
        assert needed == "public" or "body" in takes
    else:
        assert needed in set(Action)
        assert takes & WHO
