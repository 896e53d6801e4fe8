"""Leaf 1: the live show, from the sound card to the screen and the wire."""
