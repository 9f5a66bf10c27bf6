"""Four functions between companies, as their operations staff use them: by command, over HTTP."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.http.network import Served
from tests.http.shell import Run, answered, done

SETTLES = "2026-01-15"
FIRM, CUSTODIAN = "entrusted-a", "custody-a"


@pytest.fixture(scope="module")
def customers(served: Served) -> dict[str, int]:
    """Two customers of the firm, and what they hold of BR001; the custodian keeps their records."""
    custodian = served.member(CUSTODIAN)
    holder = {"custody_holder_id": FIRM, "custody_holder_name": FIRM, "custodian_id": CUSTODIAN}
    custodian.post("/v1/records/custody_holder", holder)
    mine = [
        row
        for row in served.scenario.data.investors
        if (row.custody_holder_id, row.custodian_id) == (FIRM, CUSTODIAN)
    ]
    path = served.scenario.data.folder / "investors.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        kept = {row["investor_id"]: row for row in csv.DictReader(handle)}
    for person in mine:
        record = {k: v for k, v in kept[person.investor_id].items() if v}
        custodian.post("/v1/records/investor", record)
    lines = custodian.pages("/v1/ledger/holdings", beneficial_right_id="BR001")
    held = {line["investor_id"]: line["quantity"] for line in lines}
    found = {i.investor_id: held.get(i.investor_id, 0) for i in mine}
    assert sum(1 for quantity in found.values() if quantity >= 3) >= 1
    assert len(found) >= 2
    return found


def home(served: Served, member: str) -> tuple[str, Path]:
    return "--folder", served.member(member).own_folder().path


def write(folder: Path, name: str, document: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def order(served: Served, trade: str, giver: str, taker: str, quantity: int) -> dict[str, Any]:
    return {
        "trade_id": trade,
        "beneficial_right_id": "BR001",
        "from_investor_id": giver,
        "to_investor_id": taker,
        "quantity": quantity,
        "settlement_date": SETTLES,
        "transfer_type": "transfer",
        "registered_at": served.now().isoformat(),
    }


def traded(said: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in said.items() if k not in ("transfer_type", "registered_at")}
    return kept | {"traded_at": said["registered_at"]}


def only(served: Served, run: Run, member: str, trade: str) -> dict[str, Any]:
    found = answered(run("instruction", "list", *home(served, member), "--json"))
    (one,) = [item for item in found if item["trade_id"] == trade]
    return one


def holding(served: Served, investor: str) -> int:
    lines = served.member(CUSTODIAN).pages(
        "/v1/ledger/holdings", beneficial_right_id="BR001", investor_id=investor
    )
    return sum(line["quantity"] for line in lines)


def test_an_instruction_from_receipt_to_execution(
    served: Served, run: Run, customers: dict[str, int], tmp_path: Path
) -> None:
    giver = max(customers, key=customers.__getitem__)
    taker = next(one for one in customers if one != giver)
    before = holding(served, giver), holding(served, taker)
    firm, custodian = home(served, FIRM), home(served, CUSTODIAN)
    for trade, source, target in (("TRD-THERE", giver, taker), ("TRD-BACK", taker, giver)):
        said = order(served, trade, source, target, 3)
        file = write(tmp_path, "order.json", said)
        done(run("instruction", "send", file, *firm))
        done(run("instruction", "send", file, *firm))  # again: nothing happens
        one = only(served, run, CUSTODIAN, trade)["instruction_id"]
        code, _, complaint = run("instruction", "match", one, *custodian)
        assert code == 1, complaint  # nobody has reported the trade yet
        done(run("instruction", "report-trade", write(tmp_path, "trade.json", traded(said)), *firm))
        assert "matched 1" in done(run("instruction", "match", "--all", *custodian))
        code, _, _ = run("instruction", "execute", one, *custodian)
        assert code == 1  # not approved
        assert "approved 1" in done(run("instruction", "approve", "--all", "--yes", *custodian))
        (outcome,) = answered(run("instruction", "execute", "--all", *custodian, "--json"))
        assert (outcome["refused"], len(outcome["txid"])) == ("", 64)
        shown = answered(run("instruction", "show", one, *firm, "--json"))
        assert (shown["status"], shown["transfer_txid"]) == ("executed", outcome["txid"])
        life = [step["status"] for step in shown["steps"]]
        assert life == ["received", "matched", "approved", "executed"]
        if trade == "TRD-THERE":
            now = holding(served, giver), holding(served, taker)
            assert now == (before[0] - 3, before[1] + 3)
        assert "executed 0" in done(run("instruction", "execute", "--all", *custodian))
    assert (holding(served, giver), holding(served, taker)) == before


def test_execution_goes_on_after_the_transfer_was_committed(
    served: Served, run: Run, customers: dict[str, int], tmp_path: Path
) -> None:
    """The client died between the ledger's receipt and the mark: nothing is moved twice."""
    giver = max(customers, key=customers.__getitem__)
    taker = next(one for one in customers if one != giver)
    before = holding(served, giver)
    firm, custodian = home(served, FIRM), home(served, CUSTODIAN)
    for trade, source, target in (("TRD-LOST", giver, taker), ("TRD-LOST-BACK", taker, giver)):
        said = order(served, trade, source, target, 2)
        done(run("instruction", "send", write(tmp_path, "order.json", said), *firm))
        done(run("instruction", "report-trade", write(tmp_path, "trade.json", traded(said)), *firm))
        done(run("instruction", "match", "--all", *custodian))
        done(run("instruction", "approve", "--all", "--yes", *custodian))
        words = ("--right", "BR001", "--from", source, "--to", target, "--quantity", 2)
        settles = ("--settlement", SETTLES)
        done(run("ledger", "transfer", *words, "--trade", trade, *settles, *custodian))
        (outcome,) = answered(run("instruction", "execute", "--all", *custodian, "--json"))
        assert outcome["refused"] == ""
        assert only(served, run, FIRM, trade)["status"] == "executed"
    assert holding(served, giver) == before


