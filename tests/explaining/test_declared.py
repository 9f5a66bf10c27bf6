"""Every route asks for what the shipped rules let somebody do, and somebody answers for it."""

import pytest
from litestar.handlers import HTTPRouteHandler

from governance.app import ROUTES
from policies.actions import Action
from policies.compilation import Decision, compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.responsibility import shipped_matrix

RULES = compile_rules(parse_rule_set(shipped_text()))
ASKING = [route for route in ROUTES if isinstance(route.opt["authz"], Action)]


@pytest.mark.parametrize("route", ASKING, ids=lambda route: min(route.paths))
def test_a_route_is_open_to_some_role_and_closed_to_strangers(route: HTTPRouteHandler) -> None:
    action = route.opt["authz"]
    roles = RULES.rule_set.vocabulary.roles
    assert [r for r in roles if isinstance(RULES.judge(frozenset({r}), action), Decision)]
    assert not isinstance(RULES.judge(frozenset(), action), Decision)
    assert shipped_matrix().of_action(action) is not None


def test_most_routes_ask_the_rules() -> None:
    assert len(ASKING) > 40
