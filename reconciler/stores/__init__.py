"""The ledger's stores behind `reconciler.ledger.store.Store`, and `writes`, the one place that sends a conditional
write again.

Never: what a document means, beyond the nonce that tells whose write it was.
"""
