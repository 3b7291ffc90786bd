"""What each destination type needs and accepts: declarations only, so that config and plan know types without their
clients.

Never: a client library, I/O, or anything that needs credentials.
"""
