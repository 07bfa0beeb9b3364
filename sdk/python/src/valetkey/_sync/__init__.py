"""The client that blocks. Generated from `valetkey._async` by `scripts/sync.py`: change that."""
