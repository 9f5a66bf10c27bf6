"""Gate `replay`: every recorded transaction of the predecessor, judged by both versions.

A difference passes only if the manifest announces differences of that sort. A first version has
no predecessor and nothing to replay. Of recorded transactions only TxIDs are told: who may see
one looks it up.
"""

from collections.abc import Iterator

import msgspec

from contracts.gates.comparison import compare, unannounced
from contracts.gates.subjects import GateResult, Recorded, Subject

NAME = "replay"


def run(subject: Subject) -> GateResult:
    """Judge the record with both versions."""
    if subject.predecessor is None:
        return GateResult(NAME, True, "there is no predecessor", (), {"replayed": 0})
    old = subject.load(subject.predecessor.source)
    new = subject.load()
    try:
        effects = dict(subject.package.manifest.commands)
        count, differences = compare(old, new, _told(subject), effects, disclose=False)
    finally:
        old.close()
        new.close()
    faults = unannounced(differences, subject.package.manifest.changes, "recorded transactions")
    return GateResult(
        NAME,
        not faults,
        f"{count} recorded transactions, {sum(d.count for d in differences)} judged otherwise",
        tuple(faults),
        {"replayed": count, "differences": msgspec.to_builtins(differences)},
    )


def _told(subject: Subject) -> Iterator[Recorded]:
    for number, recorded in enumerate(subject.history()):
        subject.progress(NAME, number, 0)
        yield recorded
