"""Decisions, pure: which slots exist, what is due, what a change of configuration does.

Never: a clock, input or output, randomness, a cloud, a thread. Times are passed in, aware; the same arguments give the same answer
on every machine.
"""
