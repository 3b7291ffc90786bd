"""The read side: what files a dataset has, pinning them, checking that they still are what was pinned.

Never: what is exported or where to; ledger documents.
"""
