"""Decisions: what a set of roles may do, how far, and by which rules."""

import pytest

from policies.actions import Action
from policies.actors import Actor
from policies.compilation import MAX_MERGED, CompiledRules, Decision, compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.errors import Denied
from policies.resources import ROLE_GROUPS, ROLES, Resource, Vocabulary
from policies.rules import Effect


@pytest.fixture(scope="module")
def shipped() -> CompiledRules:
    return compile_rules(parse_rule_set(shipped_text()))


def actor(*roles: str) -> Actor:
    return Actor("someone", frozenset(roles))


def decide(text: str, action: str, *roles: str) -> Decision:
    return compile_rules(parse_rule_set(text)).decide(actor(*roles), action)


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n\n"])
@pytest.mark.parametrize("action", list(Action))
def test_an_empty_rule_set_denies_everything(text: str, action: Action) -> None:
    rules = compile_rules(parse_rule_set(text))
    for roles in (frozenset(), frozenset({""}), frozenset(ROLES)):
        with pytest.raises(Denied):
            rules.decide(Actor("", roles), action)


@pytest.mark.parametrize("action", list(Action))
def test_nobody_without_a_role_and_nobody_with_a_group_may_do_anything(
    shipped: CompiledRules, action: Action
) -> None:
    for roles in ((), *((group,) for group in ROLE_GROUPS), ("role:registrar",), ("REGISTRAR",)):
        with pytest.raises(Denied):
            shipped.decide(actor(*roles), action)


@pytest.mark.parametrize("action", ["", "transfer", "transfer:", ":read", "transfer:READ", "x:y"])
def test_an_unknown_action_is_denied(shipped: CompiledRules, action: str) -> None:
    with pytest.raises(Denied):
        shipped.decide(actor(*ROLES), action)


def test_a_decision_names_its_rules_and_its_rule_set(shipped: CompiledRules) -> None:
    decision = shipped.decide(actor("registrar"), Action.TRANSFER_READ)
    assert decision.rule_set == shipped.digest
    (rule,) = decision.rules
    line, text = rule.removeprefix("line ").split(": ", 1)
    assert shipped.rule_set.text.split("\n")[int(line) - 1] == text


def test_the_counterparty_is_a_pseudonym_and_the_own_side_is_clear(shipped: CompiledRules) -> None:
    for role, scope in (("custodian", "managed_customers"), ("intermediary", "own_customers")):
        source, target = shipped.decide(actor(role), Action.TRANSFER_READ).grants
        assert (source.arm, target.arm) == (f"{scope}.from", f"{scope}.to")
        assert source.fields["from_investor_id"] is Effect.CLEAR
        assert source.fields["to_investor_id"] is Effect.PSEUDONYM
        assert target.fields["from_investor_id"] is Effect.PSEUDONYM
        assert target.fields["to_investor_id"] is Effect.CLEAR
        assert source.fields["quantity"] is target.fields["quantity"] is Effect.CLEAR


def test_filters_may_use_only_what_is_clear_in_every_arm(shipped: CompiledRules) -> None:
    decision = shipped.decide(actor("custodian"), Action.TRANSFER_READ)
    assert "quantity" in decision.clear_fields
    assert not decision.clear_fields & {"from_investor_id", "to_investor_id"}


def test_a_denial_says_what_was_missing_and_nothing_of_what_exists(shipped: CompiledRules) -> None:
    with pytest.raises(Denied, match=r"^no rule lets fundraiser do transfer:read$"):
        shipped.decide(actor("fundraiser"), Action.TRANSFER_READ)
    with pytest.raises(Denied, match=r"^no rule lets auditor, fundraiser do transfer:read$"):
        shipped.decide(actor("fundraiser", "auditor"), Action.TRANSFER_READ)
    with pytest.raises(Denied, match=r"^no rule lets no role do transfer:read$"):
        shipped.decide(actor(), Action.TRANSFER_READ)


BOTH = """\
p, role:custodian, token, read, managed_customers, *, clear
p, role:registrar, token, read, managed_customers, quantity, pseudonym
p, role:auditor, token, read, managed_customers, quantity, deny
p, role:fundraiser, token, read, own_register, *, hidden
p, role:auditor, vote, cast, any, *, deny
p, role:custodian, vote, cast, any, *, allow
"""


def test_of_several_roles_the_clearest_effect_wins() -> None:
    (grant,) = decide(BOTH, "token:read", "registrar", "custodian").grants
    assert set(grant.fields.values()) == {Effect.CLEAR}


def test_a_deny_of_any_role_wins_over_every_allow() -> None:
    decision = decide(BOTH, "token:read", "custodian", "registrar", "auditor")
    (grant,) = decision.grants
    assert grant.fields["quantity"] is Effect.HIDDEN
    assert grant.fields["investor_id"] is Effect.CLEAR
    assert [rule.split(":")[0] for rule in decision.rules] == ["line 1", "line 3"]


def test_a_row_whose_every_granted_cell_is_denied_does_not_exist() -> None:
    with pytest.raises(Denied, match="rules deny token:read") as caught:
        decide(BOTH, "token:read", "registrar", "auditor")
    assert "line 3" in str(caught.value.faults[0])


def test_hidden_admits_the_row_without_its_fields() -> None:
    (grant,) = decide(BOTH, "token:read", "fundraiser").grants
    assert grant.arm == "own_register"
    assert set(grant.fields.values()) == {Effect.HIDDEN}


