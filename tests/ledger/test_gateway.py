"""No path around the gateway; and what is hidden changes no byte of any answer."""

import datetime as dt
from collections.abc import Callable

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, aliased

from ledger import declarations as d
from ledger import disclosure, queries
from ledger.database import reading, writing
from ledger.errors import GatewayBypassed, LedgerError
from ledger.gateway import Gateway, guard
from ledger.pseudonyms import Pseudonyms
from ledger.queries import Asked, Reader, When
from ledger.tables import RightRow, TransferRow, UnspentRow
from policies.errors import Denied
from tests.ledger.network import TestNetwork, standard

TABLE = TransferRow.__table__
ESCAPES = {
    "entity": lambda s: s.scalars(sa.select(TransferRow)).all(),
    "column": lambda s: s.scalars(sa.select(TransferRow.quantity)).all(),
    "count": lambda s: s.scalar(sa.select(sa.func.count()).select_from(TransferRow)),
    "get": lambda s: s.get(TransferRow, 1),
    "alias": lambda s: s.scalars(sa.select(aliased(TransferRow))).all(),
    "join": lambda s: s.execute(
        sa.select(sa.literal(1)).select_from(
            sa.join(RightRow, TransferRow, RightRow.registrar == TransferRow.registrar)
        )
    ).all(),
    "scalar subquery": lambda s: s.execute(
        sa.select(sa.select(sa.func.sum(TransferRow.quantity)).scalar_subquery())
    ).all(),
    "exists": lambda s: s.scalar(sa.select(sa.select(TransferRow.row_id).exists())),
    "cte": lambda s: s.execute(sa.select(sa.select(TransferRow).cte())).all(),
    "union": lambda s: s.execute(
        sa.select(TransferRow.quantity).union(sa.select(TransferRow.row_id))
    ).all(),
    "core table": lambda s: s.execute(sa.select(TABLE)).all(),
    "core through the connection": lambda s: s.connection().execute(sa.select(TABLE)).all(),
    "text": lambda s: s.execute(sa.text("select quantity from ledger_transfer")).all(),
    "text in capitals": lambda s: s.execute(sa.text("select quantity from LEDGER_TRANSFER")).all(),
    "quoted": lambda s: s.execute(sa.text('select quantity from "ledger_transfer"')).all(),
    "from_statement": lambda s: s.scalars(
        sa.select(TransferRow).from_statement(sa.text("select * from ledger_transfer"))
    ).all(),
    "literal column": lambda s: s.execute(
        sa.select(sa.literal_column("(select max(quantity) from ledger_transfer)"))
    ).all(),
    "driver text": lambda s: (
        s.connection().exec_driver_sql("select quantity from ledger_transfer").all()
    ),
    "legacy query": lambda s: s.query(TransferRow).all(),
    "bulk update": lambda s: s.execute(sa.update(UnspentRow).values(quantity=1)),
    "delete": lambda s: s.execute(sa.delete(UnspentRow)),
    "insert": lambda s: s.execute(sa.insert(UnspentRow).values(row_id=1)),
    "merge": lambda s: (s.merge(RightRow(beneficial_right_id="BR001")), s.flush()),
}


@pytest.fixture
def network(engine: Engine):
    guard(engine)
    network = standard(engine)
    network.do("trust-a", "BR001", "", "INV001", 100)
    network.do("custody-a", "BR001", "INV001", "INV003", 30)
    yield network
    network.submissions.close()


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("opening", [reading, writing])
def test_no_statement_passes_the_gateway_by(network: TestNetwork, escape: str, opening: Callable):
    with pytest.raises(GatewayBypassed), opening(network.engine) as session:
        ESCAPES[escape](session)


def test_no_row_is_kept_as_an_object(network: TestNetwork):
    stamped = {"sekisho_ledger": True}
    with reading(network.engine) as session:
        with pytest.raises(GatewayBypassed, match="never kept as an object"):
            session.get(TransferRow, 2, execution_options=stamped)
        with pytest.raises(GatewayBypassed, match="never kept as an object"):
            session.scalars(sa.select(RightRow), execution_options=stamped).all()
        assert not list(session.identity_map.values())
        with pytest.raises(GatewayBypassed):
            session.get(TransferRow, 2)


def test_the_gateway_itself_passes(network: TestNetwork):
    answers = everything(network, "custody-a")
    assert answers


GATEWAY = Gateway(Pseudonyms(b"s" * 32))


