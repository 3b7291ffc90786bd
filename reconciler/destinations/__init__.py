"""The write side: one file per destination type behind one protocol (base.py).

Never: what to export, when, or whether; ledger documents; rows.
"""
