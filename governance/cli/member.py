"""`sekisho member …`: a membership, from either side."""

import datetime as dt
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric import ec

from governance.cli import inviting, nodes, options
from governance.cli.output import confirm, console, show_fields, show_json, show_table
from governance.client import joining, renewing
from governance.client.anchors import fetch_anchors, pin_anchors
from governance.client.connection import Connection, client_assertion, new_statement
from governance.client.folder import MemberFile, MemberFolder
from governance.client.members import hosted_nodes, own_node
from governance.membership import statements as said
from governance.membership.members import Role
from ledger.statements import sign_statement

ROLES = click.Choice([role.value for role in Role])


@click.group(cls=options.Group)
def member() -> None:
    """Join the network, renew certificates, see who belongs to it."""


@member.command()
@options.folder
@click.option("--id", "member_id", required=True, help="The member id that you want.")
@click.option("--legal-name", required=True, help="The registered name of your organisation.")
@click.option("--role", type=ROLES, required=True, help="What you want to do in the network.")
@click.option("--server", required=True, help="URL of the network's server.")
@click.option("--node", help="Name of the node whose key this is.")
@click.option("--address", help="The node's host:port.")
def keys(
    folder: Path,
    member_id: str,
    legal_name: str,
    role: str,
    server: str,
    node: str | None,
    address: str | None,
) -> None:
    """Make a folder with a node key and a certificate request.

    The network's anchors are pinned in it. To use a key of your own, replace node.key and
    node.csr by what `openssl req -new` made.
    """
    with Connection(server) as stranger:
        anchors = fetch_anchors(stranger)
    name, kind, default = own_node(Role(role), member_id, anchors.network)
    made = MemberFolder.create(
        folder,
        MemberFile(
            member_id=member_id,
            network=anchors.network,
            server=server,
            legal_name=legal_name,
            node=node or name,
            kind=kind,
            address=default if address is None else address,
        ),
    )
    pin_anchors(folder, anchors)
    console.print(f"made {folder} with node key {made.key_id[:16]}…", markup=False)
    console.print("compare the network's fingerprint with its administrator before you go on:")
    console.print(f"  [bold]{anchors.fingerprint}[/bold]")


@member.command()
@options.folder
def pin(folder: Path) -> None:
    """Pin the network's anchors, and show their fingerprint."""
    made = MemberFolder(folder)
    with Connection(made.member.server, pinned=made) as stranger:
        anchors = fetch_anchors(stranger)
    pin_anchors(folder, anchors)
    console.print(f"pinned {anchors.network}: [bold]{anchors.fingerprint}[/bold]")


@member.command()
@options.folder
@click.option("--role", type=ROLES, required=True)
@click.option("--sponsor", help="Operating partner through which you act, if you run no node.")
@click.option("--invitation", default="", help="The token of an invitation.")
@click.option("--own-asset-node", is_flag=True, help="Registrars: do not have a node hosted.")
def apply(
    folder: Path, role: str, sponsor: str | None, invitation: str, own_asset_node: bool
) -> None:
    """Apply for membership, with the key in the folder."""
    made = MemberFolder(folder)
    who = made.member
    hosted = [] if own_asset_node else hosted_nodes(Role(role), who.member_id, who.network)
    application = joining.build_application(
        made, [Role(role)], sponsor=sponsor, invitation=invitation, hosted=hosted
    )
    identifier = joining.apply(made, application)
    console.print(f"applied: {identifier}", markup=False)
    console.print("the members vote on it now; see `sekisho member status`")


@member.command()
@options.folder
@click.option(
    "--wait", type=click.IntRange(0), default=0, help="Seconds to wait for the certificate."
)
@options.as_json
def status(folder: Path, wait: int, as_json: bool) -> None:
    """Show what became of the application, and fetch the certificate once it is issued."""
    made = MemberFolder(folder)
    certificate = None
    if not joining.has_good_certificate(made):
        certificate = joining.fetch_certificate(made, wait)
    if certificate is None or joining.has_applied(made):
        _show_application(made, as_json=as_json)
    if certificate is not None and not as_json:
        console.print(f"certificate {certificate.serial_number:x} saved in {folder / 'node.crt'}")


def _show_application(made: MemberFolder, *, as_json: bool) -> None:
    answer = joining.application_state(made)
    if as_json:
        show_json(answer)
        return
    shown = ("member_id", "legal_name", "roles", "state", "reason", "decided_at")
    show_fields({name: answer[name] for name in shown if answer[name] is not None})


