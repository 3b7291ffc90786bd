"""Strategy `diff`: what of a dataset was added, changed and removed since a flow's last export.

Imports the engine's libraries where they are used. See docs/increments.md.
"""
