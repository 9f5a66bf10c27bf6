"""A register page by page: of one moment, and at the cost of a page."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from ledger import errors as e
from ledger import queries
from ledger.database import reading
from ledger.gateway import Gateway
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Asked, Reader, When
from ledger.register import Registers, State
from policies.compilation import compile_rules
from policies.engine import parse_rule_set, shipped_text
from tests.ledger.network import TestNetwork, standard

GATEWAY = Gateway(Pseudonyms(b"s" * 32))
HELD = {"INV001": 40, "INV002": 30, "INV003": 20, "INV004": 10}


@pytest.fixture
def network(engine: Engine) -> Iterator[TestNetwork]:
    network = standard(engine)
    for investor, quantity in HELD.items():
        network.do("trust-a", "BR001", "", investor, quantity)
    yield network
    network.submissions.close()


NOW = When()


def page(
    network: TestNetwork, kept: Registers, cursor: str | None = None, when: When = NOW, **who: Any
) -> Any:
    with reading(network.engine) as session:
        rules, member = who.get("rules", network.rules), who.get("member", "trust-a")
        reader = Reader(session, GATEWAY, rules, network.actor(member), None, kept)
        return queries.read_register(reader, "BR001", when, Asked({}, cursor, 2))


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """Note the statements that read what registers are made of."""
    seen: list[str] = []

    def note(_c: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if "ledger_snapshot" in statement or "delta" in statement or "ledger_change" in statement:
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_pages_are_of_one_moment_whatever_is_committed_between(network: TestNetwork) -> None:
    kept = Registers()
    first = page(network, kept)
    network.do("custody-a", "BR001", "INV001", "INV004", 40)  # the first line goes, the last grows
    second = page(network, kept, first.next)
    lines = [*first.items, *second.items]
    assert {line.investor_id: line.quantity for line in lines} == HELD
    assert (first.log_index, first.total) == (second.log_index, second.total)
    assert second.next is None
    assert page(network, kept).log_index > first.log_index


def test_a_page_that_follows_reads_no_history_again(network: TestNetwork) -> None:
    kept = Registers()
    with statements(network.engine) as seen:
        first = page(network, kept)
        read = len(seen)
        assert read > 2
        page(network, kept, first.next)
        assert len(seen) == read
        page(network, Registers(), first.next)  # another process works it out again
        assert len(seen) > read


def test_a_cursor_is_of_one_register_and_moment(network: TestNetwork) -> None:
    cursor = page(network, Registers()).next
    for when in (When(dt.date(2025, 9, 1)), When(log_index=99)):
        with pytest.raises(e.CursorInvalid):
            page(network, Registers(), cursor, when)
    with pytest.raises(e.CursorInvalid):
        page(network, Registers(), cursor, member="fund-a")


def test_pseudonyms_of_one_viewer_are_not_anothers(network: TestNetwork) -> None:
    shipped = "p, role:product_partner, register, read, own_products, {}, {}"
    fields = {"beneficial_right_id": "clear", "quantity": "clear", "investor_id": "pseudonym"}
    masked = "\n".join(shipped.format(name, effect) for name, effect in fields.items())
    text = shipped_text().replace(shipped.format("*", "clear"), masked)
    assert text != shipped_text()
    rules = compile_rules(parse_rule_set(text))
    kept = Registers()
    clear = page(network, kept)
    own = page(network, kept, rules=rules, member="fund-a")
    other = page(network, kept, rules=rules, member="am-a")
    names = [{line.investor_id for line in shown.items} for shown in (clear, own, other)]
    assert names[0] <= set(HELD)
    assert all(name.startswith("~") for name in names[1] | names[2])
    assert names[1].isdisjoint(names[2])


def test_the_least_recently_used_go_first() -> None:
    kept = Registers(lines=5)
    made: list[int] = []

    def state(change: int) -> State:
        made.append(change)
        return State(change, change, None, {"INV001": 1, "INV002": 2})

    def find(change: int) -> State:
        return kept.find(("", "BR001", change), lambda: state(change), None)[0]

    for change in (1, 2, 1, 3, 1, 2):
        assert find(change).change == change
    assert made == [1, 2, 3, 2]
