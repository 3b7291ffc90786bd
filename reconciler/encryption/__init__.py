"""Files encrypted with OpenPGP while they are staged.

Never: a private key or a passphrase in a message, an argument or the environment of a process.
"""
