"""`sekisho member map`, `groups`, `add-node`, …: a member among the others, and its own nodes."""

import datetime as dt
from pathlib import Path

import click

from governance.cli import options
from governance.cli.output import confirm, console, show_fields, show_json, show_table
from governance.client import mapping, nodes
from governance.membership.members import NodeKind

KINDS = click.Choice([kind.value for kind in NodeKind])


@click.command("map")
@options.folder
@options.as_json
def network_map(folder: Path, as_json: bool) -> None:
    """Fetch the signed network map and parameters; verify them with the pinned root alone.

    The folder remembers the newest map: an older one is refused from then on.
    """
    connection = options.connect(folder)
    found = mapping.fetch_map(connection, dt.datetime.now(dt.UTC))
    parameters = mapping.fetch_parameters(connection, found)
    if as_json:
        show_json({"map": found, "parameters": parameters})
        return
    show_table(
        f"{found.network}: map {found.version}, parameters {parameters.version}; verified",
        ("member", "standing", "roles", "node", "address", "certificates"),
        (
            (
                member.member_id,
                member.standing,
                ", ".join(member.roles),
                node.name,
                node.address,
                len(node.certificates),
            )
            for member in found.members
            for node in member.nodes
        ),
    )


@click.command()
@options.folder
@options.as_json
def groups(folder: Path, as_json: bool) -> None:
    """List the groups that you are in, with their members."""
    found = options.connect(folder).get("/v1/groups")
    if as_json:
        show_json(found)
        return
    show_table(
        "Groups",
        ("group", "title", "made by", "members"),
        (
            (g["id"], g["title"], g["made_by"], ", ".join(m["member_id"] for m in g["members"]))
            for g in found
        ),
    )


@click.command("add-node")
@click.argument("name")
@click.argument("place", type=click.Path(path_type=Path, file_okay=False))
@click.option("--kind", type=KINDS, default=NodeKind.API_CLIENT.value, show_default=True)
@click.option("--address", default="", help="The node's host:port; none for an API client.")
@options.folder
def add_node(name: str, place: Path, kind: str, address: str, folder: Path) -> None:
    """Add a node or API client NAME, with a key of its own in the new folder PLACE."""
    connection = options.connect(folder)
    certificate = nodes.add_node(connection, place, name, NodeKind(kind), address)
    console.print(f"certificate {certificate.serial_number:x} saved in {place / 'node.crt'}")


@click.command("remove-node")
@click.argument("name")
@options.folder
@options.yes
def remove_node(name: str, folder: Path, yes: bool) -> None:
    """Remove one of your nodes; its certificates are revoked."""
    confirm(f"The certificates of {name} are revoked for good.", yes=yes)
    nodes.remove_node(options.connect(folder), name)
    console.print("removed")


@click.command("enrolment-token")
@click.argument("name")
@options.folder
@options.as_json
def enrolment_token(name: str, folder: Path, as_json: bool) -> None:
    """Print user and one-time password with which your node NAME enrols over EST."""
    answer = nodes.enrolment_token(options.connect(folder), name)
    if as_json:
        show_json(answer)
    else:
        show_fields(answer)


COMMANDS = (network_map, groups, add_node, remove_node, enrolment_token)