def test_a_transfer_that_says_otherwise_does_not_execute_an_instruction(
    served: Served, run: Run, customers: dict[str, int], tmp_path: Path
) -> None:
    giver = max(customers, key=customers.__getitem__)
    taker = next(one for one in customers if one != giver)
    firm, custodian = home(served, FIRM), home(served, CUSTODIAN)
    said = order(served, "TRD-OTHER-DAY", giver, taker, 1)
    done(run("instruction", "send", write(tmp_path, "order.json", said), *firm))
    done(run("instruction", "report-trade", write(tmp_path, "trade.json", traded(said)), *firm))
    done(run("instruction", "match", "--all", *custodian))
    done(run("instruction", "approve", "--all", "--yes", *custodian))
    words = ("--right", "BR001", "--from", giver, "--to", taker, "--quantity", 1)
    moved = ("--trade", "TRD-OTHER-DAY", "--settlement", "2026-02-20")
    done(run("ledger", "transfer", *words, *moved, *custodian))
    code, told, _ = run("instruction", "execute", "--all", *custodian)
    assert code == 1
    assert "settlement_date: is 2026-01-15; the ledger says 2026-02-20" in " ".join(told.split())
    one = only(served, run, CUSTODIAN, "TRD-OTHER-DAY")["instruction_id"]
    done(run("instruction", "reject", one, "--reason", "another day", "--yes", *custodian))
    words = ("--right", "BR001", "--from", taker, "--to", giver, "--quantity", 1)
    done(run("ledger", "transfer", *words, *custodian))


