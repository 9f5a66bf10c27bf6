"""What is sent in, as the API's description shows it; it is read from the exact bytes."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ledger.signatures import MAX_SIGNATURES, TransactionSignature
from ledger.transactions import Transaction


class SubmissionForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A transaction, in its canonical bytes, with the signatures over its TxID."""

    transaction: Transaction
    signatures: Annotated[tuple[TransactionSignature, ...], Meta(max_length=MAX_SIGNATURES)]


class BatchForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Submissions in order; a later one may spend what an earlier one creates."""

    items: Annotated[tuple[SubmissionForm, ...], Meta(min_length=1, max_length=200)]
