import datetime as dt

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import APPEND_ONLY, Base, reading, writing


class Row(Base):
    __tablename__ = "append_only_probe"
    __table_args__ = ({"info": {APPEND_ONLY: True}},)
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime]


def test_a_time_comes_back_in_utc(engine: Engine):
    tokyo = dt.timezone(dt.timedelta(hours=9))
    at = dt.datetime(2025, 4, 1, 9, 0, 0, 5, tzinfo=tokyo)
    with writing(engine) as session:
        session.add(Row(id=1, at=at))
    with reading(engine) as session:
        got = session.scalars(sa.select(Row.at)).one()
    assert got == at
    assert got.tzinfo is dt.UTC


@pytest.mark.parametrize("change", [sa.update(Row).values(id=2), sa.delete(Row)])
def test_append_only_rows_cannot_change(engine: Engine, change: sa.Executable):
    with writing(engine) as session:
        session.add(Row(id=1, at=dt.datetime.now(dt.UTC)))
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), writing(engine) as session:
        session.execute(change)
