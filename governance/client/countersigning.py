"""Transactions that several companies sign: a draft goes round as a file.

A redemption is created by the registrar and signed with the investor's account key, which its
custodian keeps. Whoever signs sees the whole transaction: all of its parties do.
"""

from collections.abc import Iterator

import msgspec

from governance.client.accounts import AccountKeys
from governance.errors import SignaturesMissing
from ledger.composition import Composer, Instruction, Wallet, encode_submission
from ledger.signatures import TransactionSignature, sign_transaction
from ledger.transactions import Transaction


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A transaction on its way round, with the signatures that it has."""

    transaction: Transaction
    signatures: tuple[TransactionSignature, ...]

    @property
    def creator(self) -> str:
        """The member that created it, and sends it."""
        return self.transaction.creator

    @property
    def missing(self) -> tuple[str, ...]:
        """The investors whose account keys have not signed."""
        signed = {s.by for s in self.signatures if s.role == "account"}
        return tuple(owner for owner in self.transaction.owners if owner not in signed)

    def lines(self) -> Iterator[str]:
        """Yield what the transaction does, for whoever is to sign it."""
        yield f"transaction {self.transaction.txid.hex()} of {self.creator}"
        for t in self.transaction.commands:
            sides = f"{t.from_investor_id or '(new)'} → {t.to_investor_id or '(redeemed)'}"
            yield f"  {t.transfer_type} {t.quantity} of {t.beneficial_right_id}: {sides}"


def start(
    composer: Composer, wallet: Wallet, instruction: Instruction, accounts: AccountKeys
) -> Draft:
    """Return the draft of an instruction, signed by its creator and by the accounts it holds."""
    draft = Draft(*composer.draft(wallet, instruction))
    return add_signatures(draft, accounts)


def add_signatures(draft: Draft, accounts: AccountKeys) -> Draft:
    """Return the draft with the signatures of those of its owners whose keys are in `accounts`."""
    txid = draft.transaction.txid
    added = tuple(
        sign_transaction("account", owner, txid, accounts.signer(owner))
        for owner in draft.missing
        if owner in accounts
    )
    return Draft(draft.transaction, (*draft.signatures, *added))


def finish(draft: Draft) -> bytes:
    """Return what is sent.

    Raises:
        SignaturesMissing: an owner has not signed.
    """
    if draft.missing:
        raise SignaturesMissing(f"still to sign: {', '.join(draft.missing)}")
    return encode_submission(draft.transaction, draft.signatures)
