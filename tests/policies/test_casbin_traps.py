"""Casbin's traps: each shown with Casbin itself, then shown not to be here."""

import logging
import threading
from collections.abc import Iterator

import casbin
import pytest
from casbin.model import FastModel, Model
from casbin.persist.adapters.string_adapter import StringAdapter

from policies.actors import Actor
from policies.compilation import Refusal, compile_rules
from policies.engine import RowAdapter, enforcer_of, parse_rule_set, shipped_text
from policies.errors import Denied
from policies.resources import ROLES, VOCABULARY, Resource, Vocabulary

EQUALITY = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act
"""
GRANT = "p, role:registrar, token, read, own_register, *, clear"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def model_of(text: str, fast: list[int] | None = None) -> Model:
    model = FastModel(fast) if fast else Model()
    model.load_model_from_text(text)
    return model


def test_no_rules_and_an_equality_matcher_allow_empty_strings_in_casbin() -> None:
    assert casbin.Enforcer(model_of(EQUALITY)).enforce("", "", "") is True
    empty = parse_rule_set("")
    assert enforcer_of(empty).enforce("", "", "", "", "", "") is False
    with pytest.raises(Denied):
        compile_rules(empty).decide(Actor("", frozenset({""})), "")


def test_no_rules_and_a_regex_matcher_allow_anyone_in_casbin() -> None:
    regex = EQUALITY.replace(
        "r.sub == p.sub && r.obj == p.obj && r.act == p.act", "regexMatch(r.obj, p.obj)"
    )
    assert casbin.Enforcer(model_of(regex)).enforce("mallory", "secret", "read") is True
    enforcer = enforcer_of(parse_rule_set(""))
    for role in ROLES:
        request = (f"role:{role}", "token", "read", "own_register", "quantity", "hidden")
        assert enforcer.enforce(*request) is False


def test_the_fast_enforcer_falls_into_the_same_trap_on_a_cache_miss() -> None:
    fast = casbin.FastEnforcer(model_of(EQUALITY, [1, 2]), cache_key_order=[1, 2])
    fast.add_policy("alice", "data", "read")
    assert fast.enforce("", "", "") is True
    with pytest.raises(Denied):
        compile_rules(parse_rule_set(GRANT)).decide(Actor("", frozenset()), "")


def test_decisions_agree_from_many_threads() -> None:
    rules = compile_rules(parse_rule_set(shipped_text()))
    wrong: list[str] = []

    def ask() -> None:
        for _ in range(300):
            for role in ROLES:
                answer = rules.judge(frozenset({role}), "transaction:attest")
                if isinstance(answer, Refusal) is (role == "registrar"):
                    wrong.append(role)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_conditional_role_without_its_function_is_held_in_casbin() -> None:
    conditional = (
        EQUALITY.replace("[policy_effect]", "[role_definition]\ng = _, _, (_, _)\n[policy_effect]")
    ).replace("r.sub == p.sub", "g(r.sub, p.sub)")
    policy = "p, admin, data, read\ng, mallory, admin, 1, 2"
    enforcer = casbin.Enforcer(model_of(conditional), StringAdapter(policy))
    assert enforcer.enforce("mallory", "data", "read") is True
    with pytest.raises(Exception, match="4 cells; a g row has 3"):
        parse_rule_set("g, role:auditor, role:registrar, now")


def test_not_some_deny_alone_allows_by_default_in_casbin() -> None:
    deny_only = EQUALITY.replace("some(where (p.eft == allow))", "!some(where (p.eft == deny))")
    deny_only = deny_only.replace("p = sub, obj, act", "p = sub, obj, act, eft")
    enforcer = casbin.Enforcer(model_of(deny_only))
    enforcer.add_policy("bob", "data", "read", "deny")
    assert enforcer.enforce("mallory", "x", "y") is True
    rules = parse_rule_set("p, role:auditor, token, read, own_register, *, deny")
    assert (
        enforcer_of(rules).enforce("role:registrar", "token", "read", "own_register", "*", "*")
        is False
    )
    with pytest.raises(Denied):
        compile_rules(rules).decide(Actor("m", frozenset({"registrar"})), "token:read")


def test_casbin_explains_no_allow_where_denies_exist_and_decisions_do() -> None:
    text = GRANT + "\np, role:auditor, token, read, own_register, quantity, deny"
    rules = parse_rule_set(text)
    request = ("role:registrar", "token", "read", "own_register", "quantity", "clear")
    allowed, explanation = enforcer_of(rules).enforce_ex(*request)
    assert allowed
    assert explanation == []
    decision = compile_rules(rules).decide(Actor("m", frozenset({"registrar"})), "token:read")
    assert decision.rules == ("line 1: " + GRANT,)


def test_a_subject_named_like_a_role_holds_it_in_casbin_and_not_here() -> None:
    rules = parse_rule_set(GRANT)
    request = ("token", "read", "own_register", "quantity", "clear")
    enforcer = enforcer_of(rules)
    assert enforcer.enforce("role:registrar", *request) is True
    for subject in (Actor("registrar").subject, Actor("role:registrar").subject):
        assert enforcer.enforce(subject, *request) is False
    for member_id in ("registrar", "role:registrar"):
        with pytest.raises(Denied):
            compile_rules(rules).decide(Actor(member_id), "token:read")


def chain(length: int) -> tuple[str, Vocabulary]:
    names = [f"group{number:02}" for number in range(length)]
    links = [f"g, role:{a}, role:{b}" for a, b in zip(["holder", *names], names, strict=False)]
    rule = f"p, role:{names[-1]}, token, read, own_register, *, clear"
    vocabulary = Vocabulary(frozenset({"holder"}), frozenset(names), VOCABULARY.resources)
    return "\n".join([*links, rule]), vocabulary


def test_role_chains_stop_after_ten_links_in_casbin_and_not_here() -> None:
    roles = EQUALITY.replace("[policy_effect]", "[role_definition]\ng = _, _\n[policy_effect]")
    enforcer = casbin.Enforcer(model_of(roles.replace("r.sub == p.sub", "g(r.sub, p.sub)")))
    enforcer.add_policy("l12", "data", "read")
    for number in range(12):
        enforcer.add_grouping_policy(f"l{number}", f"l{number + 1}")
    assert enforcer.enforce("l0", "data", "read") is False

    text, vocabulary = chain(14)
    rules = parse_rule_set(text, vocabulary)
    assert compile_rules(rules).decide(Actor("m", frozenset({"holder"})), "token:read").arms
    request = ("role:holder", "token", "read", "own_register", "quantity", "clear")
    assert enforcer_of(rules).enforce(*request) is True


def test_loading_anew_denies_for_a_moment_in_casbin_so_rule_sets_are_swapped_whole() -> None:
    rules = parse_rule_set(GRANT)
    before = compile_rules(rules)
    after = compile_rules(parse_rule_set(""))
    assert before.decide(Actor("m", frozenset({"registrar"})), "token:read").arms
    with pytest.raises(Denied):
        after.decide(Actor("m", frozenset({"registrar"})), "token:read")
    with pytest.raises(AttributeError):
        rules.rules = ()  # type: ignore[misc]  # that it is refused is the point
    assert not [name for name in dir(before) if name.startswith(("load", "add", "remove", "set"))]


def test_rules_are_loaded_in_one_go_and_not_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(Model, "add_policy", lambda *_: calls.append(1))
    rules = parse_rule_set(shipped_text())
    assert len(rules.rows) == len(rules.rules) > 100
    assert calls == []


def test_casbin_skips_rows_that_it_does_not_know_and_the_adapter_is_not_given_any() -> None:
    lenient = casbin.Enforcer(model_of(EQUALITY), StringAdapter("deny, mallory, data, read"))
    assert lenient.get_policy() == []
    with pytest.raises(Exception, match="expected p or g"):
        parse_rule_set("deny, mallory, data, read")


def test_the_adapter_hands_over_copies() -> None:
    rows = (("role:registrar", "token", "read", "own_register", "*", "clear", "allow"),)
    enforcer = enforcer_of(parse_rule_set(GRANT))
    enforcer.get_policy()[0][0] = "role:auditor"
    assert RowAdapter(rows, ()).rules[0][0] == "role:registrar"
    assert parse_rule_set(GRANT).rows == rows


def test_resources_are_not_matched_by_pattern() -> None:
    resource = VOCABULARY.resources["token"]
    assert isinstance(resource, Resource)
    enforcer = enforcer_of(parse_rule_set(GRANT))
    for name in (".*", "to*", "token ", "TOKEN"):
        assert (
            enforcer.enforce("role:registrar", name, "read", "own_register", "quantity", "clear")
            is False
        )


def test_casbin_writes_policies_into_the_log_and_is_kept_from_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logging.disable(logging.NOTSET)
    with caplog.at_level(logging.DEBUG):
        enforcer = enforcer_of(parse_rule_set(shipped_text()))
        enforcer.enforce("role:mallory", "token", "read", "own_register", "quantity", "clear")
    assert caplog.records == []
