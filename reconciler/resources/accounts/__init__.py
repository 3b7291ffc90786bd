"""One file per type of account: how it authenticates, as it is declared. `reconciler/resources/account.py` lists them.

Never: a secret itself, or a client.
"""
