"""Who decides what, in words: the voting rules as the page that administrators read."""

from governance.decisions.actions import ACTION_TYPES, kind_of
from governance.decisions.voting_rules import Procedure, Seat, VotingRules

_COUNTS = {
    "one": "one of",
    "majority": "a majority of",
    "two_thirds": "two thirds of",
    "all": "every one of",
}
_AS_FAR = {
    "": "",
    "existing": ", as far as there are any enrolled",
    "able": ", as far as there are any with a valid key",
}


def who_decides_what(rules: VotingRules) -> str:
    """Return the tables of actions, procedures and groups, in Markdown."""
    lines = ["## Actions", "", "| Action | What it does | Procedure |", "| --- | --- | --- |"]
    for action_type in ACTION_TYPES:
        what = (action_type.__doc__ or "").strip().splitlines()[0]
        kind = kind_of(action_type)
        lines.append(f"| `{kind}` | {what} | {rules.actions[kind]} |")
    lines += ["", "## Procedures", ""]
    for name, procedure in sorted(rules.procedures.items()):
        lines += _procedure(name, procedure)
    lines += ["## Groups", "", "| Group | Roles |", "| --- | --- |"]
    lines += [f"| {name} | {', '.join(roles)} |" for name, roles in sorted(rules.groups.items())]
    lines += ["", f"An emergency freeze holds for {rules.freeze_hours} hours unless confirmed.", ""]
    return "\n".join(lines)


def _procedure(name: str, procedure: Procedure) -> list[str]:
    lines = [f"### {name}", "", "| Seat | Approval of |", "| --- | --- |"]
    lines += [f"| {seat.name} | {_seat(seat)} |" for seat in procedure.seats]
    lines += ["", f"- may be proposed by: {', '.join(procedure.proposers)}"]
    lines.append(f"- open for {procedure.expires_after_hours} hours")
    if procedure.reject_at:
        lines.append(f"- rejected as soon as {procedure.reject_at} organisations reject it")
    else:
        lines.append("- rejected as soon as rejections leave a seat that cannot be filled")
    if procedure.veto_hours:
        lines.append(f"- takes effect {procedure.veto_hours} hours after it is carried")
    if procedure.alone:
        lines.append("- one organisation may suffice")
    return [*lines, ""]


def _seat(seat: Seat) -> str:
    text = f"{_COUNTS[seat.count]} {seat.of}{_AS_FAR[seat.as_far_as]}"
    if seat.other_than:
        text += f"; another organisation than the {seat.other_than}"
    if seat.not_owner:
        text += "; not the contract's owner"
    if seat.not_subject:
        text += "; not the member that it is about"
    return text
