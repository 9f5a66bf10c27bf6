"""`sekisho policy …`: what the rules say, what a change would do, why somebody may."""

import difflib
from pathlib import Path
from typing import Any

import click
import msgspec

from governance.cli import options
from governance.cli.output import UNVERIFIED, console, show_fields, show_json, show_table
from governance.cli.reading import who_saw
from governance.client.connection import Connection
from policies.actions import Action
from policies.actors import Actor
from policies.compilation import CompiledRules, compile_rules
from policies.engine import parse_rule_set, shipped_text
from policies.errors import Fault, RulesMalformed
from policies.explanation import explain
from policies.matrix import matrix_csv, matrix_html, matrix_table
from policies.resources import ROLES, VOCABULARY
from policies.responsibility import matrix_markdown, shipped_matrix
from policies.review import RuleReview, review_rules

text_file = click.Path(path_type=Path, exists=True, dir_okay=False)
rules_option = click.option(
    "--rules",
    "rules_file",
    type=text_file,
    help="A rule set in a file.",
    show_default="the rules that the product ships with",
)


@click.group(cls=options.Group)
def policy() -> None:
    """Who may see and do what, and why."""


@policy.command()
@rules_option
@click.option("--csv", "form", flag_value="csv", help="Print CSV, as the golden file keeps it.")
@click.option("--html", "form", flag_value="html", help="Print a page.")
@click.option("--resource", type=click.Choice(sorted(VOCABULARY.resources)), help="This only.")
def matrix(rules_file: Path | None, form: str | None, resource: str | None) -> None:
    """Print what the rules come to: a row for each action, arm and fields, a column for each role.

    CSV and HTML have a line for each effect, with the roles that have it.
    """
    rules = read_rules(rules_file)
    if form == "csv":
        click.echo(matrix_csv(rules), nl=False)
    elif form == "html":
        click.echo(matrix_html(rules), nl=False)
    else:
        columns, rows = matrix_table(rules)
        kept = [row for row in rows if resource in {None, row[0].partition(":")[0]}]
        letters = [*columns[:3], *map(str, range(1, len(columns) - 2))]
        show_table(rules.digest, letters, kept)
        for number, role in zip(letters[3:], columns[3:], strict=True):
            console.print(f"{number} {role} {ROLES[role]}", markup=False)
        console.print("+ allowed, C clear, P pseudonym, H hidden, nothing: denied", markup=False)


@policy.command()
@click.argument("proposed", type=text_file)
@rules_option
@options.as_json
def check(proposed: Path, rules_file: Path | None, as_json: bool) -> None:
    """Review the rule set in PROPOSED: faults, what it reveals and hides, proofs, responsibility.

    Exits with 4 when it could not be adopted.
    """
    review = review_rules(read_rules(rules_file), read_text(proposed))
    if as_json:
        show_json(review)
    else:
        show_review(review)
    if review.faults:
        raise SystemExit(UNVERIFIED)


@policy.command("explain")
@click.argument("member")
@click.argument("action")
@click.argument("resource", default="")
@click.argument("name", metavar="[ID]", default="")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(sorted(ROLES)),
    help="Suppose these roles, and ask no server.",
)
@rules_option
@options.folder
@options.as_json
def explain_command(
    member: str,
    action: str,
    resource: str,
    name: str,
    roles: tuple[str, ...],
    rules_file: Path | None,
    folder: Path,
    as_json: bool,
) -> None:
    """Say whether MEMBER may do ACTION to RESOURCE, in which rows and fields, by which rules.

    With an ID, also which arms admit that row and how each field is shown, or why it is hidden; no
    content. `sekisho policy matrix` has all actions and resources; they may be written as one,
    such as transfer:read.

    The server is asked for the member's roles, the rules in force and the row, which takes an
    administrator or an auditor, except about oneself; with --role, nobody is asked.
    """
    asked, name = _known_action(action, resource, name)
    if roles and name:
        raise click.UsageError("a row is the server's to find: leave out --role or the ID")
    if roles:
        found = explain(read_rules(rules_file), Actor(member, frozenset(roles)), asked)
        answer = msgspec.to_builtins(found)
    else:
        query = {"action": asked, "id": name or None}
        with options.connect(folder) as connection:
            if connection.member_id == member:
                answer = connection.get("/v1/policy/own-explanation", **query)
            else:
                answer = connection.get("/v1/policy/explanation", member=member, **query)
    if as_json:
        show_json(answer)
    else:
        _show_explanation(answer)