@pytest.mark.parametrize(
    ("action", "scope", "effect"),
    [("token:read", "own_register", "clear"), ("account_key:register", "any", "allow")],
)
def test_of_rules_that_show_the_same_the_earliest_is_named(
    action: str, scope: str, effect: str
) -> None:
    resource, _, verb = action.partition(":")
    rule = f"p, role:{{}}, {resource}, {verb}, {scope}, *, {effect}"
    text = "\n".join(
        [
            rule.format("operator"),
            "g, role:registrar, role:operator",
            rule.format("registrar"),
            rule.format("custodian").replace(scope, "managed_customers"),
        ]
    )
    assert decide(text, action, "registrar").rules == ("line 1: " + rule.format("operator"),)
    both = decide(text, action, "registrar", "custodian")
    assert [name.split(":")[0] for name in both.rules] == ["line 1", "line 4"]


@pytest.mark.parametrize("suspended", [False, True])
def test_answers_for_the_same_roles_are_equal_and_share_what_they_grant(
    shipped: CompiledRules,
    suspended: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    one = Actor("one", frozenset({"custodian", "registrar"}), suspended=suspended)
    other = Actor("other", frozenset({"registrar", "custodian", "auditor"}), suspended=suspended)
    for action in (Action.TRANSFER_READ, Action.MEMBERSHIP_READ):
        decision, again = shipped.decide(one, action), shipped.decide(one, action)
        assert again == decision
        assert again.permission is decision.permission
    assert shipped.decide(other, Action.TRANSFER_READ) == shipped.decide(one, Action.TRANSFER_READ)


def test_what_every_role_grants_alike_is_named_by_the_earliest_rule() -> None:
    rule = "p, role:{}, vote, cast, any, *, allow"
    text = "\n".join(map(rule.format, ("registrar", "custodian")))
    assert decide(text, "vote:cast", "custodian").rules == ("line 2: " + rule.format("custodian"),)
    both = decide(text, "vote:cast", "custodian", "registrar")
    assert both.rules == ("line 1: " + rule.format("registrar"),)


def test_more_merged_roles_than_are_kept_are_merged_anew() -> None:
    roles = [f"r{n:02}" for n in range(11)]
    resource = Resource("row", frozenset({"read"}), ("f", "g"), {"one": ("one",)})
    vocabulary = Vocabulary(frozenset(roles), frozenset(), {"row": resource})
    text = "\n".join(
        f"p, role:{role}, row, read, one, {'f' if n % 2 else 'g'}, clear"
        for n, role in enumerate(roles)
    )
    rules = compile_rules(parse_rule_set(text, vocabulary))
    sets = [
        frozenset(role for n, role in enumerate(roles) if mask >> n & 1)
        for mask in range(1, 1 << len(roles))
    ]
    assert len(sets) > MAX_MERGED
    for _ in range(2):
        for held in sets:
            answer = rules.judge(held, "row:read")
            assert isinstance(answer, Decision)
            assert answer.clear_fields == {"f" if int(role[1:]) % 2 else "g" for role in held}


def test_a_plain_deny_wins_too() -> None:
    assert decide(BOTH, "vote:cast", "custodian").arms == ("everything",)
    with pytest.raises(Denied):
        decide(BOTH, "vote:cast", "custodian", "auditor")


def test_decisions_cannot_be_changed_by_who_receives_them(shipped: CompiledRules) -> None:
    decision = shipped.decide(actor("registrar"), Action.TRANSFER_READ)
    with pytest.raises(AttributeError):
        decision.rules = ()  # type: ignore[misc]  # that it is refused is the point
    with pytest.raises(TypeError):
        decision.grants[0].fields["quantity"] = Effect.HIDDEN  # type: ignore[index]  # likewise


class TestSuspended:
    @pytest.mark.parametrize("role", sorted(ROLES))
    def test_never_gains_and_acts_on_nothing(self, shipped: CompiledRules, role: str) -> None:
        suspended = Actor("someone", frozenset({role}), suspended=True)
        for action in Action:
            answer = shipped.answer(suspended, action)
            if not isinstance(answer, Decision):
                continue
            assert action.verb == "read"
            before = shipped.decide(actor(role), action)
            assert all(grant in before.grants for grant in answer.grants)

    @pytest.mark.parametrize(
        ("role", "action", "arms"),
        [
            ("registrar", Action.TRANSFER_READ, ("own_register",)),
            (
                "custodian",
                Action.TRANSFER_READ,
                ("managed_customers.from", "managed_customers.to"),
            ),
            ("custodian", Action.INVESTOR_READ, ("own_records",)),
            ("fundraiser", Action.REGISTER_READ, ("own_products",)),
            ("intermediary", Action.INSTRUCTION_READ, ("own_instructions",)),
            ("registrar", Action.MEMBERSHIP_READ, ("everything",)),
            ("registrar", Action.LOG_READ, ("governance_log",)),
        ],
    )
    def test_reads_its_own_past(
        self, shipped: CompiledRules, role: str, action: Action, arms: tuple[str, ...]
    ) -> None:
        suspended = Actor("someone", frozenset({role}), suspended=True)
        assert shipped.decide(suspended, action).arms == arms

    @pytest.mark.parametrize(
        ("role", "action"),
        [
            ("custodian", Action.BENEFICIAL_RIGHT_READ),
            ("custodian", Action.TRANSFER_CONTROL_READ),
            ("auditor", Action.READ_RECEIPT_READ),
            ("registrar", Action.CERTIFICATE_RENEW),
            ("registrar", Action.VOTE_CAST),
        ],
    )
    def test_not_what_is_others_nor_to_act(
        self, shipped: CompiledRules, role: str, action: Action
    ) -> None:
        assert shipped.decide(actor(role), action)
        with pytest.raises(Denied, match="suspended"):
            shipped.decide(Actor("someone", frozenset({role}), suspended=True), action)