def test_rejected_withdrawn_and_refused(
    served: Served, run: Run, customers: dict[str, int], tmp_path: Path
) -> None:
    giver = max(customers, key=customers.__getitem__)
    taker = next(one for one in customers if one != giver)
    firm, custodian = home(served, FIRM), home(served, CUSTODIAN)
    for trade in ("TRD-NO", "TRD-MINE", "TRD-TOO-MUCH"):
        quantity = 10**9 if trade == "TRD-TOO-MUCH" else 1
        said = order(served, trade, giver, taker, quantity)
        done(run("instruction", "send", write(tmp_path, "order.json", said), *firm))
        done(run("instruction", "report-trade", write(tmp_path, "trade.json", traded(said)), *firm))
    refused = only(served, run, CUSTODIAN, "TRD-NO")["instruction_id"]
    words = ("reject", refused, "--reason", "unknown to us", "--yes")
    done(run("instruction", *words, *custodian))
    shown = answered(run("instruction", "show", refused, *firm, "--json"))
    assert (shown["status"], shown["reason"]) == ("rejected", "unknown to us")
    mine = only(served, run, FIRM, "TRD-MINE")["instruction_id"]
    code, _, _ = run("instruction", "withdraw", mine, "--reason", "x", "--yes", *custodian)
    assert code == 1  # only who sent it takes it back
    done(run("instruction", "withdraw", mine, "--reason", "sent twice", "--yes", *firm))
    code, _, complaint = run("instruction", "match", mine, *custodian)
    assert code == 1, complaint
    large = only(served, run, CUSTODIAN, "TRD-TOO-MUCH")["instruction_id"]
    done(run("instruction", "match", large, *custodian))
    done(run("instruction", "approve", large, "--yes", *custodian))
    code, said_then, _ = run("instruction", "execute", large, *custodian)
    assert (code, "refused 1" in said_then) == (1, True)
    assert only(served, run, CUSTODIAN, "TRD-TOO-MUCH")["status"] == "approved"
    done(run("instruction", "reject", large, "--reason", "not covered", "--yes", *custodian))


TRANSFER_COLUMNS = (
    "trade_id,beneficial_right_id,from_investor_id,to_investor_id,quantity,settlement_date,"
    "transfer_type,cancels_trade_id,registered_at,registered_by"
)
GOOD = "{trade},BR001,{giver},{taker},1,2026-01-15,transfer,,{at},custody-a"


def table(*lines: str, header: str = TRANSFER_COLUMNS, end: str = "\n") -> str:
    return end.join((header, *lines)) + end


def bad_files(giver: str, taker: str, at: str, used: str, cancelled: str) -> dict[str, Any]:
    """Return each bad file, with the line of its first problem and the field that it names."""

    def line(trade: str = "TRD-FILE-1", **change: str) -> str:
        values = GOOD.format(trade=trade, giver=giver, taker=taker, at=at).split(",")
        for name, value in change.items():
            values[TRANSFER_COLUMNS.split(",").index(name)] = value
        return ",".join(values)

    def one(**change: str) -> bytes:
        return table(line(), line("TRD-FILE-2", **change)).encode()

    undo = {
        "from_investor_id": taker,
        "to_investor_id": giver,
        "transfer_type": "cancel",
        "cancels_trade_id": cancelled,
    }
    whole = table(line(), line("TRD-FILE-2")).encode()
    return {
        "wrong encoding": (table(line(to_investor_id="関所")).encode("euc-jp"), None, None),
        "UTF-16": (whole.decode().encode("utf-16"), 1, "header"),
        "a missing column": (whole.replace(b"quantity,", b"", 1), None, None),
        "an extra column": (whole.replace(b"registered_by", b"registered_by,memo", 1), None, None),
        "an extra cell": (table(line() + ",x").encode(), 2, ""),
        "a day that is none": (one(settlement_date="2026-02-30"), 3, "settlement_date"),
        "a day in another form": (one(settlement_date="2026/01/15"), 3, "settlement_date"),
        "a time without a zone": (one(registered_at="2026-01-15T00:00:00"), 3, "registered_at"),
        "a negative quantity": (one(quantity="-1"), 3, "quantity"),
        "a quantity of nothing": (one(quantity="0"), 3, "quantity"),
        "a huge quantity": (one(quantity=str(2**63)), 3, "quantity"),
        "a quantity of many digits": (one(quantity="9" * 400), 3, "quantity"),
        "a fraction": (one(quantity="1.5"), 3, "quantity"),
        "an unknown right": (one(beneficial_right_id="BR999"), 3, "beneficial_right_id"),
        "an unknown investor": (one(to_investor_id="INV-NOBODY"), 3, "to_investor_id"),
        "a type that is no word": (one(transfer_type="Gift!"), 3, "transfer_type"),
        "a trade id twice in the file": (table(line(), line(quantity="2")).encode(), 3, "trade_id"),
        "a trade id used before": (table(line(used, quantity="2")).encode(), 2, "trade_id"),
        "a cancel of a cancelled trade": (table(line(**undo)).encode(), 2, "cancels_trade_id"),
        "a cancel of nothing": (
            table(line(**undo | {"cancels_trade_id": "TRD-NONE"})).encode(),
            2,
            "cancels_trade_id",
        ),
        "a truncated file": (whole[:-20], None, None),
        "an empty file": (b"\n", 1, "header"),
    }


