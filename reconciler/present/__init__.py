"""What people and machines read: findings, plans, runs as text and JSON.

Never: decisions, I/O.
"""
