"""The sample network: every line becomes a transaction; registers and counts are as expected."""

import csv
import datetime as dt
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from ledger import declarations as d
from ledger import queries
from ledger.database import reading
from ledger.gateway import Gateway
from ledger.history import read_history
from ledger.keys import public_bytes
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Asked, Reader, When
from policies.actors import Actor
from policies.errors import Denied
from tests.ledger.network import CONTRACT, TestNetwork, new_signer

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "network"


def rows(name: str) -> list[dict[str, str]]:
    with (SAMPLE / name).open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


class SampleNetwork(TestNetwork):
    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.roles = {row["member_id"]: row["role"] for row in rows("members.csv")}
        self.keys.signers |= {m: new_signer() for m in self.roles if m not in self.keys.signers}

    def actor(self, member: str) -> Actor:
        return Actor(member, frozenset({self.roles[member]}))

    def found(self) -> None:
        for row in rows("beneficial_rights.csv"):
            body = d.BeneficialRight(
                row["beneficial_right_id"],
                row["beneficial_right_name"],
                row["beneficial_right_type"],
                row["fundraiser_member_id"],
                row["asset_manager_member_id"],
                CONTRACT.name,
                int(row["established_quantity"]),
                "",
                "CTL-" + row["beneficial_right_id"],
                redemption_date=dt.date.fromisoformat(row["redemption_date"]),
            )
            self.say(row["registrar_member_id"], d.RIGHT_KIND, body)
        customers = defaultdict(list)
        for row in rows("investors.csv"):
            customers[row["custodian_id"]].append(row)
        signer = new_signer()  # one account key for all: signing is not what this test is about
        spki = public_bytes(signer.public_key())
        for custodian, people in customers.items():
            items = [d.CustodyItem(p["investor_id"], p["custody_holder_id"]) for p in people]
            self.say(custodian, d.CUSTODY_KIND, d.CustodyTaken(tuple(items)))
            keys = tuple(d.AccountKey(p["investor_id"], spki) for p in people)
            self.say(custodian, d.KEYS_KIND, d.AccountKeys(keys))
            self.accounts |= {p["investor_id"]: signer for p in people}
        self.session()

    def load(self, most: int | None = None) -> None:
        batch: list[bytes] = []
        creator = ""
        for row in rows("transfers.csv")[:most]:
            if row["registered_by"] != creator or len(batch) == 200:
                self.send(creator, batch)
                creator, batch = row["registered_by"], []
            instruction = self.instruction(
                row["beneficial_right_id"],
                row["from_investor_id"],
                row["to_investor_id"],
                int(row["quantity"]),
                trade_id=row["trade_id"],
                settlement_date=dt.date.fromisoformat(row["settlement_date"]),
                transfer_type=row["transfer_type"],
                cancels_trade_id=row["cancels_trade_id"],
                registered_at=dt.datetime.fromisoformat(row["registered_at"]),
            )
            batch.append(self.composer(creator).execute(self.wallet, instruction).data)
        self.send(creator, batch)

    def send(self, creator: str, batch: list[bytes]) -> None:
        if batch:
            outcomes = self.submissions.submit_many(self.actor(creator), self.rules, batch)
            refused = [o for o in outcomes if isinstance(o, Exception)]
            assert not refused, refused[0]

    def count(self, session: Session, member: str) -> int:
        reader = Reader(session, Gateway(Pseudonyms(b"s" * 32)), self.rules, self.actor(member))
        total, cursor = 0, None
        try:
            while True:
                page = queries.list_transfers(reader, Asked({}, cursor, 500))
                total += len(page.items)
                cursor = page.next
                if cursor is None:
                    return total
        except Denied:
            return 0


@pytest.fixture
def network(engine: Engine):
    network = SampleNetwork(engine)
    network.found()
    network.load()
    yield network
    network.submissions.close()


def test_counts_and_registers_are_as_expected(network: SampleNetwork):
    with reading(network.engine) as session:
        expected = {
            row["member_id"]: int(row["visible_transfers"])
            for row in rows("expected/visible_transfers.csv")
        }
        assert {member: network.count(session, member) for member in expected} == expected
        registers = defaultdict(dict)
        for row in rows("expected/register.csv"):
            key = row["as_of"], row["beneficial_right_id"]
            registers[key][row["investor_id"]] = int(row["quantity"])
        registrars = {
            row["beneficial_right_id"]: row["registrar_member_id"]
            for row in rows("beneficial_rights.csv")
        }
        for (day, right), holdings in registers.items():
            reader = Reader(
                session,
                Gateway(Pseudonyms(b"s" * 32)),
                network.rules,
                network.actor(registrars[right]),
            )
            when = When(dt.date.fromisoformat(day))
            lines = list(queries.walk_register(reader, right, when))
            assert {line.investor_id: line.quantity for line in lines} == holdings
        seen = list(read_history(session, CONTRACT.name, CONTRACT.version))
        assert len(seen) == len(rows("transfers.csv"))
        assert msgspec.json.decode(seen[0][1]) == network.contract.seen[0]
