"""Where a log's files come from: a directory, or a URL. Nothing is verified here (see `reader`)."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ledger.errors import LogResourceMissing, LogWrong
from ledger.log.tiles import MAX_ENTRY, TILE_WIDTH

if TYPE_CHECKING:
    import httpx

MAX_RESOURCE = TILE_WIDTH * (MAX_ENTRY + 2)
"""Bytes in the largest complete bundle: no source makes the reader take more."""

TIMEOUT = 30.0
"""Seconds to wait for one file over HTTP."""


class Source(Protocol):
    """Where a log's files come from."""

    def fetch(self, path: str) -> bytes:
        """Return the file at `path` below the log's prefix.

        Raises:
            LogResourceMissing: there is none, or it cannot be had.
        """
        ...


class DirectorySource:
    """A log in a directory, as `sekisho log export` writes it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def fetch(self, path: str) -> bytes:
        """Return the file's bytes."""
        try:
            file = os.open(f"{self.directory}/{path}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                size = os.fstat(file).st_size
                return _limited(path, os.read(file, min(size, MAX_RESOURCE + 1)))
            finally:
                os.close(file)
        except OSError as error:
            raise LogResourceMissing(f"{path} cannot be read: {error.strerror}") from error


class UrlSource:
    """A log behind an HTTP prefix, such as `https://ledger.example/log`."""

    def __init__(self, prefix: str, client: "httpx.Client") -> None:
        self._prefix = prefix.rstrip("/")
        self._client = client

    def fetch(self, path: str) -> bytes:
        """Return the body of the answer."""
        import httpx  # noqa: PLC0415 - a process that reads a directory starts in half the time

        url = f"{self._prefix}/{path}"
        headers = {"accept-encoding": "gzip, identity"}
        try:
            with self._client.stream("GET", url, headers=headers, timeout=TIMEOUT) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise LogResourceMissing(f"{url} answers {answer.status_code}")
                parts, size = [], 0
                for part in answer.iter_bytes():
                    parts.append(part)
                    size += len(part)
                    if size > MAX_RESOURCE:
                        break
        except httpx.HTTPError as error:
            raise LogResourceMissing(f"{url} cannot be read: {error}") from error
        return _limited(path, b"".join(parts))


def _limited(path: str, data: bytes) -> bytes:
    if len(data) > MAX_RESOURCE:
        raise LogWrong(f"{path} has more than {MAX_RESOURCE} bytes")
    return data
