"""Checked expressions as engines take them: Polars expressions, and DuckDB's SQL with its values bound.

Both are made of our own typed tree alone and mean the same, row for row. No engine is imported for the other.
"""
