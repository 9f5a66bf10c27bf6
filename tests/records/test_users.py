import datetime as dt

import pytest
from sqlalchemy.engine import Engine

from ledger.database import writing
from ledger.errors import PasswordRefused, RecordErased, RecordMissing, SignInRefused
from ledger.records import erasure, keeping
from ledger.records.erasure import ErasureReason
from ledger.records.tables import UserRow
from ledger.records.users import (
    MAX_FAILED_LOGINS,
    check_password,
    require_sign_in,
    set_password,
)
from policies.errors import Denied
from tests.records.conftest import AT, Clerks

USER = {
    "user_id": "u1",
    "account_type": "approver",
    "user_name": "関所 花子",
    "employee_number": "E-1",
}
FIRST, SECOND, THIRD, FOURTH = (f"a long enough password {n}" for n in range(4))


@pytest.fixture
def user(engine: Engine, clerk: Clerks) -> Engine:
    with writing(engine) as session:
        keeping.create(session, clerk("custody-a"), "user", USER)
        set_password(session, clerk("custody-a"), "u1", FIRST)
    return engine


def test_passwords_are_argon2id_hashes(user: Engine, clerk: Clerks):
    with writing(user) as session:
        row = session.get(UserRow, ("custody-a", "u1"))
        assert row is not None
        assert str(row.password_hash).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        shown = keeping.read(session, clerk("custody-a"), "user", "u1")
    assert not any("password" in name and "hash" in name for name in shown.values)
    assert "argon2" not in str(shown)


def test_the_present_and_two_previous_passwords_are_refused(user: Engine, clerk: Clerks):
    mine = clerk("custody-a")
    with writing(user) as session:
        set_password(session, mine, "u1", SECOND)
        set_password(session, mine, "u1", THIRD)
        for old in (FIRST, SECOND, THIRD, "short", "x" * 129):
            with pytest.raises(PasswordRefused):
                set_password(session, mine, "u1", old)
        set_password(session, mine, "u1", FOURTH)
        set_password(session, mine, "u1", FIRST)
        assert check_password(session, mine, "u1", FIRST)


def test_wrong_passwords_lock_until_a_new_one_is_set(user: Engine, clerk: Clerks):
    later = clerk("custody-a", AT + dt.timedelta(hours=1))
    with writing(user) as session:
        for _ in range(MAX_FAILED_LOGINS - 1):
            assert not check_password(session, later, "u1", "wrong")
        assert check_password(session, later, "u1", FIRST)
        for _ in range(MAX_FAILED_LOGINS):
            assert not check_password(session, later, "u1", "wrong")
        assert not check_password(session, later, "u1", FIRST)
        shown = keeping.read(session, later, "user", "u1").values
        assert (shown["user_status"], shown["failed_logins"]) == ("locked", MAX_FAILED_LOGINS)
        assert shown["last_login_at"] == later.at
        set_password(session, later, "u1", SECOND)
        assert check_password(session, later, "u1", SECOND)


def test_one_text_for_every_refusal(user: Engine, clerk: Clerks):
    with writing(user) as session:
        assert not check_password(session, clerk("custody-a"), "nobody", FIRST)
        assert not check_password(session, clerk("custody-b"), "u1", FIRST)
    with pytest.raises(SignInRefused):
        require_sign_in(signed_in=False)
    require_sign_in(signed_in=True)


def test_an_erased_user_has_no_password(user: Engine, clerk: Clerks):
    mine = clerk("custody-a")
    with writing(user) as session:
        erasure.erase(session, mine, "user", "u1", ErasureReason.RETENTION_ENDED)
        assert not check_password(session, mine, "u1", FIRST)
        with pytest.raises(RecordErased):
            set_password(session, mine, "u1", SECOND)
        row = session.get(UserRow, ("custody-a", "u1"))
        assert row is not None
        assert (row.password_hash, row.previous_password_hash) == (None, None)
        assert keeping.find(session, mine, "user", "employee_number", "E-1") == []


def test_who_may_not_keep_users_may_not_set_passwords(user: Engine, clerk: Clerks):
    with writing(user) as session:
        with pytest.raises(Denied):
            set_password(session, clerk("fund-a"), "u1", FIRST)
        with pytest.raises(RecordMissing):
            set_password(session, clerk("custody-b"), "u1", FIRST)
