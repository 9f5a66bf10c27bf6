"""The data dictionary: every table and field by its name, its Japanese name and its protection.

`policies/data_dictionary.csv` is the report's list of 16 tables. Those with store `records`
are this package's; tests hold the tables and the structs against it, field by field.
"""

import csv
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec


class Protection(StrEnum):
    """How a field is kept: plain, encrypted per person, or as a hash that is never shown."""

    PLAIN = "no"
    PERSONAL = "yes"
    SECRET = "secret"  # noqa: S105 - the name of a mark, not a secret


class Field(msgspec.Struct, frozen=True):
    """One field (`field_ja` is its Japanese name)."""

    field: str
    field_ja: str
    personal_data: Protection


class Table(msgspec.Struct, frozen=True):
    """One table of the dictionary with its fields in order; the first field is its id."""

    number: int
    table: str
    table_ja: str
    store: str
    fields: tuple[Field, ...]

    def named(self, protection: Protection) -> tuple[str, ...]:
        """Return the names of the fields that are kept that way."""
        return tuple(f.field for f in self.fields if f.personal_data is protection)


@cache
def data_dictionary() -> dict[str, Table]:
    """Return the tables of the dictionary by name, in its order."""
    text = files("policies").joinpath("data_dictionary.csv").read_text(encoding="utf-8")
    heads: dict[str, tuple[int, str, str]] = {}
    fields: dict[str, list[Field]] = {}
    for row in csv.DictReader(text.splitlines()):
        heads[row["table"]] = (int(row["table_no"]), row["table_ja"], row["store"])
        fields.setdefault(row["table"], []).append(
            Field(row["field"], row["field_ja"], Protection(row["personal_data"]))
        )
    return {
        name: Table(number, name, japanese, store, tuple(fields[name]))
        for name, (number, japanese, store) in heads.items()
    }


def record_tables() -> dict[str, Table]:
    """Return the tables that are one company's own records."""
    return {name: table for name, table in data_dictionary().items() if table.store == "records"}
