"""Rows to staged files: a serialisable job and the engines that perform it.

Never: the ledger, schedules, what is due, which destination type it is.
"""