def everything(network: TestNetwork, member: str, txids: tuple[str, ...] = ()) -> bytes:
    """Every answer that a member can get, in bytes; errors and cursors included."""
    asks = [
        lambda r: queries.list_transfers(r, Asked(limit=2)),
        lambda r: queries.list_transfers(r, Asked({"beneficial_right_id": "BR001"}, None, 2)),
        lambda r: queries.list_transfers(r, Asked({"trade_id": "TRD-HIDDEN"})),
        lambda r: queries.list_transfers(
            r, Asked(cursor=queries.list_transfers(r, Asked(limit=1)).next, limit=1)
        ),
        lambda r: queries.list_tokens(r, Asked(limit=1)),
        lambda r: queries.list_tokens(r, Asked({"investor_id": "INV-HIDDEN"})),
        lambda r: queries.list_holdings(r, Asked(limit=1)),
        lambda r: queries.list_custody(r, Asked()),
        lambda r: queries.list_account_keys(r, Asked()),
        lambda r: queries.read_register(r, "BR001", When(), Asked()),
        lambda r: queries.read_register(r, "BR002", When(), Asked()),
        lambda r: queries.read_register(r, "BR003", When(dt.date(2025, 9, 1)), Asked()),
        lambda r: queries.read_statement(r, "INV-HIDDEN", Asked()),
        lambda r: queries.read_statement(r, "INV001", Asked()),
        *(lambda r, t=t: disclosure.read_transaction(r, t) for t in txids),
    ]
    answers = []
    with reading(network.engine) as session:
        for ask in asks:
            reader = Reader(session, GATEWAY, network.rules, network.actor(member))
            try:
                answer = ask(reader)
            except (LedgerError, Denied) as error:
                answer = [type(error).__name__, str(error)]
            answers.append(msgspec.json.encode(answer))
    return b"\n".join(answers)


def hidden_world(network: TestNetwork) -> str:
    """Transfers, customers and tokens that custody-a and trust-a may not see."""
    network.customer("direct-a", "INV-HIDDEN")
    network.do("trust-b", "BR002", "", "INV-HIDDEN", 10, trade_id="TRD-HIDDEN")
    return network.do("direct-a", "BR002", "INV-HIDDEN", "INV004", 3).txid


@pytest.mark.parametrize("member", ["custody-a", "trust-a", "entrusted-a", "custody-b"])
def test_what_is_hidden_changes_no_byte_of_any_answer(network: TestNetwork, member: str):
    known = network.do("custody-a", "BR001", "INV001", "INV002", 1).txid
    absent = "ab" * 32
    before = everything(network, member, (known, absent))
    hidden = hidden_world(network)
    assert everything(network, member, (known, absent)) == before
    after = everything(network, member, (known, hidden))
    assert after.replace(hidden.encode(), absent.encode()) == before


def test_what_a_former_holder_does_elsewhere_changes_nothing_for_its_registrar(
    network: TestNetwork,
):
    """trust-a has its statement, whoever keeps the registers of what it trades since."""
    network.customer("direct-a", "INV-FORMER")
    network.do("trust-a", "BR001", "", "INV-FORMER", 7)
    network.do("trust-a", "BR001", "INV-FORMER", "", 7)

    def statement() -> bytes:
        with reading(network.engine) as session:
            reader = Reader(session, GATEWAY, network.rules, network.actor("trust-a"))
            return msgspec.json.encode(queries.read_statement(reader, "INV-FORMER", Asked()))

    before = statement()
    assert [c["quantity"] for c in msgspec.json.decode(before)["changes"]] == [7, 0]
    assert msgspec.json.decode(before)["holdings"] == []
    network.do("trust-b", "BR002", "", "INV-FORMER", 9)
    network.do("direct-a", "BR002", "INV-FORMER", "INV004", 2)
    assert statement() == before


def test_what_comes_in_between_changes_no_cursor(engine: Engine):
    """The same visible rows, with and without hidden rows between them, give the same pages."""
    network = standard(engine)
    network.customer("direct-a", "INV-HIDDEN")
    seen = []
    network.do("trust-b", "BR002", "", "INV-HIDDEN", 10)
    first = network.do("trust-a", "BR001", "", "INV001", 5)
    network.do("direct-a", "BR002", "INV-HIDDEN", "INV004", 3)
    network.do("trust-a", "BR001", "", "INV001", 6)
    with reading(network.engine) as session:
        reader = Reader(session, GATEWAY, network.rules, network.actor("custody-a"))
        page = queries.list_transfers(reader, Asked(limit=1))
        name = GATEWAY._pseudonyms.open_cursor("custody-a", "transfer", page.next)
        seen = [page.items[0].transfer_txid, 0]
    network.submissions.close()
    assert name == seen  # the cursor holds the visible TxID and place, and nothing else
    assert first.txid != seen[0]


def test_one_company_cannot_read_the_other_companies_statements(network: TestNetwork):
    network.say("direct-a", d.CUSTODY_KIND, d.CustodyTaken((d.CustodyItem("INV-X", "direct-a"),)))
    with reading(network.engine) as session:
        assert isinstance(session, Session)
        reader = Reader(session, GATEWAY, network.rules, network.actor("custody-a"))
        listed = queries.list_custody(reader, Asked()).items
    assert "INV-X" not in {row.investor_id for row in listed}
