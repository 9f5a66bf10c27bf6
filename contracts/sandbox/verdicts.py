"""What comes out of the sandbox, made safe to show: the guest's text is an attacker's.

Every text is cut to length and has its control characters escaped before it becomes part of a
verdict, so that a verdict can be logged, stored and printed as it is.
"""

import re

import msgspec

from ledger.verification import Accepted, OutOfGas, Rejected, Unavailable, Verdict

CODE_PATTERN = re.compile(r"[A-Z][A-Z0-9_]{0,63}\Z")
MESSAGE_LIMIT = 1_000  # characters of a rejection's message
LINE_LIMIT = 1_000_000
_UNSHOWABLE = re.compile(r"[^\x20-\x7e\u00a1-\u167f\u1681-\u1fff\u2030-\u205e\u2070-\ud7ff]")


class Outcome(msgspec.Struct, frozen=True):
    """The answer to one call.

    Args:
        verdict: the contract's, or that this node could not judge.
        memory_digest: `sha256:<hex>` over linear memory right after the call, when asked for
            and when the call came to its end.
    """

    verdict: Verdict | Unavailable
    memory_digest: str | None = None


def showable(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Return the text cut to `limit` characters, with what could disturb a reader escaped."""
    cut = text[:limit]
    shown = _UNSHOWABLE.sub(lambda found: f"\\u{{{ord(found[0]):x}}}", cut)
    return shown if len(text) <= limit else shown + "…"


def decode_answer(answer: str, gas: int) -> Verdict:
    """Return the verdict in the guest's answer: empty, or `code NUL line NUL message`."""
    if not answer:
        return Accepted(gas)
    code, _, rest = answer.partition("\0")
    line, _, message = rest.partition("\0")
    if not CODE_PATTERN.match(code):
        return Rejected("E_CODE", f"the contract gave no valid code: {showable(code, 64)}", 0, gas)
    number = int(line) if line.isascii() and line.isdigit() and len(line) < 7 else 0  # noqa: PLR2004 -- LINE_LIMIT
    return Rejected(code, showable(message), number, gas)


__all__ = [
    "Accepted",
    "OutOfGas",
    "Outcome",
    "Rejected",
    "Unavailable",
    "Verdict",
    "decode_answer",
    "showable",
]
