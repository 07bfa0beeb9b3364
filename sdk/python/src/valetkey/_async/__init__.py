"""The asynchronous client. `valetkey._sync` is generated from this package by `scripts/sync.py`."""
