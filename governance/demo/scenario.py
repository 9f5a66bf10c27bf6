"""The scenario: a business network from nothing to policy-checked answers, over HTTP.

Every party has its own folder of keys and its own connection; the server is another process.
Each step here is one that a person can type: see docs/quickstart.md.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.authoring import SHIPPED
from governance.client import contracts as authoring
from governance.client import governing, joining, ledgering
from governance.client.anchors import fetch_anchors, pin_anchors
from governance.client.connection import Connection, Refused
from governance.client.folder import MemberFile, MemberFolder
from governance.client.members import hosted_nodes, own_node
from governance.decisions.actions import ApproveContract
from governance.demo.dataset import Dataset, MemberRow, TransferRow
from governance.demo.loader import Loader, Party
from governance.errors import LoadFailed
from governance.membership.members import Role
from ledger.composition import Composer, Wallet, WalletToken
from ledger.declarations import BeneficialRight
from ledger.statements import Signer

CONTRACT = "beneficial_right"
ISSUANCE_PATIENCE = 30.0
"""Seconds within which an approved certificate is issued."""

Advance = Callable[[int], None]


class Scenario:
    """Plays one data set against one server.

    Args:
        data: the network's input.
        server: the server's URL.
        home: folder under which each party's folder is made; the administrator's is there.
        administrator: the platform administrator's folder.
        contract: the folder of the package that a registrar submits.
    """

    def __init__(
        self,
        data: Dataset,
        server: str,
        home: Path,
        administrator: Path,
        contract: Path = SHIPPED / CONTRACT,
    ) -> None:
        self.data = data
        self._contract = contract
        self._server = server
        self._home = home
        folder = MemberFolder(administrator)
        self._network = folder.member.network
        with Connection(server) as stranger:
            self.anchors = fetch_anchors(stranger)
        self.connections = {folder.member.member_id: Connection(server, folder)}
        self.administrator = folder.member.member_id
        self.wallet = Wallet()
        self.spent: dict[str, WalletToken] = {}
        self.seconds: dict[str, float] = {}

    def close(self) -> None:
        """Close everybody's sockets."""
        for connection in self.connections.values():
            connection.close()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)

    def admit_members(self, advance: Advance) -> None:
        """Let every member of the data set apply, and admit it by vote."""
        waiting = [row for row in self.data.members if row.member_id != self.administrator]
        advance(1)
        for row in sorted(waiting, key=lambda row: bool(row.sponsor_member_id)):
            folder = self._apply(row)
            self._decide_all()
            certificate = joining.fetch_certificate(folder, ISSUANCE_PATIENCE)
            if certificate is None:
                raise LoadFailed(f"{row.member_id} was admitted and has no certificate")
            pin_anchors(folder.path, self.anchors)
            self.connections[row.member_id] = Connection(self._server, folder)
            advance(1)

    def deploy_contract(self) -> None:
        """Let a registrar submit `beneficial_right`; approve and activate it by vote."""
        author = self.connections[self._first(Role.REGISTRAR)]
        runtime = ledgering.read_parameters(author).runtimes[0]
        draft = authoring.submit(author, self._contract, runtime)
        outcome = authoring.wait_for_gates(author, draft["name"], draft["version"])
        if outcome["status"] != "passed":
            raise LoadFailed(f"{CONTRACT} did not pass its gates: {outcome['message']}")
        action = ApproveContract(name=draft["name"], version=draft["version"])
        governing.propose(author, [action], "the contract of the network's first rights")
        self._decide_all()

    def register(self, advance: Advance) -> None:
        """Open the session; register rights, customers and their account keys."""
        ledgering.set_session(self.connections[self.administrator], "open")
        for right in self.data.rights:
            said = BeneficialRight(
                beneficial_right_id=right.beneficial_right_id,
                beneficial_right_name=right.beneficial_right_name,
                beneficial_right_type=right.beneficial_right_type,
                fundraiser_id=right.fundraiser_member_id,
                asset_manager_id=right.asset_manager_member_id,
                contract=CONTRACT,
                established_quantity=right.established_quantity,
                issuer_info=right.fundraiser_member_id,
                transfer_control_id=f"TC-{right.beneficial_right_id}",
                established_on=right.established_on,
                record_date_1=right.record_date_1,
                record_date_2=right.record_date_2,
                redemption_date=right.redemption_date,
            )
            ledgering.register_right(self.connections[right.registrar_member_id], said)
        customers: dict[str, list[tuple[str, str]]] = {}
        for row in self.data.investors:
            customers.setdefault(row.custodian_id, []).append(
                (row.investor_id, row.custody_holder_id)
            )
        for custodian, pairs in customers.items():
            connection = self.connections[custodian]
            ledgering.take_customers(connection, pairs)
            keys = ledgering.own_accounts(connection).make(investor for investor, _ in pairs)
            ledgering.register_account_keys(connection, keys, advance)

    def load_transfers(self, advance: Advance) -> None:
        """Turn every line of `transfers.csv` into a signed transaction and commit it."""
        parties = {
            member: Party(self.composer(member), self.connections[member])
            for member in {row.registered_by for row in self.data.transfers}
        }
        info = {r.beneficial_right_id: r.fundraiser_member_id for r in self.data.rights}
        loader = Loader(parties, self.wallet, info, advance)
        loader.load(self.data.transfers)
        self.spent = loader.first_spent

    def composer(self, member: str) -> Composer:
        """Return what composes a member's transactions."""
        return ledgering.make_composer(self.connections[member], CONTRACT, self._account_signer())

    def registers(self, dates: list[dt.date]) -> list[dict[str, object]]:
        """Return each right's register as of each date, as its registrar reads it."""
        rows: list[dict[str, object]] = []
        for date in dates:
            for right in sorted(self.data.rights, key=lambda r: r.beneficial_right_id):
                connection = self.connections[right.registrar_member_id]
                path = f"/v1/ledger/registers/{right.beneficial_right_id}"
                items = connection.pages(path, as_of=date.isoformat(), limit=500)
                rows += [
                    {
                        "as_of": date.isoformat(),
                        "beneficial_right_id": right.beneficial_right_id,
                        "investor_id": item["investor_id"],
                        "quantity": item["quantity"],
                    }
                    for item in items
                ]
        return rows

    def member_of(self, *roles: str) -> str:
        """Return the first member that holds one of `roles`, in their order."""
        held = {row.role: row.member_id for row in reversed(self.data.members)}
        return next(held[role] for role in roles if role in held)

    def spent_token(self) -> tuple[TransferRow, WalletToken]:
        """Return the first transfer, with the token that it consumed."""
        first = next(row for row in self.data.transfers if row.from_investor_id)
        return first, self.spent[first.trade_id]

    def other_investor(self, row: TransferRow) -> str:
        """Return an investor that is neither side of a transfer."""
        sides = {row.from_investor_id, row.to_investor_id}
        return next(i.investor_id for i in self.data.investors if i.investor_id not in sides)

    def last_registration(self) -> dt.datetime:
        """Return when the last line was registered, UTC."""
        return max(row.registered_at for row in self.data.transfers).astimezone(dt.UTC)

    def foreign_transaction(self) -> tuple[str, str]:
        """Return a TxID, and a custodian that manages neither of its sides."""
        custodian_of = {row.investor_id: row.custodian_id for row in self.data.investors}
        custodians = set(custodian_of.values())
        for row in self.data.transfers:
            sides = {custodian_of.get(row.from_investor_id), custodian_of.get(row.to_investor_id)}
            for outsider in sorted(custodians - sides):
                right = next(
                    r for r in self.data.rights if r.beneficial_right_id == row.beneficial_right_id
                )
                insider = self.connections[right.registrar_member_id]
                page = insider.get("/v1/ledger/transfers", trade_id=row.trade_id, limit=1)
                return str(page["items"][0]["transfer_txid"]), outsider
        raise LoadFailed("every custodian is part of every transfer")

    def _apply(self, row: MemberRow) -> MemberFolder:
        role = Role(row.role)
        node, kind, address = own_node(role, row.member_id, self._network)
        member = MemberFile(
            member_id=row.member_id,
            network=self._network,
            server=self._server,
            legal_name=row.legal_name,
            node=node,
            kind=kind,
            address=address,
        )
        folder = MemberFolder.create(self._home / row.member_id, member)
        application = joining.build_application(
            folder,
            [role],
            sponsor=row.sponsor_member_id or None,
            hosted=hosted_nodes(role, row.member_id, self._network),
        )
        joining.apply(folder, application)
        return folder

    def _decide_all(self) -> None:
        """Let the administrator, then other operating partners, approve what is open."""
        chair = self.connections[self.administrator]
        for proposal in governing.open_proposals(chair):
            for member in self._voters():
                if self._approve(member, proposal["id"]) != "open":
                    break

    def _approve(self, member: str, proposal: str) -> str:
        """Return the proposal's status after the member's vote, if it may vote on it."""
        try:
            answer = governing.vote(self.connections[member], proposal, approve=True)
        except Refused as refusal:
            if refusal.slug != "not-entitled":
                raise
            return "open"
        return str(answer["status"])

    def _voters(self) -> list[str]:
        roles = {row.member_id: row.role for row in self.data.members}
        operating = {"platform_administrator", "registrar", "custodian", "direct_securities_firm"}
        return [m for m in self.connections if roles.get(m) in operating]

    def _first(self, role: Role) -> str:
        return next(row.member_id for row in self.data.members if row.role == role)

    def _account_signer(self) -> Callable[[str], Signer]:
        custodian_of = {row.investor_id: row.custodian_id for row in self.data.investors}
        stores = {
            custodian: ledgering.own_accounts(self.connections[custodian])
            for custodian in set(custodian_of.values())
        }
        return lambda investor: stores[custodian_of[investor]].signer(investor)
