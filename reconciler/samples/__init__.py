"""Invented prospects for demonstrations, `init` and tests: seeded, realistic in shape, never real people.

Never: anything that a real export needs.
"""
