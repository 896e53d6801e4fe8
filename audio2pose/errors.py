"""Every error that a user can cause or meet, each also the builtin that it resembles.

The message has three parts: what was found, what was wanted, what to do; the last follows the last ': ', and may be missing.
`exit_code` is what the command exits with.
"""

from __future__ import annotations


class Audio2PoseError(Exception):
    """Root of the family; `exit_code` follows the outward contract (2 wrong use, 3 device, 4 input, 5 output)."""

    exit_code = 2

    @property
    def parts(self) -> tuple[str, str]:
        """What is wrong, and what to do; the second is empty where the message does not say.

        After a place ("the environment: ...") stands what is wrong there, which says what must be; advice never does.
        """
        whole = str(self)
        what, _, then = whole.rpartition(": ")
        if not what or " must " in f" {then} " or then.count(")") > then.count("("):
            return whole, ""
        return what, then


class UsageError(Audio2PoseError, ValueError):
    """The command was asked for something that it does not offer."""


class ConfigError(Audio2PoseError, ValueError):
    """A setting is unknown or out of range."""


class DeviceError(Audio2PoseError, OSError):
    """No such sound device, display or network host."""

    exit_code = 3


class SongError(Audio2PoseError, ValueError):
    """A sound file is missing, unreadable or holds no sound."""

    exit_code = 4


class CorpusError(Audio2PoseError, ValueError):
    """A motion file is missing, unreadable or not what it says."""

    exit_code = 4


class LibraryError(Audio2PoseError, ValueError):
    """A motion library is missing, damaged or built for another version."""

    exit_code = 4


class OutputError(Audio2PoseError, OSError):
    """A file could not be written."""

    exit_code = 5
