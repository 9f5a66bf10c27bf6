"""Tables and structs against the data dictionary, field by field."""

import msgspec
import pytest
import sqlalchemy as sa

from ledger.records.dictionary import Protection, data_dictionary, record_tables
from ledger.records.schemas import SCHEMAS
from ledger.records.sealing import BOOKKEEPING
from ledger.records.tables import PERSONAL, ROWS, SECRET, ImportFileRow

SYSTEM_FIELDS = {
    "user": {
        "password_hash",
        "previous_password_hash",
        "second_previous_password_hash",
        "failed_logins",
        "last_login_at",
        "password_changed_at",
    }
}
RECORDS = [name for name in record_tables() if name != "import_file"]


def test_the_dictionary_has_the_reports_16_tables():
    assert sorted(table.number for table in data_dictionary().values()) == list(range(1, 17))


def test_every_table_of_the_records_is_kept():
    assert set(ROWS) | {"import_file"} == set(record_tables())
    assert set(SCHEMAS) == set(ROWS)


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_has_a_column_protected_as_the_dictionary_says(name: str):
    columns = ROWS[name].__table__.columns
    for field in record_tables()[name].fields:
        column = columns[field.field]
        personal = field.personal_data is Protection.PERSONAL
        assert bool(column.info.get(PERSONAL)) is personal, field
        assert isinstance(column.type, sa.LargeBinary) is personal, field
        assert bool(column.info.get(SECRET)) is (field.personal_data is Protection.SECRET), field


@pytest.mark.parametrize("name", RECORDS)
def test_every_struct_has_exactly_the_fields_that_a_company_writes(name: str):
    expected = {field.field for field in record_tables()[name].fields}
    expected -= BOOKKEEPING | SYSTEM_FIELDS.get(name, set())
    assert set(SCHEMAS[name].__struct_fields__) == expected
    assert msgspec.structs.fields(SCHEMAS[name])


def test_the_import_control_table_has_its_fields():
    columns = set(ImportFileRow.__table__.columns.keys())
    assert {field.field for field in record_tables()["import_file"].fields} <= columns


@pytest.mark.parametrize("name", RECORDS)
def test_the_primary_key_starts_with_the_owner(name: str):
    """A company's page must not cost what other companies keep."""
    keys = [column.name for column in sa.inspect(ROWS[name]).primary_key]
    assert keys[0] == "owner_member_id"
    assert [c.name for c in ROWS[name].__table__.primary_key.columns] == keys
