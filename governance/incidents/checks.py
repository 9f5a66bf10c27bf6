"""When measurements make an incident: thresholds and the findings that follow. Pure."""

import datetime as dt
from collections.abc import Iterator, Mapping

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """What one check found of one thing.

    Args:
        kind: the kind of incident that it would be.
        about: what was checked.
        concerns: the member whose it is; empty where it is the network's.
        healthy: whether all is well.
        detail: what was measured, for people.
    """

    kind: str
    about: str
    concerns: str
    healthy: bool
    detail: str


class Thresholds(msgspec.Struct, frozen=True):
    """From when on something is an incident.

    Args:
        checkpoint_age: age of the newest checkpoint while entries wait.
        notary_seconds: time that the slowest twentieth of notarisations takes.
        error_percent: answers with status 5xx among all, in per cent.
        fewest_requests: answers below which the share says nothing.
        node_silence: since a node was last heard of.
        freeze_notice: before a contract's freeze ends by itself.
        certificate_notice: before a member's last certificate ends.
        witness_silence: since too few witnesses cosign.
    """

    checkpoint_age: dt.timedelta = dt.timedelta(minutes=5)
    notary_seconds: int = 10
    error_percent: int = 5
    fewest_requests: int = 20
    node_silence: dt.timedelta = dt.timedelta(minutes=10)
    certificate_notice: dt.timedelta = dt.timedelta(days=5)
    freeze_notice: dt.timedelta = dt.timedelta(hours=12)
    witness_silence: dt.timedelta = dt.timedelta(minutes=1)


class Measurements(msgspec.Struct, frozen=True):
    """What was measured since the last look.

    Args:
        checkpoint_age: age of the newest checkpoint if entries wait for one, else zero.
        notary_seconds: the 95th percentile of notarisations, in seconds.
        requests: answers given.
        errors: those with status 5xx.
        traps: contract `name@version` → verdicts that were a fault of the code or out of gas.
        owners: contract `name@version` → the member that owns it.
        silent: `member/node` → since when nothing was heard of it.
        freezes: contract `name@version` → when its freeze ends by itself; None without one.
        certificates: member → when its last certificate ends.
        witnesses_short: for how long too few witnesses cosign, zero while enough do; None where
            another process publishes and measures it.
    """

    checkpoint_age: dt.timedelta = dt.timedelta()
    notary_seconds: float = 0
    requests: int = 0
    errors: int = 0
    traps: Mapping[str, int] = msgspec.field(default_factory=dict)
    owners: Mapping[str, str] = msgspec.field(default_factory=dict)
    silent: Mapping[str, dt.datetime] = msgspec.field(default_factory=dict)
    freezes: Mapping[str, dt.datetime | None] = msgspec.field(default_factory=dict)
    certificates: Mapping[str, dt.datetime] = msgspec.field(default_factory=dict)
    witnesses_short: dt.timedelta | None = None


def judge(
    measured: Measurements, at: dt.datetime, thresholds: Thresholds | None = None
) -> list[Finding]:
    """Return what the measurements say of everything that was measured, well or not."""
    limits = thresholds or Thresholds()
    share = 100 * measured.errors / measured.requests if measured.requests else 0
    enough = measured.requests >= limits.fewest_requests
    age = int(measured.checkpoint_age.total_seconds())
    return [
        Finding(
            "checkpoint_late",
            "the log",
            "",
            measured.checkpoint_age <= limits.checkpoint_age,
            f"the newest checkpoint is {age} s old and entries wait",
        ),
        Finding(
            "notary_slow",
            "the notary",
            "",
            measured.notary_seconds <= limits.notary_seconds,
            f"one in twenty notarisations takes {measured.notary_seconds:.1f} s or more",
        ),
        Finding(
            "api_errors",
            "the API",
            "",
            not enough or share <= limits.error_percent,
            f"{measured.errors} of {measured.requests} answers were errors of the server",
        ),
        *_about_witnesses(measured, limits),
        *_about_freezes(measured, at, limits),
        *_about_members(measured, at, limits),
    ]


def _about_witnesses(measured: Measurements, limits: Thresholds) -> Iterator[Finding]:
    short = measured.witnesses_short
    if short is not None:
        well = short <= limits.witness_silence
        seconds = int(short.total_seconds())
        detail = f"for {seconds} s too few witnesses cosign: no checkpoint is shown"
        yield Finding("checkpoint_late", "the witnesses", "", well, detail)


def _about_freezes(
    measured: Measurements, at: dt.datetime, limits: Thresholds
) -> Iterator[Finding]:
    for contract, end in sorted(measured.freezes.items()):
        well = end is None or end - at > limits.freeze_notice
        when = end.isoformat() if end else "never"
        detail = f"the freeze ends by itself {when}: confirm it, or let the version go on"
        yield Finding("freeze_expiring", contract, "", well, detail)


def _about_members(
    measured: Measurements, at: dt.datetime, limits: Thresholds
) -> Iterator[Finding]:
    for contract, count in sorted(measured.traps.items()):
        detail = f"{count} transactions ended in a fault of the code"
        owner = measured.owners.get(contract, "")
        yield Finding("contract_trap", contract, owner, count == 0, detail)
    for node, since in sorted(measured.silent.items()):
        well = at - since <= limits.node_silence
        detail = f"nothing heard of it since {since.isoformat()}"
        yield Finding("node_unreachable", node, node.partition("/")[0], well, detail)
    for member, end in sorted(measured.certificates.items()):
        well = end - at > limits.certificate_notice
        detail = f"the last certificate ends {end.isoformat()}"
        yield Finding("certificate_expiring", member, member, well, detail)
