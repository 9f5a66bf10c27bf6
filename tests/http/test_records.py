"""One company's own records by command: kept, changed, found, erased; imports looked after."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.http.network import Served
from tests.http.shell import Run, answered, done, heard
from tests.records.conftest import PERSON

CUSTODIAN, OTHER = "custody-b", "custody-a"
NUMBER = "7000012050002"


@pytest.fixture
def keeper(served: Served) -> tuple[str, Path]:
    return "--folder", served.member(CUSTODIAN).own_folder().path


def person(row_id: str, **changes: Any) -> dict[str, Any]:
    own = {"investor_id": row_id, "custody_holder_id": CUSTODIAN, "custodian_id": CUSTODIAN}
    return PERSON | own | changes


def write(folder: Path, document: Any) -> Path:
    path = folder / "record.json"
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return path


def test_the_life_of_a_record(
    served: Served, run: Run, keeper: tuple[str, Path], tmp_path: Path
) -> None:
    row = "INV-LIFE"
    kept = write(tmp_path, person(row, corporate_number=NUMBER))
    done(run("records", "create", "investor", kept, *keeper))
    done(run("records", "create", "investor", kept, *keeper))  # again: nothing happens
    moved = person(row, corporate_number=NUMBER, registered_address="京都府京都市見本町1")
    done(run("records", "change", "investor", row, write(tmp_path, moved), *keeper))
    shown = answered(run("records", "show", "investor", row, *keeper, "--json"))
    assert shown["values"]["registered_address"] == "京都府京都市見本町1"
    (found,) = answered(run("records", "find", "investor", NUMBER, *keeper, "--json"))
    assert found["row_id"] == row
    listed = answered(run("records", "list", "investor", *keeper, "--json"))
    assert row in {record["row_id"] for record in listed}
    steps = answered(run("records", "history", "investor", row, *keeper, "--json"))
    assert [step["fields"] for step in steps if step["fields"]][-1] == ["registered_address"]
    assert steps[-1]["before"]["registered_address"] == PERSON["registered_address"]
    assert PERSON["registered_address"] in done(run("records", "history", "investor", row, *keeper))
    stranger = "--folder", served.member(OTHER).own_folder().path
    for words in (("show", "investor", row), ("history", "investor", row)):
        assert run("records", *words, *stranger)[0] == 1
    assert answered(run("records", "find", "investor", NUMBER, *stranger, "--json")) == []
    assert run("records", "erasure", "investor", row, *keeper)[0] == 1  # it was not erased
    done(run("records", "erase", "investor", row, "--yes", *keeper))
    proof = answered(run("records", "erasure", "investor", row, *keeper))
    assert proof["log_index"] > 0
    after = done(run("records", "history", "investor", row, *keeper))
    for secret in (PERSON["registered_address"], "京都府京都市見本町1", PERSON["investor_name"]):
        assert secret not in after
    assert answered(run("records", "find", "investor", NUMBER, *keeper, "--json")) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"contact_postal_code": "1234"}, "contact_postal_code"),
        ({"investor_name": "関\n所"}, "investor_name"),
        ({"aml_category": "none"}, "aml_category"),
        ({"shoe_size": "27"}, "shoe_size"),
    ],
)
def test_a_record_with_a_fault_is_refused_by_its_field(
    run: Run, keeper: tuple[str, Path], tmp_path: Path, changes: dict[str, Any], field: str
) -> None:
    file = write(tmp_path, person("INV-FAULT", **changes))
    code, said = heard(run("records", "create", "investor", file, *keeper))
    assert (code, field in said) == (1, True), said
    assert run("records", "show", "investor", "INV-FAULT", *keeper)[0] == 1


def test_what_cannot_be_searched_is_said(run: Run, keeper: tuple[str, Path]) -> None:
    code, said = heard(run("records", "find", "settlor", "X", *keeper))
    assert (code, "no searchable id" in said) == (2, True)


def test_an_import_is_given_up_and_its_report_read(
    served: Served, run: Run, keeper: tuple[str, Path], tmp_path: Path
) -> None:
    begun = served.member(CUSTODIAN).post(
        "/v1/imports",
        {
            "import_target": "investor",
            "file_size": 100,
            "file_digest": "sha256:" + "ab" * 32,
            "file_timestamp": served.now(),
            "operation": "create",
            "encoding": "auto",
        },
    )
    words = "records", "cancel-import", begun["import_id"], *keeper
    assert "cancelled" in done(run(*words))
    assert run(*words)[0] == 1
    file = tmp_path / "bad.csv"
    file.write_text("investor_id,\n", encoding="utf-8")
    assert run("records", "import", "investor", file, *keeper)[0] == 4
    assert "refused" in done(run("records", "imports", *keeper))
    newest = next(
        i for i in served.member(CUSTODIAN).pages("/v1/imports") if i["status"] == "refused"
    )
    report = answered(run("records", "report", newest["import_id"], *keeper))
    assert report["problems"]
    stranger = "--folder", served.member(OTHER).own_folder().path
    assert run("records", "report", newest["import_id"], *stranger)[0] == 1
