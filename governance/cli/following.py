"""`sekisho log follow`: a verified copy of the log, and word of what concerns the member."""

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path

import click
import httpx
import msgspec

from governance.anchors import Anchors
from governance.audit import open_reader, open_source
from governance.cli import options
from governance.cli.output import UNVERIFIED, console, problems
from governance.client.anchors import read_anchors
from governance.client.connection import Connection
from governance.client.folder import MemberFolder
from governance.client.monitoring import Monitor, Notice, metrics_text
from governance.errors import EntryWrong, GovernanceError, ReplayDiffers, ServerUnreachable
from ledger.errors import LogResourceMissing, LogWrong, NoteInvalid, SplitViewFound
from ledger.hashing import content_digest
from ledger.log.export import write_file
from ledger.log.mirror import Mirror

CONCERNED = 5
"""Exit code of `--once` when something concerns the member."""

INTERVAL = 30.0
"""Seconds between two looks."""

COPY = "log-copy"
DOCUMENTS = "documents"
NEXT_FILE = "next-notice"
"""Holds the index from which on nothing was told yet, beside the copy."""

WEBHOOK_TIMEOUT = 10.0

anchors_option = click.option(
    "--anchors",
    type=click.Path(path_type=Path, exists=True),
    envvar="SEKISHO_HOME",
    default=Path(),
    show_default="the working directory",
    help="Pinned anchors: the file, or the member's folder that holds it.",
)


@click.command()
@options.folder
@click.option("--source", help="A URL, a directory or an export; the server's log if omitted.")
@click.option(
    "--copy",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the verified copy is kept; `log-copy` in the member's folder if omitted.",
)
@click.option("--once", is_flag=True, help="Look once and exit: 0 nothing new, 5 something is.")
@click.option("--webhook", metavar="URL", help="Post each round's notices there, as JSON.")
@click.option(
    "--metrics",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the textfile collector of node_exporter, such as sekisho.prom.",
)
@click.option("--interval", type=click.FloatRange(1), default=INTERVAL, show_default=True)
@click.pass_context
def follow(
    context: click.Context,
    folder: Path,
    source: str | None,
    copy: Path | None,
    once: bool,
    webhook: str | None,
    metrics: Path | None,
    interval: float,
) -> None:
    """Keep a verified copy of the log, and tell what of it concerns you.

    Your certificates, roles, votes, contracts, incidents, and rules that reveal what you see.
    Exits with 4 if the log contradicts itself or the copy: keep the copy, it is the evidence.
    """
    own = MemberFolder(folder)
    place = source or own.member.server
    follower = Follower(own, read_anchors(folder), place, copy or folder / COPY)
    told = 0
    while True:
        size, wrong = 0, ""
        notices: list[Notice] = []
        try:
            size, notices = follower.look()
        except (ServerUnreachable, LogResourceMissing) as error:
            if once:
                raise ServerUnreachable(str(error)) from error
            problems.print(f"no answer: {error}", markup=False)
        except (EntryWrong, LogWrong, NoteInvalid, ReplayDiffers, SplitViewFound) as error:
            wrong = str(error)
        told += len(notices)
        if wrong:
            notices = [Notice(size, "log", f"the log is wrong: {wrong}")]
        if metrics is not None:
            at = dt.datetime.now(dt.UTC)
            write_file(metrics, metrics_text(size, told, at, wrong=bool(wrong)))
        _tell(notices, webhook)
        if wrong:
            context.exit(UNVERIFIED)
        follower.told()
        if once:
            context.exit(CONCERNED if notices else 0)
        time.sleep(interval)


class Follower:
    """The copy, and the monitor that reads it.

    Args:
        folder: the member's.
        anchors: what it pinned.
        source: where the log is.
        copy: where the copy is kept.
    """

    def __init__(self, folder: MemberFolder, anchors: Anchors, source: str, copy: Path) -> None:
        self._folder = folder
        self._anchors = anchors
        self._reader = open_reader(open_source(source), anchors)
        self._copy = copy
        self._mirror = Mirror(copy, self._reader)
        self._monitor = Monitor(anchors, folder.member.member_id, self._text)
        self._audited = 0
        self._next = copy.parent / f"{copy.name}.{NEXT_FILE}"

    def look(self) -> tuple[int, list[Notice]]:
        """Bring the copy up to date, audit it; return its size and what was not told yet.

        Raises:
            SplitViewFound, LogWrong, NoteInvalid: the log contradicts the copy, or itself.
            EntryWrong, ReplayDiffers: an entry is not what must stand there.
            LogResourceMissing: no answer.
        """
        self._mirror.update()
        copied = open_reader(open_source(str(self._copy)), self._anchors)
        checkpoint = copied.checkpoint().checkpoint
        start = int(self._next.read_text()) if self._next.exists() else 0
        notices = []
        for index, data in copied.entries(checkpoint, self._audited):
            found = self._monitor.take(index, data)
            self._audited = index + 1
            notices += [notice for notice in found if index >= start]
        return self._audited, notices

    def told(self) -> None:
        """Remember that everything so far was told."""
        write_file(self._next, str(self._audited).encode())

    def _text(self, digest: str) -> bytes | None:
        """Return a deposited text: from beside the copy, else from the server."""
        name = digest.replace(":", "-")
        file = self._copy.parent / DOCUMENTS / f"{name}.txt"
        if file.exists():
            return file.read_bytes()
        try:
            text = Connection.of(self._folder).get_bytes(f"/v1/governance/documents/{digest}")
        except GovernanceError:
            return None
        if content_digest(text) != digest:
            return None
        write_file(file, text)
        return text


def _tell(notices: list[Notice], webhook: str | None) -> None:
    for notice in notices:
        console.print(f"entry {notice.index}: {notice.about}: {notice.text}", markup=False)
    if webhook is None or not notices:
        return
    _post(webhook, notices, httpx.post)


def _post(webhook: str, notices: list[Notice], post: Callable[..., httpx.Response]) -> None:
    headers = {"content-type": "application/json"}
    try:
        answer = post(
            webhook, content=msgspec.json.encode(notices), headers=headers, timeout=WEBHOOK_TIMEOUT
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise ServerUnreachable(
            f"the webhook {webhook} did not take the notices: {error}"
        ) from error
