"""Secret references resolved when they are used, and sessions with clouds.

Never: a secret printed, logged or stored; a decision about what may be done with the access.
"""
