"""A live dance performer: sound in, a dancing body out, on the beat."""

__version__ = "0.1.0"
