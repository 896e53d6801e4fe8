"""Choosing: which stretch of the library is danced next, and why."""
