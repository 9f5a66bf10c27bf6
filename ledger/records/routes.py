"""Records over HTTP: `/v1/records`, `/v1/users`, `/v1/registrations`, `/v1/calendar`."""

import datetime as dt
from typing import Any

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy.engine import Engine

from ledger.database import reading, writing
from ledger.records import calendar, registration, users
from ledger.records.calendar import HolidayAdjustment
from ledger.records.cursors import cursor_of, id_after, page_size
from ledger.records.dictionary import record_tables
from ledger.records.handlers import act, change, create, read
from ledger.records.import_routes import ROUTES as IMPORT_ROUTES
from ledger.records.instruction_routes import ROUTES as INSTRUCTION_ROUTES
from ledger.records.keeping import Clerk
from ledger.records.record_routes import ROUTES as RECORD_ROUTES
from ledger.records.registration import Registration
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules


class NewPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A password, in the clear, over TLS."""

    password: str


class SignIn(msgspec.Struct, frozen=True):
    """The user signed in."""

    user_id: str


class RegistrationPage(msgspec.Struct, frozen=True):
    """Registrations in order of investor id."""

    registrations: list[Registration]
    next: str | None


class Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Registrations to accept, at most 500."""

    investor_ids: list[str]


class Accepted(msgspec.Struct, frozen=True):
    """How many of them were not accepted before."""

    accepted: int


class RecordField(msgspec.Struct, frozen=True):
    """A field of a table, with its Japanese name; `personal_data` is yes, no or secret."""

    field: str
    field_ja: str
    personal_data: str


class RecordTable(msgspec.Struct, frozen=True):
    """A table of records (データ項目)."""

    number: int
    table: str
    table_ja: str
    fields: list[RecordField]


class CalendarDay(msgspec.Struct, frozen=True):
    """A day: its holiday, if it is one, and the business days around it."""

    day: dt.date
    holiday: str | None
    business_day: bool
    following: dt.date
    preceding: dt.date
    modified_following: dt.date


class RecordDates(msgspec.Struct, frozen=True):
    """Record dates (権利確定日) in order, adjusted for holidays."""

    record_dates: list[dt.date]


@read(
    "/v1/records",
    opt={"authz": Action.CALENDAR_READ},
    summary="Describe the tables of records",
)
def describe_tables(
    actor: NamedDependency[Actor], rules: NamedDependency[CompiledRules]
) -> list[RecordTable]:
    """Return the tables of the data dictionary that are one company's own."""
    rules.decide(actor, Action.CALENDAR_READ)
    return [
        RecordTable(
            table.number,
            table.table,
            table.table_ja,
            [RecordField(f.field, f.field_ja, f.personal_data.value) for f in table.fields],
        )
        for table in record_tables().values()
    ]


@change(
    "/v1/users/{user_id:str}/password",
    opt={"authz": Action.USER_WRITE},
    status_code=204,
    summary="Set a user's password",
)
def set_password(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    user_id: FromPath[str],
    data: JSONBody[NewPassword],
) -> None:
    """Set a new password; the present one and the two before it are refused."""
    with writing(database) as session:
        users.set_password(session, clerk, user_id, data.password)


@act(
    "/v1/users/{user_id:str}/sign-in",
    opt={"authz": Action.USER_WRITE},
    summary="Check a user's password",
)
def sign_in(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    user_id: FromPath[str],
    data: JSONBody[NewPassword],
) -> SignIn:
    """Check a password for the company's own systems; five wrong ones lock the user."""
    with writing(database) as session:
        matches = users.check_password(session, clerk, user_id, data.password)
    users.require_sign_in(matches)
    return SignIn(user_id)


@create(
    "/v1/registrations",
    opt={"authz": Action.INVESTOR_WRITE},
    summary="Register an investor",
)
def register_investor(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    data: JSONBody[dict[str, Any]],
) -> Registration:
    """Send an investor to the member's sponsor, who accepts it."""
    with writing(database) as session:
        return registration.register(session, clerk, data)


@read(
    "/v1/registrations",
    opt={"authz": Action.INVESTOR_READ},
    summary="List own registrations",
)
def list_registrations(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> RegistrationPage:
    """Return a page of the registrations that the member sent, and where they stand."""
    with reading(database) as session:
        found = registration.registrations(session, clerk, id_after(cursor), page_size(limit))
    return RegistrationPage(
        found, cursor_of(found[-1].investor_id if len(found) >= page_size(limit) else None)
    )


@act(
    "/v1/registrations/accept",
    opt={"authz": Action.INVESTOR_WRITE},
    summary="Accept registrations",
)
def accept_registrations(
    database: NamedDependency[Engine],
    clerk: NamedDependency[Clerk],
    data: JSONBody[Acceptance],
) -> Accepted:
    """Accept registrations that were sent to the member, all or none."""
    with writing(database) as session:
        return Accepted(registration.accept(session, clerk, data.investor_ids))


@read(
    "/v1/calendar/days/{day:date}",
    opt={"authz": Action.CALENDAR_READ},
    summary="Look up a day",
)
def read_day(
    actor: NamedDependency[Actor], rules: NamedDependency[CompiledRules], day: FromPath[dt.date]
) -> CalendarDay:
    """Return whether Japanese banks are open, and the business days around."""
    rules.decide(actor, Action.CALENDAR_READ)
    return CalendarDay(
        day=day,
        holiday=calendar.holiday_name(day),
        business_day=calendar.is_business_day(day),
        following=calendar.adjust(day, HolidayAdjustment.FOLLOWING),
        preceding=calendar.adjust(day, HolidayAdjustment.PRECEDING),
        modified_following=calendar.adjust(day, HolidayAdjustment.MODIFIED_FOLLOWING),
    )


@read(
    "/v1/calendar/record-dates",
    opt={"authz": Action.CALENDAR_READ},
    summary="Compute record dates",
)
def list_record_dates(
    actor: NamedDependency[Actor],
    rules: NamedDependency[CompiledRules],
    month_day: FromQuery[list[str]],
    first: FromQuery[dt.date],
    last: FromQuery[dt.date],
    adjustment: FromQuery[HolidayAdjustment] = HolidayAdjustment.NONE,
) -> RecordDates:
    """Return the record dates from `first` to `last` of days such as 03-31."""
    rules.decide(actor, Action.CALENDAR_READ)
    found = calendar.record_dates(tuple(month_day), first, last, adjustment)
    return RecordDates(list(found))


ROUTES = (
    describe_tables,
    *RECORD_ROUTES,
    set_password,
    sign_in,
    register_investor,
    list_registrations,
    accept_registrations,
    read_day,
    list_record_dates,
    *IMPORT_ROUTES,
    *INSTRUCTION_ROUTES,
)
