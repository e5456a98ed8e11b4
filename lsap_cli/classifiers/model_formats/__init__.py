"""Formats of networks: a module `NAME` for each, with a function `load_NAME`. Their table is in `known_models`."""
