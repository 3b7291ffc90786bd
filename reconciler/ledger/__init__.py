"""The actual state: what the ledger's documents hold and how they may change.

`records.py` the documents, `transitions.py` every allowed change of a flow's head (pure), `codec.py` bytes and versions, `keys.py` names,
`store.py` the port. Never: a client library, a clock, randomness; stores live in `reconciler/stores`.
"""
