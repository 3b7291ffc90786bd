"""The `sqlar` destination type: every exported file is a row of one SQLite Archive."""
