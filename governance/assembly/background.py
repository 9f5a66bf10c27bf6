"""What the process does by itself: checkpoints, certificates, due decisions, gates, metrics.

Several processes may run; whoever holds the log's state file publishes, everyone else waits for
its turn. What the others do too is safe to be done by several: claims and locks are the
database's.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from contracts.errors import ContractError
from contracts.jobs import run_pending_gates
from governance import observation
from governance.assembly.anchors import log_signer
from governance.assembly.network import Network
from governance.assembly.publishing import Publishing
from governance.assembly.receipts import Receipts
from governance.assembly.services import utc_now
from governance.assembly.silence import last_signs
from governance.assembly.watch import Watch
from governance.decisions import folding
from governance.decisions.liveness import forecast
from governance.decisions.network import MemberStatus, NetworkState
from governance.decisions.recording import settle
from governance.errors import GovernanceError
from governance.identity.authority import resume
from governance.incidents.checks import Thresholds
from governance.membership.renewals import expiring, renew_hosted
from ledger.database import reading, writing
from ledger.errors import LedgerError
from ledger.log.store import last_checkpoint, log_size

BEAT = 0.25
"""Seconds between two looks at what is due."""

METRICS_BEAT = 10.0
RENEWAL_BEAT = 3600.0
"""Seconds between two looks whether a hosted node, or the service key, is due for renewal."""

HORIZON = dt.timedelta(days=60)
"""How far ahead expiries that would cost a quorum are looked for."""

DAY = 86_400
STOP_PATIENCE = 30.0
"""Seconds to wait for a thread that is to stop."""

_log = structlog.get_logger()


class Background:
    """The background threads of one process; a context manager."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._stop = threading.Event()
        self._publishing = Publishing(
            network.database,
            log_signer(network.settings, network.keys),
            network.settings,
        )
        self._receipts = Receipts(
            network.database, network.governance.authority.herald, network.ledger.notes, utc_now
        )
        self._next_renewal = 0.0
        self._watch = Watch(
            network.database,
            network.governance.incidents,
            network.view.rules,
            network.view.state,
            self._publishing.short_of_witnesses,
            Thresholds(node_silence=dt.timedelta(minutes=network.settings.node_silence)),
            last_signs if network.settings.node_silence else None,
        )
        self._threads = [
            threading.Thread(target=self._loop, args=(name, work, beat), name=name, daemon=True)
            for name, work, beat in (
                ("publisher", self._publish, BEAT),
                ("decisions", self._decide, BEAT),
                ("gates", self._gates, BEAT),
                ("metrics", self._measure, METRICS_BEAT),
                ("incidents", self._watch_over, METRICS_BEAT),
            )
        ]

    def start(self) -> None:
        """Open the log, finish what a killed process left, then start the threads.

        Raises:
            LogRolledBack, LogForked, LogStateInvalid: the database is not the one that was signed.
        """
        self._publishing.open()
        resume(self._network.database, self._network.governance.authority, utc_now())
        self._receipts.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the threads finish what they are at."""
        self._stop.set()
        for thread in self._threads:
            thread.join(STOP_PATIENCE)
        self._receipts.stop()
        self._publishing.finish(utc_now())

    def states(self) -> dict[str, str]:
        """Return the state of each part: `ok`, or what is wrong."""
        states = {"database": "ok", "sandbox": "ok", "background": "ok"}
        try:
            with reading(self._network.database) as session:
                log_size(session)
        except SQLAlchemyError:
            states["database"] = "does not answer"
        if not self._network.pools.alive():
            states["sandbox"] = "no worker runs"
        if not all(thread.is_alive() for thread in self._threads):
            states["background"] = "a thread has stopped"
        return states

    def _loop(self, name: str, work: Callable[[], None], beat: float) -> None:
        while not self._stop.is_set():
            try:
                work()
            except (GovernanceError, ContractError, LedgerError, SQLAlchemyError, OSError) as error:
                _log.warning("background work failed; it goes on", work=name, error=str(error))
                self._stop.wait(beat * 4)
            except Exception:  # noqa: BLE001 - a thread that ends is worse than a fault in the log
                _log.exception("background work failed unexpectedly; it goes on", work=name)
                self._stop.wait(beat * 40)
            self._stop.wait(beat)

    def _publish(self) -> None:
        self._publishing.publish(utc_now())

    def _decide(self) -> None:
        network, at = self._network, utc_now()
        resume(network.database, network.governance.authority, at)
        if time.monotonic() >= self._next_renewal:
            self._next_renewal = time.monotonic() + RENEWAL_BEAT
            with writing(network.database) as session:
                renew_hosted(session, network.governance.authority, at)
                due = expiring(session, at)
            for found in due:
                _log.warning(
                    "a certificate is due for renewal",
                    member=found.member_id,
                    node=found.node,
                    until=found.not_after.isoformat(),
                )
        if folding.due(network.view.state(), at) is not None:
            with writing(network.database) as session:
                settle(session, network.governance.decisions, at)

    def _gates(self) -> None:
        run_pending_gates(self._network.database, self._network.contracts, utc_now, most=1)

    def _watch_over(self) -> None:
        self._watch.look(utc_now())

    def _measure(self) -> None:
        network, at = self._network, utc_now()
        observation.forget_dead_processes()
        with reading(network.database) as session:
            size, checkpoint = log_size(session), last_checkpoint(session)
        observation.LOG_SIZE.set(size)
        behind = checkpoint is None or checkpoint.size < size
        age = (at - checkpoint.published_at).total_seconds() if checkpoint and behind else 0.0
        observation.CHECKPOINT_AGE.set(age)
        observation.QUEUE_LENGTH.set(network.ledger.submissions.waiting())
        observe_expiries(network)


def observe_expiries(network: Network) -> None:
    """Set the gauges of certificates and quorums."""
    state, at = network.view.state(), utc_now()
    shortfalls: dict[tuple[str, ...], float] = {}
    for shortfall in forecast(state, at, at + HORIZON):
        for action in shortfall.actions:
            shortfalls.setdefault((action,), (shortfall.at - at).total_seconds() / DAY)
    observation.quorum_days.show(shortfalls)
    ends = certificate_ends(state).items()
    observation.certificate_days.show(
        {place: (moment - at).total_seconds() / DAY for place, moment in ends}
    )


def certificate_ends(state: NetworkState) -> dict[tuple[str, str], dt.datetime]:
    """Return when the newest certificate of each node ends, or ended.

    Revoked ones do not count, nor does who is no longer a member.
    """
    ends: dict[tuple[str, str], dt.datetime] = {}
    for member in state.members.values():
        if member.status not in (MemberStatus.ACTIVE, MemberStatus.SUSPENDED):
            continue
        for certificate in member.certificates:
            if certificate.revoked_at is None:
                place = member.id, certificate.node
                ends[place] = max(certificate.not_after, ends.get(place, certificate.not_after))
    return ends
