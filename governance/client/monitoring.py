"""What a member is told about the log that it follows: anything that concerns it.

The monitor audits every new entry as `governance.audit` does, and compares the network before and
after each one from the member's side: its certificates, standing, roles and votes to cast, the
contracts that it owns or uses, incidents at its nodes, and rules that reveal what it sees.
"""

import datetime as dt
from collections.abc import Callable, Iterator

import msgspec

from governance.anchors import Anchors
from governance.audit import make_auditor
from governance.auditing.entries import Entry
from governance.decisions import statements as said
from governance.decisions.actions import (
    Action,
    AdoptRuleSet,
    ContractAction,
    contract_key,
    kind,
    subject,
)
from governance.decisions.network import Member, NetworkState, OpenProposal
from governance.decisions.voting import standing
from governance.identity.announcements import CertificateIssued, CertificateRevoked
from governance.incidents.statements import REPORT, Report
from ledger.statements import read_statement
from policies.compilation import compile_rules
from policies.differences import Direction, compare_rules
from policies.engine import parse_rule_set

Texts = Callable[[str], bytes | None]
"""Returns the text of a rule set by its digest, or None if it cannot be had."""


class Notice(msgspec.Struct, frozen=True):
    """Something in the log that concerns the member.

    Args:
        index: the entry.
        about: `certificate`, `membership`, `proposal`, `contract`, `rules`, `parameters` or
            `incident`.
        text: what happened, in a sentence.
    """

    index: int
    about: str
    text: str


