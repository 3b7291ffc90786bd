"""What several floors speak of: slots, pins, staged files, manifests, cursors, identities.

Frozen values without behaviour beyond their own form. Never: I/O, a clock, randomness, a client library.
"""
