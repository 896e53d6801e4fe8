"""Leaf 3: where dance comes from."""
