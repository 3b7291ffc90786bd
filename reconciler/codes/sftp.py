"""A15x, D15x: servers that are reached by SSH."""

from __future__ import annotations

from reconciler.codes.base import Code

SFTP_CODES = (
    Code(
        "A150",
        "the login was refused",
        "The server is the pinned one, and refused the user with the key or password of the Account, or wants another kind of login.",
        "Compare user, key and password with what the server's operator set up. The detail says what was tried and, where the server tells, "
        "what it takes.",
    ),
    Code(
        "A151",
        "the private key can't be used",
        "What `key` refers to isn't a private key as ssh-keygen writes it (Ed25519, ECDSA or RSA), or it is locked and `keyPassphrase` doesn't "
        "open it.",
        "Refer to the private key, not the .pub file, and to its passphrase if it has one.",
    ),
    Code(
        "A152",
        "the server isn't the pinned one",
        "The key with which the server proved who it is isn't among `connection.hostKeys`. Somebody may stand in between, or the operator has "
        "changed the key. Nobody was signed in, and nothing was sent.",
        "Ask the operator which fingerprint is right, by another way than this connection. Then put the key into `connection.hostKeys`; during a "
        "change both the old and the new one.",
    ),
    Code(
        "D150",
        "server's rename overwrites",
        "A rename over a file that was there replaced it, which the protocol forbids. Without that refusal two exports could show one file twice "
        "or replace each other, so the server isn't used.",
        "Ask the operator to forbid renames over existing files, or use another server.",
    ),
    Code(
        "D151",
        "server can't replace a file in one step",
        "`files.replace` needs a rename that replaces (posix-rename@openssh.com), so that a reader finds either file whole. The server doesn't "
        "offer it.",
        "Use names of their own for every run, or a server that offers it: OpenSSH does.",
    ),
)
