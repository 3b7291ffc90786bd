"""The version, alone, so that `reconcile --version` imports nothing else."""

__version__ = "0.1.0"
