"""A15x, D16x: encryption of files."""

from __future__ import annotations

from reconciler.codes.base import Code

ENCRYPTION_CODES = (
    Code(
        "A155",
        "recipient's key can't be used",
        "A key for which files should be encrypted has expired or was revoked, is too weak, can't encrypt, isn't there any more, or is no key. "
        "Nothing was read or sent.",
        "Ask the recipient for a key that is valid, put it into the project in place of the other, and plan: the change of keys is shown.",
    ),
    Code(
        "A156",
        "signing key can't be used",
        "What `encryption.sign` refers to isn't an OpenPGP private key that can sign, has expired or was revoked, or is locked and `signPassphrase` "
        "doesn't open it. Nothing was read or sent.",
        "Refer to a private key as gpg --export-secret-keys --armor prints it, and to its passphrase if it has one.",
    ),
    Code(
        "A157",
        "recipient's key isn't the one that was applied",
        "The file of a recipient's key holds another key than when the destination was applied. Files would be readable by somebody whom no plan has "
        "shown. Nothing was read or sent.",
        "Plan and apply, if the new key is meant: the plan shows both fingerprints. Otherwise put the old file back.",
    ),
    Code(
        "D160",
        "recipient's key can't be read",
        "`encryption.recipients` names files of the project, each with one OpenPGP public key, binary or in ASCII armour. Their fingerprints "
        "are part of the plan.",
        "Write the key there as gpg --export --armor FINGERPRINT prints it.",
    ),
    Code(
        "D161",
        "encrypting failed",
        "The process that encrypts a file ended before it was done. What was staged of the file has been removed; nothing of it was visible.",
        "Run again. If it stays, look at the machine's memory, and whether the extra `pgp` is installed whole.",
    ),
)
