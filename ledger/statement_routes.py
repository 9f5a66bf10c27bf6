"""HTTP of what transactions rest on: each body is a DSSE envelope, kept as it came."""

import datetime as dt

from litestar import post
from litestar.di import NamedDependency
from litestar.params import RawBody

from ledger import declarations as d
from ledger import relations as r
from ledger.services import LedgerServices
from policies.compilation import CompiledRules

_TAGS = ["ledger"]


@post(
    "/v1/ledger/rights",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=_TAGS,
    summary="Register a beneficial right",
)
def post_right(
    body: RawBody,
    rules: NamedDependency[CompiledRules],
    ledger: NamedDependency[LedgerServices],
    at: NamedDependency[dt.datetime],
) -> r.Registered:
    """Take a statement of kind `beneficial-right` from the right's registrar."""
    actor, opened = ledger.desk.open(body, d.RIGHT_KIND, d.BeneficialRight)
    with ledger.desk.writing(opened) as session:
        registered = r.register_right(session, actor, rules, opened)
        ledger.rights_changed(session, actor.member_id, at)
        return registered


@post(
    "/v1/ledger/account-keys",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=_TAGS,
    summary="Register account keys",
)
def post_account_keys(
    body: RawBody,
    rules: NamedDependency[CompiledRules],
    ledger: NamedDependency[LedgerServices],
    at: NamedDependency[dt.datetime],
) -> r.Registered:
    """Take a statement of kind `account-keys` from the investors' custodian."""
    actor, opened = ledger.desk.open(body, d.KEYS_KIND, d.AccountKeys)
    with ledger.desk.writing(opened) as session:
        return r.register_account_keys(session, actor, rules, opened, at)


@post(
    "/v1/ledger/custody",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=_TAGS,
    summary="Take investors into custody",
)
def post_custody(
    body: RawBody,
    rules: NamedDependency[CompiledRules],
    ledger: NamedDependency[LedgerServices],
    at: NamedDependency[dt.datetime],
) -> r.Registered:
    """Take a statement of kind `custody` from the custodian."""
    actor, opened = ledger.desk.open(body, d.CUSTODY_KIND, d.CustodyTaken)
    with ledger.desk.writing(opened) as session:
        return r.register_custody(session, actor, rules, opened, at)


@post(
    "/v1/ledger/custody/release",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=_TAGS,
    summary="Release investors to another custodian",
)
def post_release(
    body: RawBody,
    rules: NamedDependency[CompiledRules],
    ledger: NamedDependency[LedgerServices],
) -> r.Registered:
    """Take a statement of kind `custody-release` from the custodian that lets them go."""
    actor, opened = ledger.desk.open(body, d.RELEASE_KIND, d.CustodyReleased)
    with ledger.desk.writing(opened) as session:
        return r.release_custody(session, actor, rules, opened)


@post(
    "/v1/ledger/transfer-controls",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=_TAGS,
    summary="Allow or forbid transfers",
)
def post_control(
    body: RawBody,
    rules: NamedDependency[CompiledRules],
    ledger: NamedDependency[LedgerServices],
) -> r.Registered:
    """Take a statement of kind `transfer-control` from the registrar."""
    actor, opened = ledger.desk.open(body, d.CONTROL_KIND, d.TransferControl)
    with ledger.desk.writing(opened) as session:
        return r.set_transfer_control(session, actor, rules, opened)


@post(
    "/v1/ledger/market-session",
    opt={"authz": "statement"},
    sync_to_thread=True,
    tags=_TAGS,
    summary="Open or close the market session",
)
def post_session(
    body: RawBody,
    rules: NamedDependency[CompiledRules],
    ledger: NamedDependency[LedgerServices],
    at: NamedDependency[dt.datetime],
) -> r.Registered:
    """Take a statement of kind `market-session` from whom the rules let set it."""
    actor, opened = ledger.desk.open(body, d.SESSION_KIND, d.MarketSession)
    with ledger.desk.writing(opened) as session:
        return r.set_market_session(session, actor, rules, opened, at)


STATEMENT_ROUTES = (
    post_right,
    post_account_keys,
    post_custody,
    post_release,
    post_control,
    post_session,
)
