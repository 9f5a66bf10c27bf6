"""A company's own users: passwords as Argon2id hashes, the two previous ones refused, lock-out.

Parameters of the hash are those of RFC 9106, section 4, second recommendation (64 MiB, 3
passes, 4 lanes), argon2-cffi's defaults. A hash made with weaker ones is renewed at sign-in.
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy.orm import Session

from ledger.errors import PasswordRefused, RecordErased, RecordMissing, SignInRefused
from ledger.records import store
from ledger.records.keeping import Clerk
from ledger.records.tables import UserRow
from policies.actions import Action

MIN_PASSWORD = 12
"""Characters of the shortest password (NIST SP 800-63B asks for 8 at least)."""

MAX_PASSWORD = 128
"""Characters of the longest password: hashing has a price."""

MAX_FAILED_LOGINS = 5
"""Wrong passwords in a row after which a user is locked, until a new password is set."""

_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash("a password that no user has")


def set_password(session: Session, clerk: Clerk, user_id: str, password: str) -> None:
    """Give a user a new password; it unlocks a locked user and resets the count.

    Raises:
        Denied: no rule allows it.
        RecordMissing: there is no such user.
        RecordErased: the user was erased.
        PasswordRefused: too short, too long, or the present or one of the two previous ones.
    """
    clerk.rules.decide(clerk.actor, Action.USER_WRITE)
    user = _user(session, clerk, user_id)
    if user is None:
        raise RecordMissing(f"{clerk.owner} keeps no user {user_id}")
    if user.erased_at is not None:
        raise RecordErased(f"user {user_id} was erased")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise PasswordRefused(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    kept = (user.password_hash, user.previous_password_hash, user.second_previous_password_hash)
    if any(_matches(hashed, password) for hashed in kept if hashed):
        raise PasswordRefused("the password is the present one or one of the two before it")
    user.second_previous_password_hash = user.previous_password_hash
    user.previous_password_hash = user.password_hash
    user.password_hash = _HASHER.hash(password)
    user.password_changed_at = clerk.at
    user.failed_logins = 0
    if user.user_status == "locked":
        user.user_status = "active"
    _touch(user, clerk)
    session.flush()


def check_password(session: Session, clerk: Clerk, user_id: str, password: str) -> bool:
    """Return whether the user signs in; count failures, and lock at `MAX_FAILED_LOGINS`.

    The count must be committed whatever the answer: that is why a wrong password is an answer
    here and not an error. Unknown users take as long as known ones.

    Raises:
        Denied: no rule allows it.
    """
    clerk.rules.decide(clerk.actor, Action.USER_WRITE)
    user = _user(session, clerk, user_id)
    if user is None or not user.password_hash or user.user_status != "active":
        _matches(_NOBODY, password)
        return False
    matches = _matches(user.password_hash, password)
    if matches:
        user.failed_logins = 0
        user.last_login_at = clerk.at
        if _HASHER.check_needs_rehash(user.password_hash):
            user.password_hash = _HASHER.hash(password)
    else:
        user.failed_logins += 1
        if user.failed_logins >= MAX_FAILED_LOGINS:
            user.user_status = "locked"
    session.flush()
    return matches


def require_sign_in(signed_in: bool) -> None:  # noqa: FBT001 - the answer of check_password
    """Return if the user signed in.

    Raises:
        SignInRefused: with one text for every reason, so that nothing is told.
    """
    if not signed_in:
        raise SignInRefused("user id and password do not match, or the user is locked or retired")


def _user(session: Session, clerk: Clerk, user_id: str) -> UserRow | None:
    row = store.find_row(session, "user", clerk.owner, user_id)
    return row if isinstance(row, UserRow) else None


def _matches(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def _touch(user: UserRow, clerk: Clerk) -> None:
    user.updated_at = clerk.at
    user.updated_by = clerk.actor.member_id