def _known_action(action: str, resource: str, name: str) -> tuple[str, str]:
    """Return `resource:verb` and the id, however they were written."""
    whole = f"{resource}:{action}"
    if ":" in action:
        whole = action
        if resource != action.partition(":")[0]:
            resource, name = "", resource or name
    elif not resource:
        raise click.UsageError(f"{action} what? Name the resource, such as {action} transfer")
    known = [str(known) for known in Action]
    if whole not in known:
        near = difflib.get_close_matches(whole, known, n=4, cutoff=0.3)
        raise click.BadParameter(f"no action {whole!r}; did you mean {', '.join(near) or known}?")
    return whole, name


@policy.command()
def responsibility() -> None:
    """Print who answers for what, until when."""
    click.echo(matrix_markdown(shipped_matrix()), nl=False)


policy.add_command(who_saw)


def read_rules(path: Path | None) -> CompiledRules:
    """Return the rules in a file, or those that the product ships with."""
    text = shipped_text() if path is None else read_text(path)
    return compile_rules(parse_rule_set(text))


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        RulesMalformed: it is not UTF-8.
    """
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        fault = Fault(str(path), f"not UTF-8 at byte {error.start}")
        raise RulesMalformed(str(fault), (fault,)) from error


def review_against(connection: Connection, text: str) -> RuleReview:
    """Return the review of a text against the rules that a server has in force.

    Raises:
        RulesMalformed: the text is not a rule set; every fault at once.
    """
    current = parse_rule_set(connection.get("/v1/policy/rules")["text"])
    return review_rules(compile_rules(current), text)


def show_review(review: RuleReview) -> None:
    """Print what a rule set reveals and hides, what is proved of it, and whether it may be."""
    difference = review.difference
    show_fields({"in force": difference.before, "proposed": difference.after})
    for change in difference.changes:
        console.print(str(change), markup=False)
    if not difference.changes:
        console.print("it reveals nothing and hides nothing")
    proved = sum(proof.proved for proof in review.proofs)
    console.print(f"{proved} of {len(review.proofs)} statements proved")
    for fault in review.faults:
        console.print(f"[red]fails[/red] {fault.where}")
        console.print(f"  {fault.message}", markup=False)
    for d in review.disagreements:
        console.print(f"responsibility: {d.role} {d.action}: {d.message}", markup=False)
    console.print("[green]can be adopted[/green]" if not review.faults else "[red]refused[/red]")


def _show_explanation(answer: dict[str, Any]) -> None:
    verdict = "[green]allowed[/green]" if answer["allowed"] else "[red]denied[/red]"
    console.print(f"{verdict} {answer['member']} {answer['action']}")
    console.print(answer["reason"], markup=False)
    show_fields({"rule set": answer["rule_set"], "roles that may": ", ".join(answer["may"])})
    for arm in answer["arms"]:
        console.print(f"{arm['arm']}: {arm['rows']}", markup=False)
        for effect in ("clear", "pseudonym", "hidden"):
            if arm[effect]:
                console.print(f"  {effect}: {', '.join(arm[effect])}", markup=False)
    for rule in answer["rules"]:
        console.print(rule, markup=False)
    thing = answer.get("thing")
    if thing is not None:
        console.print(f"\n{thing['reason']}", markup=False)
        for row in thing["rows"]:
            _show_row(row)


def _show_row(row: dict[str, Any]) -> None:
    console.print(f"a row that {' and '.join(row['arms'])} admits", markup=False)
    for effect in ("clear", "pseudonym", "hidden"):
        if row[effect]:
            console.print(f"  {effect}: {', '.join(row[effect])}", markup=False)
    for rule in row["rules"]:
        console.print(f"  by {rule}", markup=False)
