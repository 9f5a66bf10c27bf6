"""Runs `sekisho` in this process as a shell would, and reads what it says."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from governance.cli import main

Result = tuple[int, str, str]
Run = Callable[..., Result]
"""Takes the words of a command; returns its exit code, what it said, what it complained of."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `sekisho`."""

    def call(*words: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["sekisho", *map(str, words)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def heard(result: Result) -> tuple[int, str]:
    """Return the exit code and all that a person at the screen reads."""
    code, said, complaint = result
    return code, said + complaint


def done(result: Result) -> str:
    """Return what a command said that did what it was asked."""
    code, said, complaint = result
    assert (code, complaint) == (0, ""), said + complaint
    return said


def answered(result: Result) -> Any:
    """Return the JSON that a command said."""
    return json.loads(done(result))
