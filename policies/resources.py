"""What there is to see: resources with their fields, scopes with their arms, roles.

The registry is closed: a rule that names anything else is refused. Fields of the shared ledger
and of the records come from the data dictionary of the domain (`data_dictionary.csv`, the
report's 16 tables); fields that are secret there are left out, so that no rule can show them.
"""

import csv
from collections.abc import Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType

import msgspec

from policies.actions import Action

ROLES: Mapping[str, str] = MappingProxyType(
    {
        "asset_manager": "運用者",
        "auditor": "監督・監査",
        "custodian": "カストディアン",
        "direct_securities_firm": "金商業者（直接管理型）",
        "entrusted_securities_firm": "金商業者（カストディ委託型）",
        "fundraiser": "資金調達者",
        "intermediary": "仲介業者",
        "platform_administrator": "PF管理者",
        "registrar": "原簿管理者",
    }
)
"""The roles that a member may hold (`participants.csv`), with the report's term."""

ROLE_GROUPS = frozenset(
    {"customer_partner", "key_holder", "member", "operator", "product_partner", "record_keeper"}
)
"""Names that rules use for several roles at once; nobody holds one directly."""

READ = "read"
"""The only verb that shows fields."""

ANY = "any"
"""The scope of an action that is not about rows; its only arm is `everything`."""

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        ANY: "everything that there is, for what is the network's own and not a company's",
        "governance_log": "every entry of the log: statements, and commitments to the rest",
        "managed_customers": "customers whose keys the member held at the time",
        "own_customers": "customers whose custody holder the member was at the time",
        "own_instructions": "instructions that the member sent or was sent",
        "own_products": "rights of which the member is the fundraiser or the asset manager",
        "own_records": "the member's own records",
        "own_register": "rights whose register the member keeps",
        "uniqueness_only": "hashes of what was consumed, nothing of what it was",
    }
)
"""Every scope and the rows that it admits. The SQL of an arm stands beside the ledger's tables."""

_SIDES = ("from", "to")
_CUSTOMER_SCOPES = ("managed_customers", "own_customers")
_MARKET_FIELDS = {
    "transfer": ("terms",),
    "token": ("terms",),
    "transfer_control": ("beneficial_right_id",),
    "market_session": ("changed_at",),
}
_RENAMED = {"beneficial_right": "beneficial_right_record", "import_file": "import"}


class Resource(msgspec.Struct, frozen=True):
    """Something that rules are about.

    Args:
        name: the left part of its actions.
        verbs: the right parts of its actions.
        fields: what `read` may show of a row; empty where there is nothing but yes or no.
        scopes: each scope that its rules may name, with its arms. A scope with one arm gives the
            arm its own name, except `any`, whose arm is `everything`.
    """

    name: str
    verbs: frozenset[str]
    fields: tuple[str, ...]
    scopes: Mapping[str, tuple[str, ...]]

    def shows_fields(self, verb: str) -> bool:
        """Whether rules for `verb` say field by field what is shown."""
        return verb == READ and bool(self.fields)

    def scopes_for(self, verb: str) -> Mapping[str, tuple[str, ...]]:
        """Return the scopes that rules for `verb` may name: an act may also be for `any`."""
        return self.scopes if verb == READ else {**self.scopes, ANY: single_arm(ANY)}

    def arms(self, verb: str, scope: str) -> tuple[str, ...]:
        """Return the arms that `scope`, a scope or one arm of one, covers; empty if unknown."""
        scopes = self.scopes_for(verb)
        if scope in scopes:
            return scopes[scope]
        return (scope,) if any(scope in arms for arms in scopes.values()) else ()

    def all_arms(self, verb: str) -> tuple[str, ...]:
        """Return every arm, scope by scope."""
        return tuple(arm for arms in self.scopes_for(verb).values() for arm in arms)


class Vocabulary(msgspec.Struct, frozen=True):
    """The closed world that a rule set speaks of.

    Args:
        roles: roles that a member may hold.
        groups: names for several roles, which nobody holds directly.
        resources: every resource by name.
    """

    roles: frozenset[str]
    groups: frozenset[str]
    resources: Mapping[str, Resource]


