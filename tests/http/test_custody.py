"""A customer moves to another custodian, and what stops transfers, by command over HTTP."""

import csv
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from governance.client import ledgering
from tests.http.network import Served
from tests.http.payments import payment
from tests.http.shell import Run, answered, done, heard
from tests.http.test_refusals import problem, submit

MOVER = "INV-MOVER"
OLD, NEW = "custody-a", "custody-b"


def home(served: Served, member: str) -> tuple[str, Path]:
    return "--folder", served.member(member).own_folder().path


def customers(folder: Path, custodian: str, *investors: str) -> Path:
    file = folder / f"{custodian}.csv"
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("investor_id", "custody_holder_id", "custodian_id"))
        writer.writerows((investor, custodian, custodian) for investor in investors)
    return file


def trades_of(served: Served, member: str) -> set[str]:
    pages = served.member(member).pages("/v1/ledger/transfers", limit=500)
    return {item["trade_id"] for item in pages if MOVER in str(item)}


def move(giver: str, taker: str, quantity: int, trade: str) -> tuple[str, ...]:
    sides = ("--from", giver, "--to", taker, "--quantity", str(quantity))
    return ("ledger", "transfer", "--right", "BR001", *sides, "--trade", trade)


def holder_of(served: Served, member: str) -> str:
    """Return a customer of a custodian who holds some of BR001."""
    held = served.member(member).pages("/v1/ledger/holdings", beneficial_right_id="BR001")
    return next(str(h["investor_id"]) for h in held if h["quantity"] >= 10)


def test_a_customer_moves_to_another_custodian(served: Served, run: Run, tmp_path: Path) -> None:
    old, new = home(served, OLD), home(served, NEW)
    done(run("ledger", "customers", customers(tmp_path, OLD, MOVER), *old))
    giver = holder_of(served, OLD)
    done(run(*move(giver, MOVER, 5, "MOVER-1"), *old))
    done(run(*move(MOVER, giver, 1, "MOVER-2"), *old))
    takeover = ("ledger", "customers", customers(tmp_path, NEW, MOVER), *new)
    code, said = heard(run(*takeover))
    assert (code, "has not released it" in said) == (1, True)
    assert "released 1" in done(run("ledger", "release", MOVER, "--to", NEW, "--yes", *old))
    done(run(*move(MOVER, giver, 1, "MOVER-3"), *old))  # it stays a customer until it is taken over
    assert trades_of(served, NEW) == set()
    assert "registered 1" in done(run(*takeover))
    before = {"MOVER-1", "MOVER-2", "MOVER-3"}
    assert trades_of(served, OLD) == before
    assert trades_of(served, NEW) == set()
    code, said = heard(run(*move(MOVER, giver, 1, "MOVER-4"), *old))
    assert code == 1, said
    done(run(*move(MOVER, giver, 1, "MOVER-5"), *new))
    assert trades_of(served, NEW) == {"MOVER-5"}
    kept = trades_of(served, OLD)
    assert before <= kept  # what it managed, and the giver's side of the last one under a pseudonym
    shown = answered(run("ledger", "statement", MOVER, *new, "--json"))
    assert [row["quantity"] for row in shown["holdings"]] == [2]
    code, said = heard(run("ledger", "release", MOVER, "--to", NEW, "--yes", *old))
    assert (code, "not the author's customers" in said) == (1, True)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((MOVER, "--to", "nobody-here"), "no member"),
        (("INV-NOT-MINE", "--to", NEW), "not the author's customers"),
        (("INV-NOT-MINE", "--to", OLD), "to itself"),
        (("INV-NOT-MINE", "--to", "auditor"), "auditor is no custodian"),
        (("not an id", "--to", NEW), "statement"),
    ],
)
def test_who_cannot_be_released_stays(
    served: Served, run: Run, words: tuple[str, ...], why: str
) -> None:
    code, said = heard(run("ledger", "release", *words, "--yes", *home(served, OLD)))
    assert (code, why in " ".join(said.split())) == (1, True), said


def test_customers_in_shift_jis(served: Served, run: Run, tmp_path: Path) -> None:
    text = "investor_id,investor_name,custody_holder_id,custodian_id\r\nINV-SJIS,髙島①,{0},{0}\r\n"
    file = tmp_path / "customers.csv"
    file.write_bytes(text.format(OLD).encode("cp932"))
    assert "registered 1" in done(run("ledger", "customers", file, *home(served, OLD)))


def test_an_answer_is_wanted_before_a_customer_is_released(
    served: Served, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    with served.nothing_stored():
        assert run("ledger", "release", MOVER, "--to", NEW, *home(served, OLD))[0] == 1


@pytest.fixture
def reopened(served: Served) -> Iterator[None]:
    yield
    ledgering.set_session(served.chair, "open")
    for registrar, control in (("trust-a", "TC-BR001"), ("trust-b", "TC-BR003")):
        ledgering.set_transfer_control(served.member(registrar), control, allowed=True)


def pay(served: Served) -> httpx.Response:
    good = payment(served)
    return submit(served, good.creator, good.signed().data)


@pytest.mark.usefixtures("reopened")
def test_nothing_moves_while_the_session_is_closed(served: Served, run: Run) -> None:
    chair = home(served, served.scenario.administrator)
    done(run("ledger", "session", "closed", "--yes", *chair))
    with served.nothing_stored():
        problem(pay(served), 409, "session-closed")
    assert run("ledger", "session", "open", "--yes", *home(served, OLD))[0] == 1
    done(run("ledger", "session", "open", "--yes", *chair))
    assert pay(served).status_code == 201


@pytest.mark.usefixtures("reopened")
def test_nothing_moves_while_a_right_is_blocked(served: Served, run: Run) -> None:
    right = served.scenario.data.rights[0]
    registrar = home(served, right.registrar_member_id)
    control = f"TC-{right.beneficial_right_id}"
    done(run("ledger", "control", control, "block", "--yes", *registrar))
    with served.nothing_stored():
        problem(pay(served), 409, "right-blocked")
    code, said = heard(run("ledger", "control", control, "allow", "--yes", *home(served, OLD)))
    assert code == 1, said
    done(run("ledger", "control", control, "allow", "--yes", *registrar))
    assert pay(served).status_code == 201
