"""What this process measures of itself, and the incidents that follow from it.

Counters live in the process: each process judges what it answered itself, since its last look.
An incident is opened once, whoever sees it first.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.metrics import MetricWrapperBase
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from governance import observation
from governance.decisions.network import NetworkState
from governance.incidents.checks import Measurements, Thresholds, judge
from governance.incidents.services import IncidentServices
from governance.incidents.store import unclosed
from governance.incidents.watching import keep_deadlines, observe
from ledger.database import reading, writing
from ledger.log.store import last_checkpoint, log_size
from policies.compilation import CompiledRules

SUBMISSION = "/v1/ledger/transactions"
"""The route whose answers wait for the notary."""

SLOW_SHARE = 0.95
"""A submission slower than this share of all stands for how slow the notary is."""

FIRST_FAILURE = 500
"""From this HTTP status on an answer is the server's own failure."""


Signs = Callable[[Session, NetworkState, dt.datetime], Mapping[str, dt.datetime]]


class Watch:
    """Looks at one process and at the log.

    Args:
        database: where incidents are kept.
        services: what incidents need.
        rules: returns the access rules in force.
        network: returns the network now.
        short_of_witnesses: returns for how long, at a time, too few witnesses cosign; None where
            another process publishes.
        thresholds: from when on something is an incident.
        signs: returns since when nothing was heard of each node; None where nodes are not watched.
    """

    def __init__(
        self,
        database: Engine,
        services: IncidentServices,
        rules: Callable[[], CompiledRules],
        network: Callable[[], NetworkState],
        short_of_witnesses: Callable[[dt.datetime], dt.timedelta | None] = lambda _: None,
        thresholds: Thresholds | None = None,
        signs: Signs | None = None,
    ) -> None:
        self._database = database
        self._services = services
        self._rules = rules
        self._network = network
        self._short_of_witnesses = short_of_witnesses
        self._thresholds = thresholds or Thresholds()
        self._signs = signs
        self._answers = _answers()
        self._durations = _durations()
        self._faults = _faults()

    def look(self, at: dt.datetime) -> None:
        """Measure, open and follow incidents, keep their deadlines.

        Writes only when something is unwell or some incident lives: a healthy, quiet network
        takes no writer's lock here.
        """
        with reading(self._database) as session:
            findings = judge(self.measure(session, at), at, self._thresholds)
            living = unclosed(session)
        if not living and all(finding.healthy for finding in findings):
            return
        rules = self._rules()
        with writing(self._database) as session:
            observe(session, self._services, rules, findings, at)
            keep_deadlines(session, self._services, rules, at)

    def measure(self, session: Session, at: dt.datetime) -> Measurements:
        """Return what was measured since the last look."""
        answers, durations, faults = _answers(), _durations(), _faults()
        network = self._network()
        new = {status: count - self._answers.get(status, 0) for status, count in answers.items()}
        slow = _quantile(
            {bound: count - self._durations.get(bound, 0) for bound, count in durations.items()}
        )
        traps = {name: int(n - self._faults.get(name, 0)) for name, n in faults.items()}
        self._answers, self._durations, self._faults = answers, durations, faults
        return Measurements(
            checkpoint_age=_checkpoint_age(session, at),
            notary_seconds=slow,
            requests=int(sum(new.values())),
            errors=int(sum(n for status, n in new.items() if status >= FIRST_FAILURE)),
            traps=traps,
            owners={key: network.contracts[key].owner for key in traps if key in network.contracts},
            silent=self._signs(session, network, at) if self._signs else {},
            freezes={key: contract.frozen_until for key, contract in network.contracts.items()},
            certificates=_certificates(network, at),
            witnesses_short=self._short_of_witnesses(at),
        )


def _checkpoint_age(session: Session, at: dt.datetime) -> dt.timedelta:
    checkpoint = last_checkpoint(session)
    if checkpoint is None or checkpoint.size >= log_size(session):
        return dt.timedelta()
    return at - checkpoint.published_at


def _certificates(network: NetworkState, at: dt.datetime) -> dict[str, dt.datetime]:
    """Return when the last certificate of each able member ends."""
    return {
        member.id: max(c.not_after for c in member.certificates if c.valid(at))
        for member in network.members.values()
        if member.able(at)
    }


def _faults() -> dict[str, float]:
    """Return how many transactions ended in a fault of the code here, by contract version."""
    return {
        labels["contract"]: value
        for labels, value in _samples(observation.CONTRACT_FAULTS, "_total")
    }


def _answers() -> dict[int, float]:
    """Return how many answers this process gave, by status."""
    found: dict[int, float] = {}
    for labels, value in _samples(observation.REQUESTS, "_total"):
        status = int(labels["status"])
        found[status] = found.get(status, 0) + value
    return found


def _durations() -> dict[float, float]:
    """Return how many submissions took at most so many seconds, by upper bound."""
    return {
        float(labels["le"]): value
        for labels, value in _samples(observation.SECONDS, "_bucket")
        if labels["route"] == SUBMISSION
    }


def _samples(metric: MetricWrapperBase, suffix: str) -> Iterable[tuple[dict[str, str], float]]:
    for family in metric.collect():
        for sample in family.samples:
            if sample.name.endswith(suffix):
                yield sample.labels, sample.value


def _quantile(buckets: dict[float, float]) -> float:
    """Return the upper bound, in seconds, below which the slow share of durations stays."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0
    if not total:
        return 0
    finite = [bound for bound in bounds if bound != float("inf")]
    reached = (bound for bound in finite if buckets[bound] >= SLOW_SHARE * total)
    return next(reached, finite[-1] * 2 if finite else 0)