class Monitor:
    """Follows one log for one member.

    Args:
        anchors: what the member pinned.
        member: whose concern it is.
        texts: where texts of rule sets are found.
    """

    def __init__(self, anchors: Anchors, member: str, texts: Texts) -> None:
        self._member = member
        self._texts = texts
        self._before: NetworkState | None = None
        self._notices: list[Notice] = []
        self._auditor = make_auditor(anchors, listener=self._listen)

    def take(self, index: int, data: bytes) -> list[Notice]:
        """Audit the entry at `index`; return what of it concerns the member.

        Raises:
            EntryWrong, ReplayDiffers: it is not what must stand there.
        """
        self._notices = []
        self._auditor.take(index, data)
        return self._notices

    def _listen(self, entry: Entry, after: NetworkState) -> None:
        before, self._before = self._before, after
        pairs = [*self._said(entry)]
        if before is not None and before is not after:
            pairs += self._changed(before, after)
        self._notices = [Notice(entry.index, about, text) for about, text in pairs]

    def _said(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """Yield what statements outside of governance say about the member."""
        if entry.envelope is None:
            return
        if entry.kind == "certificate":
            issued = read_statement(entry.envelope, entry.kind, CertificateIssued).body
            if issued.member_id == self._member:
                what = f"certificate {issued.serial} for key {issued.key_id}"
                yield "certificate", f"{what} was issued to your node {issued.node}"
        elif entry.kind == "revocation":
            revoked = read_statement(entry.envelope, entry.kind, CertificateRevoked).body
            if revoked.member_id == self._member:
                reason = revoked.reason
                yield "certificate", f"your certificate {revoked.serial} was revoked: {reason}"
        elif entry.kind == REPORT:
            report = read_statement(entry.envelope, entry.kind, Report).body
            if report.concerns == self._member:
                yield "incident", f"{report.kind} at {report.about}: {report.summary}"
        elif entry.kind == said.DECISION:
            yield from self._decided(entry)

    def _decided(self, entry: Entry) -> Iterator[tuple[str, str]]:
        if entry.envelope is None or self._before is None:
            return
        decision = read_statement(entry.envelope, entry.kind, said.Decision).body
        mine = [seat for seat in decision.seats if self._member in (*seat.approved, *seat.rejected)]
        if mine:
            outcome = ": ".join(filter(None, (decision.outcome, "; ".join(decision.reasons))))
            yield "proposal", f"{decision.proposal}, on which you voted, is {outcome}"

    def _changed(self, before: NetworkState, after: NetworkState) -> Iterator[tuple[str, str]]:
        was, now = before.members.get(self._member), after.members.get(self._member)
        yield from _membership(was, now)
        for key, proposal in after.proposals.items():
            if key not in before.proposals:
                yield from self._proposed(proposal, after)
        yield from self._contracts(before, after)
        if before.parameters != after.parameters:
            version = after.parameters.version
            yield "parameters", f"version {version} of the network parameters is in force"
        old, new = before.parameters.rule_set, after.parameters.rule_set
        if old != new and now is not None:
            yield "rules", f"the rule set {new} is in force; {self._reveals(old, new, now)}"

    def _proposed(self, proposal: OpenProposal, state: NetworkState) -> Iterator[tuple[str, str]]:
        me = state.members.get(self._member)
        for action in proposal.actions:
            text = f"{proposal.author} proposes {kind(action)} ({proposal.id})"
            if subject(action) == self._member:
                yield "proposal", f"{text}: it is about you"
            elif isinstance(action, ContractAction) and self._uses(action.name, state):
                yield "contract", f"{text}: {contract_key(action.name, action.version)}"
            elif isinstance(action, AdoptRuleSet) and me is not None:
                old, new = state.parameters.rule_set, action.rule_set
                reveals = self._reveals(old, new, me, action.difference)
                yield "rules", f"{text}: {new}; {reveals}"
            if me is not None and self._may_vote(proposal.actions, me, state):
                yield "proposal", f"{text}: you have a vote"

    def _may_vote(self, actions: tuple[Action, ...], me: Member, state: NetworkState) -> bool:
        return any(not standing(state, actions, me, role) for role in me.roles)

    def _uses(self, name: str, state: NetworkState) -> bool:
        owns = any(c.owner == self._member for c in state.contracts.values() if c.name == name)
        return owns or self._member in state.contract_users.get(name, ())

    def _contracts(self, before: NetworkState, after: NetworkState) -> Iterator[tuple[str, str]]:
        for key, contract in after.contracts.items():
            known = before.contracts.get(key)
            if contract != known and self._uses(contract.name, after):
                was = "" if known is None else f", it was {known.status}"
                yield "contract", f"{key} is {contract.status}{was}"

    def _reveals(self, old: str, new: str, me: Member, named: str | None = None) -> str:
        """Say what other rules reveal of what this member's counterparts and it see.

        And whether a proposal `named` another difference than this one.
        """
        texts = self._texts(old), self._texts(new)
        if texts[0] is None or texts[1] is None:
            return "what it reveals cannot be told: its text is not to be had"
        first, second = (compile_rules(parse_rule_set(text.decode())) for text in texts if text)
        difference = compare_rules(first, second)
        warning = "" if named in {None, difference.digest} else f"IT NAMES ANOTHER, {named}: "
        changes = difference.changes
        shown = [c for c in changes if c.direction is Direction.REVEALS or c.role in me.roles]
        if not shown:
            return f"{warning}it reveals nothing, and hides nothing from your roles"
        return warning + "; ".join(" ".join(str(change).split()) for change in shown)


def _membership(was: Member | None, now: Member | None) -> Iterator[tuple[str, str]]:
    if now is None:
        return
    if was is None:
        yield "membership", f"you are a member, as {', '.join(sorted(now.roles))}"
        return
    if was.status is not now.status:
        yield "membership", f"your membership is {now.status}; it was {was.status}"
    if was.roles != now.roles:
        gained, lost = sorted(now.roles - was.roles), sorted(was.roles - now.roles)
        yield "membership", f"your roles changed: gained {gained}, lost {lost}"
    if was.legal_name != now.legal_name:
        yield "membership", f"your legal name is {now.legal_name}"
    if was.sponsor != now.sponsor:
        yield "membership", f"your sponsor is {now.sponsor}"


def metrics_text(size: int, notices: int, at: dt.datetime, *, wrong: bool) -> bytes:
    """Return metrics for the textfile collector of node_exporter.

    Args:
        size: entries that are verified.
        notices: told so far by this process.
        at: the time of the last look.
        wrong: whether the log was found to be wrong.
    """
    rows = (
        ("log_size", "gauge", "Entries of the log that are verified.", size),
        ("notices_total", "counter", "Notices given by this process.", notices),
        ("last_look_timestamp_seconds", "gauge", "When the log was looked at.", at.timestamp()),
        ("log_wrong", "gauge", "1 if the log contradicts itself or the copy.", int(wrong)),
    )
    lines = []
    for name, kind_of_metric, text, value in rows:
        full = f"sekisho_monitor_{name}"
        lines += [f"# HELP {full} {text}", f"# TYPE {full} {kind_of_metric}", f"{full} {value}"]
    return ("\n".join(lines) + "\n").encode()
