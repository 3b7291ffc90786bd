"""Performs what a plan says: runs by the protocol claim, stage, judge, decide, publish, record.

Never: deciding what should happen (plan/), printing, exit codes.
"""
