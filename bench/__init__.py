"""Measures the product and its peers on the same work, in turns, and checks that they wrote the same rows: `python -m bench --help`."""