def single_arm(scope: str) -> tuple[str, ...]:
    """Return the arms of a scope that has one."""
    return ("everything",) if scope == ANY else (scope,)


def _dictionary() -> dict[str, tuple[str, ...]]:
    tables: dict[str, tuple[str, ...]] = {}
    text = files("policies").joinpath("data_dictionary.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        if row["personal_data"] != "secret":
            name = _RENAMED.get(row["table"], row["table"])
            tables[name] = (*tables.get(name, ()), row["field"])
    return {name: fields + _MARKET_FIELDS.get(name, ()) for name, fields in tables.items()}


_OWN_FIELDS: Mapping[str, tuple[str, ...]] = {
    "beneficial_right": (
        "beneficial_right_id",
        "beneficial_right_name",
        "beneficial_right_type",
        "registrar_id",
        "fundraiser_id",
        "asset_manager_id",
        "established_quantity",
        "established_on",
        "record_date_1",
        "record_date_2",
        "redemption_date",
    ),
    "custody": ("investor_id", "custody_holder_id", "custodian_id", "valid_from", "valid_until"),
    "holding": ("as_of", "beneficial_right_id", "investor_id", "quantity"),
    "instruction": (
        "instruction_id",
        "trade_id",
        "beneficial_right_id",
        "from_investor_id",
        "to_investor_id",
        "quantity",
        "settlement_date",
        "sender_id",
        "receiver_id",
        "status",
        "reason",
        "received_at",
    ),
    "log": ("index", "kind", "data", "leaf_hash"),
    "read_receipt": ("member_id", "action", "rules", "rule_set", "log_index", "at"),
    "register": ("as_of", "beneficial_right_id", "investor_id", "quantity"),
    "transaction": (
        "txid",
        "contract",
        "parameters",
        "registered_at",
        "inputs",
        "outputs",
        "commands",
        "nullifiers",
        "signatures",
        "log_index",
    ),
    "uniqueness": ("txid", "nullifier", "recorded_at"),
}
_SCOPES_OF: Mapping[str, tuple[str, ...]] = {
    "account_key": ("own_register", "managed_customers", "own_customers"),
    "beneficial_right": (ANY, "own_register", "own_products"),
    "custody": _CUSTOMER_SCOPES,
    "holding": ("own_register", *_CUSTOMER_SCOPES),
    "instruction": ("own_instructions",),
    "log": ("governance_log",),
    "register": ("own_register", "own_products"),
    "token": ("own_register", *_CUSTOMER_SCOPES),
    "transaction": ("own_register", *_CUSTOMER_SCOPES),
    "transfer": ("own_register", *_CUSTOMER_SCOPES),
    "transfer_control": (ANY, "own_register"),
    "uniqueness": ("uniqueness_only",),
}
"""Scopes of the resources that are rows; what is not named here is the network's own (`any`) or,
for the tables of the records, one company's own (`own_records`)."""

_RECORDS = frozenset(_dictionary()) - {"token", "transfer", "transfer_control", "account_key"}
_SHARED = frozenset({"market_session"})


def _scopes(name: str) -> Mapping[str, tuple[str, ...]]:
    default = ("own_records",) if name in _RECORDS - _SHARED else (ANY,)
    arms = {}
    for scope in _SCOPES_OF.get(name, default):
        two_sided = name == "transfer" and scope in _CUSTOMER_SCOPES
        arms[scope] = (
            tuple(f"{scope}.{side}" for side in _SIDES) if two_sided else single_arm(scope)
        )
    return MappingProxyType(arms)


def _resources() -> Iterator[Resource]:
    fields = _dictionary() | dict(_OWN_FIELDS)
    for name in dict.fromkeys(action.resource for action in Action):
        verbs = frozenset(action.verb for action in Action if action.resource == name)
        yield Resource(name, verbs, fields.get(name, ()), _scopes(name))


VOCABULARY = Vocabulary(
    frozenset(ROLES), ROLE_GROUPS, MappingProxyType({r.name: r for r in _resources()})
)
"""What the network's rules may name."""
