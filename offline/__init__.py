"""Leaf 2: files in, dances out, through the same performer."""
