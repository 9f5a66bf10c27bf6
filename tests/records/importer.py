"""A process that works on an import until it is finished or killed: `importer.py URL ID`."""

import sys

from ledger.database import connect, writing
from ledger.records import imports
from ledger.records.import_work import work
from ledger.records.keeping import Clerk
from policies.actors import Actor
from policies.compilation import compile_rules
from policies.engine import parse_rule_set, shipped_text
from tests.records.conftest import AT, MASTER
from tests.records.simulated import KnownLedger


def main(url: str, import_id: str) -> None:
    rules = compile_rules(parse_rule_set(shipped_text()))
    clerk = Clerk(Actor("custody-a", frozenset({"custodian"})), rules, MASTER, AT)
    engine = connect(url)
    print("ready", flush=True)
    while True:
        with writing(engine) as session:
            state = work(session, clerk, KnownLedger(), import_id, batch=50)
        if state.status not in imports.UNFINISHED:
            break
    print(state.status, state.rows_written, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
