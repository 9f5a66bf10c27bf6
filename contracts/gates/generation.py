"""Transactions made by a seed: plans that are consistent, and small corruptions of them.

A plan takes rights, issuers and terms from the package's accepted examples, invents holders and
commands, and lays out tokens so that every holding adds up. A corruption changes one thing. The
same seed makes the same transactions on every machine: a random generator with a fixed algorithm
(MT19937, through `random` alone) is all that is drawn from.
"""

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from contracts.gates.corruptions import corrupt
from contracts.manifest import Effect

Json = dict[str, Any]

MAX_PLAN_COMMANDS = 4
MAX_TOKENS_OF_A_HOLDING = 3

SHARE_OF_ISSUES = 0.25
SHARE_OF_BYSTANDERS = 0.2
"""How many of those who give nothing hold tokens that the transaction consumes."""

STANDARD = ("issue", "transfer", "cancel", "redeem")
_EMPTY: Json = {"issuer_info": "issuer", "terms": {}}


def encode(transaction: Json) -> str:
    """Return the JSON text of a generated transaction."""
    return msgspec.json.encode(transaction).decode()


class Planner:
    """Makes consistent transactions for one contract.

    Args:
        examples: accepted transactions, to take rights, issuers and terms from.
        effects: the contract's commands.
    """

    def __init__(self, examples: Sequence[Json], effects: Mapping[str, Effect]) -> None:
        self._examples = examples
        self._types = [name for name in STANDARD if name in effects]
        self._rights: dict[str, Json] = {}
        self._tokens: dict[str, Json] = {}
        self._terms: dict[str, Json] = {}
        self._contract: Json = {"name": "contract", "version": "1.0.0"}
        for example in examples:
            self._contract = example["contract"]
            self._rights |= example["facts"]["rights"]
            for token in (*example["inputs"], *example["outputs"]):
                self._tokens.setdefault(
                    token["token_id"],
                    {"issuer_info": token["issuer_info"], "terms": token["terms"]},
                )
            for command in example["commands"]:
                self._terms.setdefault(command["transfer_type"], command["terms"])

    def plan(self, source: random.Random, most: int = MAX_PLAN_COMMANDS) -> Json:
        """Return a transaction whose holdings, signatures and facts agree with its commands.

        Args:
            source: what is drawn from.
            most: the most commands that it has.
        """
        if not self._types or not self._rights:
            return copy.deepcopy(source.choice(self._examples))
        draft = _Draft(source, self._contract)
        rights = source.sample(
            sorted(self._rights), min(len(self._rights), source.randint(1, min(2, most)))
        )
        for right in rights:
            self._plan_right(draft, right, max(1, most // 2))
        return draft.finish()

    def _plan_right(self, draft: "_Draft", right: str, most: int) -> None:
        source = draft.source
        facts = {**self._rights[right], "transfer_allowed": True, "issued_quantity": 0}
        draft.transaction["facts"]["rights"][right] = facts
        template = self._tokens.get(right, _EMPTY)
        kinds = [kind for kind in self._types if kind != "issue"]
        issuing = "issue" in self._types and (not kinds or source.random() < SHARE_OF_ISSUES)
        for _ in range(source.randint(1, most)):
            kind = "issue" if issuing else source.choice(kinds)
            limit = facts["established_quantity"] // MAX_PLAN_COMMANDS
            quantity = source.randint(1, max(1, min(limit, 1_000)))
            draft.command(right, kind, quantity, facts["registrar"], self._terms.get(kind, {}))
        draft.lay_out(right, template)


class _Draft:
    """A transaction while it is planned."""

    def __init__(self, source: random.Random, contract: Json) -> None:
        self.source = source
        self.holdings: dict[tuple[str, str], int] = {}
        self.transaction: Json = {
            "contract": contract,
            "registered_at": "2025-06-02T00:00:00Z",
            "inputs": [],
            "outputs": [],
            "commands": [],
            "signers": {"investors": [], "members": []},
            "facts": {"session": "open", "rights": {}, "cancelled": {}},
        }

    def command(self, right: str, kind: str, quantity: int, registrar: str, terms: Json) -> None:
        """Add one command and note what it does to holdings."""
        giver, receiver = self.source.sample([f"INV{n:03d}" for n in range(1, 7)], 2)
        number = len(self.transaction["commands"]) + 1
        creator = registrar if kind in ("issue", "redeem") else "direct-a"
        command = {
            "trade_id": f"TRD{number:08d}",
            "transfer_creator_id": creator,
            "beneficial_right_id": right,
            "from_investor_id": "" if kind == "issue" else giver,
            "to_investor_id": "" if kind == "redeem" else receiver,
            "quantity": quantity,
            "settlement_date": "2025-06-04",
            "transfer_type": kind,
            "cancels_trade_id": f"TRD9{number:07d}" if kind == "cancel" else "",
            "registered_at": "2025-06-02T00:00:00Z",
            "registered_by": creator,
            "terms": dict(terms),
        }
        self.transaction["commands"].append(command)
        if kind == "cancel":
            self.transaction["facts"]["cancelled"][command["cancels_trade_id"]] = {
                **command,
                "trade_id": command["cancels_trade_id"],
                "transfer_type": "transfer",
                "cancels_trade_id": "",
                "from_investor_id": receiver,
                "to_investor_id": giver,
            }
        if kind != "issue":
            self._move(right, giver, -quantity)
        if kind != "redeem":
            self._move(right, receiver, quantity)

    def lay_out(self, right: str, template: Json) -> None:
        """Make the tokens of one right: what givers hold before, and everybody after."""
        issued = all(
            command["transfer_type"] == "issue"
            for command in self.transaction["commands"]
            if command["beneficial_right_id"] == right
        )
        for (key, investor), change in sorted(self.holdings.items()):
            if key != right:
                continue
            gives = any(
                command["from_investor_id"] == investor
                for command in self.transaction["commands"]
                if command["beneficial_right_id"] == right
            )
            before = 0
            if not issued and (gives or self.source.random() < SHARE_OF_BYSTANDERS):
                before = max(0, -change) + self.source.choice([0, 0, 1, 50])
            before = before if before + change >= 0 else -change
            self._tokens("inputs", right, investor, before, template)
            self._tokens("outputs", right, investor, before + change, template)

    def finish(self) -> Json:
        """Return the transaction with every signature that it needs."""
        transaction = self.transaction
        owners = {token["investor_id"] for token in transaction["inputs"]}
        givers = {command["from_investor_id"] for command in transaction["commands"]} - {""}
        members = {command["transfer_creator_id"] for command in transaction["commands"]}
        transaction["signers"] = {"investors": sorted(owners | givers), "members": sorted(members)}
        return transaction

    def _move(self, right: str, investor: str, change: int) -> None:
        self.holdings[right, investor] = self.holdings.get((right, investor), 0) + change

    def _tokens(self, where: str, right: str, investor: str, total: int, template: Json) -> None:
        parts = min(total, self.source.randint(1, MAX_TOKENS_OF_A_HOLDING))
        for index in range(parts):
            rest = parts - index - 1
            quantity = total if rest == 0 else self.source.randint(1, total - rest)
            total -= quantity
            token = {"token_id": right, "investor_id": investor, "quantity": quantity}
            self.transaction[where].append({**token, **copy.deepcopy(template)})


def generated(
    examples: Sequence[Json], effects: Mapping[str, Effect], seed: int, count: int
) -> Iterator[Json]:
    """Yield `count` transactions: plans and examples, three in four with a corruption or two."""
    source = random.Random(seed)  # noqa: S311 - reproducible test data, not a secret
    planner = Planner(examples, effects)
    for number in range(count):
        if number % 3 == 0 and examples:
            transaction = copy.deepcopy(source.choice(examples))
        else:
            transaction = planner.plan(source)
        for _ in range(source.choice([0, 1, 1, 2])):
            corrupt(transaction, source)
        yield transaction
