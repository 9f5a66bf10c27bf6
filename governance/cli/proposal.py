"""`sekisho proposal …`: what is to be decided, and votes."""

import datetime as dt
from pathlib import Path
from typing import Any

import click
import msgspec

from governance.cli import options
from governance.cli.output import console, show_fields, show_json, show_table
from governance.cli.proposing import propose_actions, reason_option
from governance.client import governing
from governance.client.connection import Connection
from governance.decisions import actions as a
from governance.decisions.voting import Status

SHORT = 12
"""Hex digits of a proposal's digest in a table: enough to find it by."""


@click.group(cls=options.Group)
def proposal() -> None:
    """Propose, vote, and see seat by seat where a proposal stands."""


@proposal.command("list")
@options.folder
@click.option(
    "--status", type=click.Choice([status.value for status in Status]), help="Only these."
)
@options.as_json
def list_proposals(folder: Path, status: str | None, as_json: bool) -> None:
    """List proposals, newest first."""
    found = list(options.connect(folder).pages("/v1/proposals", status=status))
    if as_json:
        show_json(found)
        return
    show_table(
        "Proposals",
        ("proposal", "author", "what", "status", "opened"),
        (
            (short(p["id"]), p["author"], ", ".join(p["kinds"]), p["status"], p["opened_at"])
            for p in found
        ),
    )


@proposal.command()
@click.argument("proposal_id")
@options.folder
@options.as_json
def show(proposal_id: str, folder: Path, as_json: bool) -> None:
    """Show a proposal: who approved, who rejected, who is missing, and what has changed."""
    connection = options.connect(folder)
    found = connection.get(f"/v1/proposals/{find(connection, proposal_id)}")
    if as_json:
        show_json(found)
        return
    show_fields({k: found[k] for k in ("id", "author", "status", "reason", "actions", "reasons")})
    show_table(
        "Seats",
        ("seat", "needs", "approved", "rejected", "missing", "no vote here", "waived"),
        map(_seat, found["seats"]),
    )
    for action in found["actions"]:
        if action["kind"] == "adopt_rule_set" and found["status"] == Status.OPEN.value:
            from governance.cli.policy import (  # noqa: PLC0415 - loads the prover
                review_against,
                show_review,
            )

            text = connection.get_bytes(f"/v1/governance/documents/{action['rule_set']}").decode()
            review = review_against(connection, text)
            show_review(review)
            if review.difference.digest != action["difference"]:
                console.print(
                    "[red]This is not the difference that the proposal names:[/red] its author"
                    " saw another one, or the rules in force have changed since."
                )
    if found["binds"]:
        show_table(
            "Judged on",
            ("what", "digest", "now"),
            (
                (b["name"], b["bound"], "same" if b["bound"] == b["now"] else b["now"])
                for b in found["binds"]
            ),
        )
    if found["dropped"]:
        show_table("Votes that do not count", ("who", "why"), map(_dropped, found["dropped"]))


@proposal.command()
@click.argument("proposal_id")
@options.folder
@click.option("--role", help="In which of your roles.")
@click.option("--reason", default="")
def approve(proposal_id: str, folder: Path, role: str | None, reason: str) -> None:
    """Vote for a proposal."""
    _vote(folder, proposal_id, role, reason, approve=True)


@proposal.command()
@click.argument("proposal_id")
@options.folder
@click.option("--role", help="In which of your roles.")
@reason_option
def reject(proposal_id: str, folder: Path, role: str | None, reason: str) -> None:
    """Vote against a proposal."""
    _vote(folder, proposal_id, role, reason, approve=False)


@proposal.command()
@click.argument("proposal_id")
@options.folder
@reason_option
def withdraw(proposal_id: str, folder: Path, reason: str) -> None:
    """Take your own proposal back."""
    connection = options.connect(folder)
    governing.withdraw(connection, find(connection, proposal_id), reason)
    console.print("withdrawn")