@member.command()
@options.folder
@click.option("--assertion", is_flag=True, help="The signed assertion that a token is got with.")
def token(folder: Path, assertion: bool) -> None:
    """Print an access token of ten minutes, for curl and the like.

    With --assertion, print the JWT (RFC 7523) that gets one from /oauth/token; it works once.
    """
    made = MemberFolder(folder)
    if assertion:
        click.echo(client_assertion(made, dt.datetime.now(dt.UTC)))
    else:
        click.echo(options.connect(folder).token())


@member.command("list")
@options.folder
@options.as_json
def list_members(folder: Path, as_json: bool) -> None:
    """List the members of the network."""
    found = list(options.connect(folder).pages("/v1/members"))
    if as_json:
        show_json(found)
        return
    show_table(
        "Members",
        ("member", "name", "roles", "state", "sponsor"),
        (
            (m["member_id"], m["legal_name"], ", ".join(m["roles"]), m["standing"], m["sponsor_id"])
            for m in found
        ),
    )


@member.command()
@click.argument("member_id")
@options.folder
@options.as_json
def show(member_id: str, folder: Path, as_json: bool) -> None:
    """Show one member, its certificates and its history."""
    connection = options.connect(folder)
    found: dict[str, Any] = connection.get(f"/v1/members/{member_id}")
    certificates = connection.get(f"/v1/members/{member_id}/certificates")
    history = connection.get(f"/v1/members/{member_id}/history")
    if as_json:
        show_json({"member": found, "certificates": certificates, "history": history})
        return
    show_fields({k: v for k, v in found.items() if v is not None})
    show_table(
        "Certificates",
        ("serial", "node", "until", "renew from", "revoked"),
        (
            (c["serial"], c["node"], c["not_after"], c["renewal_due"], c["revoked"])
            for c in certificates
        ),
    )


@member.command()
@options.folder
@click.option("--if-due", is_flag=True, help="Do nothing before two thirds of its life: for cron.")
@click.option("--rotate", is_flag=True, help="Change the key, too.")
def renew(folder: Path, if_due: bool, rotate: bool) -> None:
    """Renew the node's certificate; rotate its key if asked."""
    made = MemberFolder(folder)
    if if_due and not renewing.is_due(made):
        console.print("not due yet")
        return
    new = ec.generate_private_key(ec.SECP256R1()) if rotate else None
    certificate = renewing.renew(options.connect(folder), made, new)
    console.print(
        f"renewed: {certificate.serial_number:x}, until {certificate.not_valid_after_utc:%Y-%m-%d}"
    )


@member.command()
@options.folder
def recover(folder: Path) -> None:
    """Ask for a certificate for a new key, where the old one is lost or has expired.

    The folder keeps the new key; members vote on it (`sekisho proposal recover`).
    """
    made = MemberFolder(folder)
    key = renewing.request_recovery(made)
    console.print(f"asked to recover {made.member.member_id}/{made.member.node}", markup=False)
    console.print(f"read the new key's id to the administrator: [bold]{key}[/bold]")


@member.command()
@options.folder
@options.yes
@click.option("--reason", default="")
def leave(folder: Path, yes: bool, reason: str) -> None:
    """End the membership; its certificates end with it."""
    made = MemberFolder(folder)
    confirm(f"{made.member.member_id} leaves {made.member.network} for good.", yes=yes)
    options.connect(folder).say("/v1/members/leave", said.LEAVE, said.Leave(reason))
    console.print("left")


@member.command()
@options.folder
def withdraw(folder: Path) -> None:
    """Withdraw the application that was made from this folder."""
    made = MemberFolder(folder)
    body = said.ApplicationWithdrawal(str(joining.application_state(made)["id"]))
    statement = new_statement(made, body)
    envelope = sign_statement(said.APPLICATION_WITHDRAWAL, statement, made.signer)
    with joining.folder_connection(made) as connection:
        connection.post_bytes("/v1/applications/withdrawals", envelope, joining.JSON)
    console.print("withdrawn")


@member.command()
@options.folder
def expiring(folder: Path) -> None:
    """List certificates that are due for renewal."""
    found = options.connect(folder).get("/v1/certificates/expiring")
    show_table(
        "Due for renewal",
        ("member", "node", "serial", "due", "until"),
        ((e["member_id"], e["node"], e["serial"], e["due_at"], e["not_after"]) for e in found),
    )


for _command in (*inviting.COMMANDS, *nodes.COMMANDS):
    member.add_command(_command)
