"""`sekisho member applications`, `invite`, `invitations`, `change-group`: whom to let in."""

from pathlib import Path

import click

from governance.cli import options
from governance.cli.output import console, show_fields, show_json, show_table
from governance.membership import statements as said
from governance.membership.members import Role

ROLES = click.Choice([role.value for role in Role])


@click.command()
@options.folder
@options.as_json
def applications(folder: Path, as_json: bool) -> None:
    """List the open applications; a proposal to admit each is open too."""
    found = options.connect(folder).get("/v1/applications")
    if as_json:
        show_json(found)
        return
    show_table(
        "Open applications",
        ("member", "name", "roles", "sponsor"),
        (
            (
                a["member_id"],
                a["legal_name"],
                ", ".join(a["roles"]),
                a["sponsor_id"],
                a["applied_at"],
            )
            for a in found
        ),
    )


@click.command()
@options.folder
@click.option("--legal-name", required=True)
@click.option("--role", type=ROLES, required=True)
@click.option("--days", type=click.IntRange(1, 90), default=14, show_default=True)
@options.as_json
def invite(folder: Path, legal_name: str, role: str, days: int, as_json: bool) -> None:
    """Invite an organisation: prints a one-time token, bound to its name and role."""
    body = said.InvitationRequest(legal_name, Role(role), days)
    answer = options.connect(folder).say("/v1/invitations", said.INVITATION, body)
    if as_json:
        show_json(answer)
    else:
        show_fields(answer)


@click.command()
@options.folder
@options.as_json
def invitations(folder: Path, as_json: bool) -> None:
    """List the invitations that you have made; their tokens are not kept."""
    found = options.connect(folder).get("/v1/invitations")
    if as_json:
        show_json(found)
        return
    show_table(
        "Invitations",
        ("id", "name", "role", "state", "until"),
        ((i["id"], i["legal_name"], i["role"], i["state"], i["expires_at"]) for i in found),
    )


@click.command("revoke-invitation")
@click.argument("invitation")
@options.folder
def revoke_invitation(invitation: str, folder: Path) -> None:
    """Take back an open invitation of yours, by its id."""
    body = said.InvitationRevocation(invitation)
    options.connect(folder).say("/v1/invitations/revocations", said.INVITATION_REVOCATION, body)
    console.print("taken back")


@click.command("change-group")
@click.argument("group")
@click.option("--title", required=True)
@click.option("--member", "members", multiple=True, help="A member of it; once for each.")
@options.folder
def change_group(group: str, title: str, members: tuple[str, ...], folder: Path) -> None:
    """Make GROUP, or give it other members: only its members see who is in it."""
    body = said.GroupChange(group, title, members)
    options.connect(folder).say("/v1/groups", said.GROUP_CHANGE, body)
    console.print(f"{group}: {len(members)} members", markup=False)


COMMANDS = (applications, invite, invitations, revoke_invitation, change_group)
