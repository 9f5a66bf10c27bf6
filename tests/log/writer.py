"""A process that appends and publishes until it is killed; it says what it has done.

Usage: python -m tests.log.writer DATABASE_URL STATE_FILE SEED

It prints `appended FIRST END` after each commit, `shown SIZE ROOT` after each publication, and
`refused WHY` when it may not publish.
"""

import random
import sys
from pathlib import Path

from ledger.database import connect, writing
from ledger.errors import LedgerError
from ledger.log.checkpoints import Publisher
from ledger.log.sequencer import LogEntry, append
from tests.log.support import AT, note_signer


def main(url: str, state: str, seed: str) -> None:
    rng = random.Random(seed)
    engine = connect(url)
    try:
        with Publisher(engine, note_signer(), Path(state)) as publisher:
            while True:
                count = rng.choice([1, 3, 100, 300])
                with writing(engine) as session:
                    batch = [LogEntry("test", rng.randbytes(40)) for _ in range(count)]
                    added = append(session, batch)
                print("appended", added.start, added.stop, flush=True)
                if rng.random() < 0.5:
                    signed = publisher.publish(AT)
                    print("shown", signed.size, signed.root.hex(), flush=True)
    except LedgerError as error:
        print("refused", type(error).__name__, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