@proposal.command()
@click.argument("member_id")
@options.folder
@options.yes
@reason_option
def suspend(member_id: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose to suspend a member."""
    propose_actions(folder, a.Suspend(member_id=member_id, reason=reason), reason=reason, yes=yes)


@proposal.command()
@click.argument("member_id")
@options.folder
@options.yes
@reason_option
def reinstate(member_id: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose to reinstate a suspended member."""
    propose_actions(folder, a.Reinstate(member_id=member_id), reason=reason, yes=yes)


@proposal.command()
@click.argument("member_id")
@options.folder
@options.yes
@reason_option
def revoke(member_id: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose to end a membership for good."""
    propose_actions(folder, a.Revoke(member_id=member_id, reason=reason), reason=reason, yes=yes)


@proposal.command()
@click.argument("member_id")
@options.folder
@options.yes
@reason_option
def decline(member_id: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose to turn an application down."""
    propose_actions(folder, a.Decline(member_id=member_id, reason=reason), reason=reason, yes=yes)


@proposal.command("grant-role")
@click.argument("member_id")
@click.argument("role")
@options.folder
@options.yes
@reason_option
def grant_role(member_id: str, role: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose to give a member a role."""
    propose_actions(folder, a.GrantRole(member_id=member_id, role=role), reason=reason, yes=yes)


@proposal.command("remove-role")
@click.argument("member_id")
@click.argument("role")
@options.folder
@options.yes
@reason_option
def remove_role(member_id: str, role: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose to take a role from a member."""
    propose_actions(folder, a.RemoveRole(member_id=member_id, role=role), reason=reason, yes=yes)


@proposal.command()
@click.argument("member_id")
@click.argument("legal_name")
@options.folder
@options.yes
@reason_option
def rename(member_id: str, legal_name: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose a change of a member's legal name."""
    action = a.ChangeLegalName(member_id=member_id, legal_name=legal_name)
    propose_actions(folder, action, reason=reason, yes=yes)


@proposal.command()
@click.argument("member_id")
@click.argument("key_id")
@options.folder
@options.yes
@reason_option
def recover(member_id: str, key_id: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose to certify the new key of a member that lost its old one."""
    action = a.RecoverKey(member_id=member_id, key_id=key_id, reason=reason)
    propose_actions(folder, action, reason=reason, yes=yes)


@proposal.command()
@click.argument("name")
@click.argument("version")
@options.folder
@options.yes
@click.option("--at", "activate_at", type=click.DateTime(), help="When it is to be active, UTC.")
@reason_option
def contract(
    name: str,
    version: str,
    folder: Path,
    yes: bool,
    activate_at: dt.datetime | None,
    reason: str,
) -> None:
    """Propose to approve a contract version that has passed its gates."""
    moment = activate_at.replace(tzinfo=dt.UTC) if activate_at else None
    action = a.ApproveContract(name=name, version=version, activate_at=moment)
    propose_actions(folder, action, reason=reason, yes=yes)


@proposal.command("rotate-ca")
@click.argument("certificate")
@options.folder
@options.yes
@reason_option
def rotate_ca(certificate: str, folder: Path, yes: bool, reason: str) -> None:
    """Propose that the issuing authority with this certificate's digest issues from then on.

    `sekisho governance certify-authority` makes it, and prints the digest.
    """
    propose_actions(folder, a.RotateCaKey(certificate=certificate), reason=reason, yes=yes)


@proposal.command("rule-set")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.folder
@options.yes
@reason_option
def rule_set(file: Path, folder: Path, yes: bool, reason: str) -> None:
    """Propose to adopt the rule set in FILE.

    Its review (what it reveals and hides, what is proved of it) is shown. What it reveals and hides
    is deposited with the text, and the proposal names both by digest; one that names another
    difference than there is, is refused.
    """
    from governance.cli.policy import (  # noqa: PLC0415 - loads the prover
        read_text,
        review_against,
        show_review,
    )

    text = read_text(file)
    with options.connect(folder) as connection:
        review = review_against(connection, text)
        show_review(review)
        answer, kept = (
            connection.post_bytes("/v1/governance/documents", data, "text/plain")
            for data in (text.encode(), msgspec.json.encode(review.difference))
        )
    action = a.AdoptRuleSet(rule_set=answer["digest"], difference=kept["digest"])
    propose_actions(folder, action, reason=reason, yes=yes)


@proposal.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.folder
@options.yes
@reason_option
def actions(file: Path, folder: Path, yes: bool, reason: str) -> None:
    """Propose the actions in FILE, a JSON list, to be applied wholly or not at all.

    Every kind of action can be proposed in this way: see docs/governance.
    """
    try:
        found = msgspec.json.decode(file.read_bytes(), type=list[a.Action])
    except msgspec.MsgspecError as error:
        raise click.ClickException(f"{file}: {error}") from error
    propose_actions(folder, *found, reason=reason, yes=yes)


def short(identifier: str) -> str:
    """Return the beginning of a proposal's digest, by which commands find it."""
    return identifier.removeprefix("sha256:")[:SHORT]


def find(connection: Connection, prefix: str) -> str:
    """Return the digest of the proposal that begins with `prefix`; a whole digest as it is."""
    wanted = prefix if prefix.startswith("sha256:") else "sha256:" + prefix
    if len(wanted) == len("sha256:") + 64:
        return wanted
    found = [p["id"] for p in connection.pages("/v1/proposals") if p["id"].startswith(wanted)]
    if len(found) != 1:
        raise click.ClickException(
            f"{len(found)} proposals begin with {prefix}; see `sekisho proposal list`"
        )
    return str(found[0])


def _vote(folder: Path, prefix: str, role: str | None, reason: str, *, approve: bool) -> None:
    connection = options.connect(folder)
    identifier = find(connection, prefix)
    answer = governing.vote(connection, identifier, approve=approve, role=role, reason=reason)
    console.print(f"voted; the proposal is [bold]{answer['status']}[/bold]")


def _seat(seat: dict[str, Any]) -> tuple[object, ...]:
    """Return a seat's row; a seat of which less is asked than the rule says is waived, and why."""
    return (
        seat["seat"],
        seat["required"],
        *(", ".join(seat[name]) for name in ("approved", "rejected", "missing")),
        "; ".join(f"{member}: {why}" for member, why in sorted(seat["excluded"].items())),
        seat["waived"],
    )


def _dropped(dropped: dict[str, object]) -> tuple[object, object]:
    return dropped.get("member_id", ""), dropped.get("reason", "")
