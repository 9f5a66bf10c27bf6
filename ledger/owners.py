"""Did the owners sign? Account keys are judged as of the transaction: what was in force, counts.

Pure: for whoever was shown a transaction, without the ledger. A key that was replaced since still
vouches for what it signed; a key that came later vouches for nothing before.
"""

from collections.abc import Mapping

from ledger.errors import AccountKeyWrong
from ledger.keys import key_id, load_public_key
from ledger.signatures import check_signature
from ledger.tearoffs import open_tear_off
from ledger.views import SigningKey, TransactionView


def check_owners(view: TransactionView, log_index: int) -> tuple[str, ...]:
    """Return the owners of the inputs in view, each of whom has signed.

    Args:
        view: as it was shown.
        log_index: of the transaction's commitment in the log.

    Raises:
        TearOffInvalid: the tear-off does not belong to its TxID.
        AccountKeyWrong: an owner in view did not sign by a key of its own that was in force.
        SignatureInvalid: a signature does not hold.
        StatementMalformed: a key is of no accepted kind.
    """
    inputs = open_tear_off(view.tear_off).inputs.values()
    keys = {key.investor_id: key for key in view.account_keys}
    signed = {s.by: s for s in view.signatures if s.role == "account"}
    owners = sorted({given.token.investor_id for given in inputs})
    for owner in sorted({*owners, *signed}):
        if owner not in signed:
            raise AccountKeyWrong(f"no signature by the account key of {owner}")
        spki = _key_in_force(keys, owner, log_index).public_key
        key = load_public_key(spki)
        if key_id(key) != signed[owner].key_id:
            raise AccountKeyWrong(f"{owner} signed by another key than the one in force")
        check_signature(signed[owner], key, bytes.fromhex(view.tear_off.txid))
    return tuple(owners)


def _key_in_force(keys: Mapping[str, SigningKey], owner: str, log_index: int) -> SigningKey:
    key = keys.get(owner)
    if key is None or key.from_index >= log_index:
        raise AccountKeyWrong(f"{owner} had no such account key at entry {log_index}")
    return key
