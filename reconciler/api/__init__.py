"""What reconciler does, as functions: the Python API, and what the command line calls.

Here belong the composition root and one function for each thing that a person asks for. Never printing, flags or exit codes.
"""
