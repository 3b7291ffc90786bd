"""Text to desired state: read, parse with positions, check against the schemas, overlay, link.

Never: the network, a secret's value, a dataset's content, the clock. All of it is safe on a stranger's pull request.
"""
