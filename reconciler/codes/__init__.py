"""The catalogue of diagnostic codes, one file per area: what `reconcile explain CODE` prints and the reference lists.

Text only. Never: logic, user data, or a code that nothing reports (a test compares both ways).
"""