def test_bad_files_of_instructions_by_command_and_over_http(
    served: Served,
    run: Run,
    customers: dict[str, int],
    tmp_path: Path,
    subtests: pytest.Subtests,
) -> None:
    giver = max(customers, key=customers.__getitem__)
    taker = next(one for one in customers if one != giver)
    at = served.now().isoformat()
    used, cancelled = spent_trades(served)
    custodian = served.member(CUSTODIAN)
    before = count(custodian)
    known = {s["import_id"] for s in custodian.pages("/v1/imports")}
    for why, (data, line, field) in bad_files(giver, taker, at, used, cancelled).items():
        with subtests.test(why):
            file = tmp_path / "bad.csv"
            file.write_bytes(data)
            code, said, _ = run(
                "records", "import", "transfer", file, *home(served, CUSTODIAN), "--json"
            )
            there = {s["import_id"]: s["status"] for s in custodian.pages("/v1/imports")}
            new, known = there.keys() - known, set(there)
            assert code == 4, said
            report = json.loads(said)
            first = report["problems"][0]
            assert line is None or first["line"] == line, first
            assert field is None or first["where"] == field, first
            assert [there[one] for one in new] == ["refused"]
            assert count(custodian) == before


def spent_trades(served: Served) -> tuple[str, str]:
    """Return a trade that the custodian made, and one that was cancelled."""
    transfers = list(served.member(CUSTODIAN).pages("/v1/ledger/transfers", limit=500))
    cancelled = next(t["cancels_trade_id"] for t in transfers if t["cancels_trade_id"])
    used = next(
        t["trade_id"]
        for t in transfers
        if t["transfer_creator_id"] == CUSTODIAN and t["transfer_type"] == "transfer"
    )
    return used, cancelled


def count(connection: Any) -> int:
    return sum(1 for _ in connection.pages("/v1/instructions", limit=500))


@pytest.mark.parametrize(
    ("why", "encode"),
    [
        ("a byte order mark", lambda text: b"\xef\xbb\xbf" + text.encode()),
        ("CRLF", lambda text: text.replace("\n", "\r\n").encode()),
        ("Shift_JIS", lambda text: text.encode("cp932")),
    ],
)
def test_files_in_other_forms_are_read(
    served: Served,
    run: Run,
    customers: dict[str, int],
    tmp_path: Path,
    why: str,
    encode: Any,
) -> None:
    giver = max(customers, key=customers.__getitem__)
    taker = next(one for one in customers if one != giver)
    trade = "TRD-" + why.upper().replace(" ", "-").replace("_", "-")
    line = GOOD.format(trade=trade, giver=giver, taker=taker, at=served.now().isoformat())
    file = tmp_path / "good.csv"
    file.write_bytes(encode(table(line)))
    folder = home(served, CUSTODIAN)
    for _ in range(2):  # a file that was imported before changes nothing
        report = answered(run("records", "import", "transfer", file, *folder, "--json"))
        assert report["problems"] == []
        assert only(served, run, CUSTODIAN, trade)["status"] == "received"
    one = only(served, run, CUSTODIAN, trade)["instruction_id"]
    done(run("instruction", "reject", one, "--reason", "a test", "--yes", *folder))
