"""A process that submits transactions from two threads until it is killed.

    python -m tests.ledger.submitter DATABASE_URL SENT_FILE SEED

It writes each submission into SENT_FILE before it sends it, and says each receipt that it gets on
standard output. When it starts it first sends again what the file's end holds.
"""

import base64
import random
import sys
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import Engine

from ledger import declarations as d
from ledger.commitment import Receipt
from ledger.components import Token
from ledger.composition import Wallet, WalletToken
from ledger.database import connect, reading
from ledger.gateway import STAMP
from ledger.keys import SoftwareSigner, public_bytes
from ledger.notary import Notary
from ledger.tables import RightRow, UnspentRow
from tests.ledger.network import MEMBERS, TestNetwork

CUSTOMERS = {"custody-a": ("INV001", "INV002"), "direct-a": ("INV003", "INV004")}
RESENT = 12


def known_signer(name: str) -> SoftwareSigner:
    """Return the same key at every start: its scalar is made of its name."""
    scalar = int.from_bytes(name.encode().rjust(16, b"\x01"), "big")
    return SoftwareSigner(ec.derive_private_key(scalar, ec.SECP256R1()))


def network(engine: Engine) -> TestNetwork:
    """Return the network on `engine`, founded at the first call."""
    made = TestNetwork(engine)
    made.keys.signers = {name: known_signer(name) for name in MEMBERS}
    made.keys.known.clear()
    notary = Notary("platform", made.keys.signers["platform"])
    msgspec.structs.force_setattr(made.judges, "notary", notary)
    everyone = [name for names in CUSTOMERS.values() for name in names]
    made.accounts = {name: known_signer(name) for name in everyone}
    with reading(engine) as session:
        founded = session.scalar(sa.select(RightRow.contract).limit(1), execution_options=STAMP)
    if founded is None:
        made.right("BR001")
        for custodian, customers in CUSTOMERS.items():
            items = tuple(d.CustodyItem(i, custodian) for i in customers)
            made.say(custodian, d.CUSTODY_KIND, d.CustodyTaken(items))
            spkis = ((i, public_bytes(made.accounts[i].public_key())) for i in customers)
            said = d.AccountKeys(tuple(d.AccountKey(i, spki) for i, spki in spkis))
            made.say(custodian, d.KEYS_KIND, said)
        made.session()
    return made


def unspent(engine: Engine) -> Iterator[WalletToken]:
    """Yield every token that may be spent."""
    query = sa.select(UnspentRow.__table__)
    with reading(engine) as session:
        for row in session.connection().execute(query, execution_options=STAMP):
            token = Token(row.token_id, row.investor_id, row.quantity, row.issuer_info)
            yield WalletToken(row.token_txid.hex(), row.output_index, row.nonce.hex(), token)


def main(url: str, sent_file: str, seed: int) -> None:
    """Submit until killed."""
    engine = connect(url)
    made = network(engine)
    lock = threading.Lock()
    path = Path(sent_file)
    if path.exists():
        for line in path.read_text(encoding="ascii").splitlines()[-RESENT:]:
            creator, _, body = line.partition(" ")
            if body.endswith("."):  # written whole
                say(made.submit(creator, base64.b64decode(body[:-1])), lock)
    tokens = list(unspent(engine))
    with path.open("a", encoding="ascii") as sent:

        def live(creator: str) -> None:
            rng = random.Random(f"{seed}{creator}")
            mine = CUSTOMERS[creator]
            wallet = Wallet(t for t in tokens if t.token.investor_id in mine)
            for number in count():
                some = [i for i in mine if wallet.balance("BR001", i)]
                giver = rng.choice(some) if some and rng.random() < 0.8 else ""
                taker = rng.choice([i for i in mine if i != giver])
                quantity = rng.randint(1, wallet.balance("BR001", giver) if giver else 50)
                author = creator if giver else "trust-a"
                order = made.instruction("BR001", giver, taker, quantity)
                trade = f"TRD-{seed}-{creator.upper()}-{number}"
                order = msgspec.structs.replace(order, trade_id=trade)
                signed = made.composer(author).execute(wallet, order)
                with lock:
                    sent.write(f"{author} {base64.b64encode(signed.data).decode()}.\n")
                    sent.flush()
                say(made.submit(author, signed.data), lock)

        threads = [threading.Thread(target=live, args=(name,)) for name in CUSTOMERS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def say(receipt: Receipt, lock: threading.Lock) -> None:
    """Say that a transaction was acknowledged."""
    with lock:
        print(receipt.txid, receipt.log_index, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
