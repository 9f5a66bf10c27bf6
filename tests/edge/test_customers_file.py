"""What a file of customers may look like for `sekisho ledger customers`."""

from pathlib import Path

import pytest

from governance.cli.customers import read_customers
from governance.errors import DatasetInvalid

TEXT = "investor_id,investor_name,custody_holder_id,custodian_id\r\nINV1,髙島①,firm,custody-a\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_either_encoding_is_read(tmp_path: Path, encoding: str):
    file = tmp_path / "customers.csv"
    file.write_bytes(TEXT.encode(encoding))
    assert read_customers(file, "custody-a") == [("INV1", "firm")]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "lacks the columns investor_id"),
        (b"investor_id,custodian_id\nINV1,custody-a\n", "lacks the columns custody_holder_id"),
        (b"a;b\n1;2\n", "lacks the columns investor_id"),
        (b"investor_id,custody_holder_id,custodian_id\nINV1,x,custody-b\n", "has no investor"),
        ("investor_id,custody_holder_id,custodian_id\n関".encode("utf-16"), "is no CSV"),
        (b'investor_id,custody_holder_id,custodian_id\n"INV1,x,custody-a\n', "is no CSV"),
        (b"investor_id,custody_holder_id,custodian_id\nINV1\n", "has no investor"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, data: bytes, why: str):
    file = tmp_path / "customers.csv"
    file.write_bytes(data)
    with pytest.raises(DatasetInvalid, match=why):
        read_customers(file, "custody-a")
