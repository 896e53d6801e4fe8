"""Hearing: samples in, beats and features out."""
