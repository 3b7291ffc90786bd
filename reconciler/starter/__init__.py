"""The projects that `init` writes: resources as commented YAML, over sample data or over data that is there.

Never: reading data (that is `datasets`), deciding what is valid (`config`), printing.
"""
