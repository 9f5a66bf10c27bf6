"""Run as a process: issues one approved certificate and is killed by itself at a given point.

Arguments: the network's folder, the issuance's id, the point (`signing` or `signed`).
"""

import datetime as dt
import os
import signal
import sys
from pathlib import Path

from governance.identity import authority as module
from governance.identity.announcements import Herald
from governance.identity.authority import Authority, issue
from governance.identity.keystores import SealedKeyStore
from ledger.database import connect
from tests.membership.consortium import BASE_URL, MASTER_SECRET, NETWORK, START


def main(folder: str, issuance: str, point: str) -> None:
    """Issue, and die."""
    keystore = SealedKeyStore.open(Path(folder) / "keys", MASTER_SECRET)
    herald = Herald(NETWORK, "platform", keystore.signer("service"))
    engine = connect(f"sqlite:///{Path(folder) / 'network.sqlite'}")
    sign = module._sign

    def die(*arguments: object) -> object:
        if point == "signed":
            print(f"{sign(*arguments).serial_number:x}", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    module._sign = die
    at = START.astimezone(dt.UTC)
    issue(engine, Authority(keystore, herald, BASE_URL), int(issuance), at)


if __name__ == "__main__":
    main(*sys.argv[1:])
