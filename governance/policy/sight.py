"""Who could see a thing on a day, found offline: the audited log, texts of rules, relations."""

import datetime as dt
from pathlib import Path

import msgspec

from governance.anchors import Anchors
from governance.audit import make_auditor, open_reader
from governance.auditing.documents import Documents
from governance.auditing.entries import Entry
from governance.decisions.network import NetworkState
from governance.decisions.replay import open_with
from governance.errors import ReceiptsWrong, ReplayDiffers
from governance.policy.reading import JAPAN
from governance.policy.relations import RELATIONS_KIND, Could, Day, Relations, who_could
from ledger.errors import LedgerError
from ledger.log.sources import Source
from ledger.statements import read_envelope, read_statement
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set


class Sight(msgspec.Struct, frozen=True):
    """Who could see a thing.

    Args:
        named: whether `could` is about the members that the thing names; else about everyone whom
            rules and roles let see such a thing, if it were theirs.
        could: who, how, from which entry on.
        missing: rule sets that were in force and whose text was not given.
    """

    named: bool
    could: tuple[Could, ...]
    missing: tuple[str, ...]


def derive_sight(
    source: Source,
    anchors: Anchors,
    asked: tuple[str, str],
    day: dt.date | None,
    documents: Path | None,
    relations: bytes | None,
) -> Sight:
    """Return who could see a thing on a day in Japan, or at the log's end.

    Args:
        source: the log; audited whole on the way.
        anchors: what is trusted.
        asked: the resource and the id.
        day: which; None for the log's end.
        documents: folder with texts of rule sets.
        relations: the network's statement of whom the thing names, if it was asked for.

    Raises:
        LogWrong, ReplayDiffers, EntryWrong: the log is not what it must be.
        ReceiptsWrong: the relations are of another thing, or the network did not say them.
    """
    collected = Day(day, JAPAN)

    def listen(entry: Entry, state: NetworkState) -> None:
        collected.take(entry.index, state)

    auditor = make_auditor(anchors, documents, listener=listen)
    reader = open_reader(source, anchors)
    for first, entries in reader.bundles(reader.checkpoint().checkpoint, 0, None):
        auditor.take_all(first, entries)
    state = auditor.finish()
    named = None if relations is None else _open(relations, asked, state)
    moments = collected.moments()
    texts = Documents(documents)
    compiled = {
        digest: _compile(texts.find(digest))
        for digest in dict.fromkeys(m.state.parameters.rule_set for m in moments)
    }
    could = who_could(moments, compiled.get, *asked, named)
    missing = tuple(sorted(digest for digest, rules in compiled.items() if rules is None))
    return Sight(named is not None, tuple(could), missing)


def _compile(text: bytes | None) -> CompiledRules | None:
    return None if text is None else compile_rules(parse_rule_set(text.decode()))


def _open(said: bytes, asked: tuple[str, str], state: NetworkState) -> Relations:
    """Return what the network said of whom the thing names.

    Raises:
        ReceiptsWrong: it is of another thing or network, or no key of the service signed it.
    """
    (key,) = state.service_keys.values()
    try:
        envelope = read_envelope(said)
        statement = read_statement(envelope, RELATIONS_KIND, Relations)
        open_with(envelope, said, statement, key)
    except (LedgerError, ReplayDiffers) as error:
        raise ReceiptsWrong(f"the network did not say these relations: {error}") from error
    body = statement.body
    if statement.network != state.network or (body.resource, body.id) != asked:
        raise ReceiptsWrong(f"the relations are those of {body.resource} {body.id}")
    return body
