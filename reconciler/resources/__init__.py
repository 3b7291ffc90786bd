"""The nouns that users write: one file per kind, frozen pydantic models, the source of the JSON Schemas.

Never: references between documents (config/link.py), defaults that depend on another document, I/O.
"""
