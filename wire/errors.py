"""Every error that Menshen raises on purpose, in one tree.

    MenshenError                 catch this at the root of a task, nowhere else
    ├── SettingsError            a settings file is wrong: what, where, and what was expected
    ├── WireError                something that crossed the wire cannot be understood
    │   ├── BadName              a site, gate or lane name is not allowed in a topic
    │   ├── DecodeError          a payload is not the message that its topic promises
    │   └── SealError            a sealed text cannot be opened, or not be sealed to that key
    ├── DriverError              a device cannot be opened or answers nonsense
    ├── SpoolError               the gate's outbox cannot be read or written
    ├── RegistryError            a registry's file cannot be read or written
    ├── DatabaseError            the hub's relational store cannot be read or written
    ├── JournalError             the hub's event log cannot be read or written
    ├── LinkError                the broker refused us or cannot be reached
    ├── BackupError              a copy of a hub cannot be made, or is not whole
    ├── ReleaseError             a release is not signed by who may, not whole, or not for this machine
    ├── EnrolmentError           a gate's code, key or certificate cannot be used
    ├── DeliveryError            a notification was not taken, `retry` says whether to try again
    └── StoreError               a time-series server refused or could not be reached, `retry` likewise

Whether an error may be retried is part of its type or its `retry` attribute, never guessed from its text.
"""

from __future__ import annotations


class MenshenError(Exception):
    """The root of the tree."""


class SettingsError(MenshenError):
    """A settings file is wrong.

    `problems` holds one complete sentence for each fault: file, line, key, value, expectation.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class WireError(MenshenError):
    """Something that crossed the wire cannot be understood."""


class BadName(WireError):
    """A site, gate or lane name that is not allowed in a topic."""


class DecodeError(WireError):
    """A payload is not the message that its topic promises; the text names the fault and where it is."""


class SealError(WireError):
    """A sealed text cannot be opened, or nothing can be sealed to a key."""


class DriverError(MenshenError):
    """A device cannot be opened, vanished, or answers nonsense."""


class SpoolError(MenshenError):
    """The gate's outbox cannot be read or written."""


class RegistryError(MenshenError):
    """A registry's file cannot be read or written."""


class DatabaseError(MenshenError):
    """The hub's relational store cannot be read or written."""


class JournalError(MenshenError):
    """The hub's event log cannot be read or written."""


class LinkError(MenshenError):
    """The broker refused us or cannot be reached."""


class BackupError(MenshenError):
    """A copy of a hub cannot be made, is not whole, or does not belong here."""


class ReleaseError(MenshenError):
    """A release is not signed by a key that is trusted, not whole, too old, or not for this machine."""


class EnrolmentError(MenshenError):
    """A gate's enrolment code, key or certificate cannot be used; the text says what to do."""


class DeliveryError(MenshenError):
    """A notification was not taken by its channel; `pause_s` is how long the service wants to be left alone.

    `lost`: it went out and no answer came, so that it may have been taken all the same.
    """

    def __init__(self, message: str, *, retry: bool, pause_s: float = 0.0, lost: bool = False) -> None:
        super().__init__(message)
        self.retry = retry
        self.pause_s = pause_s
        self.lost = lost


class StoreError(MenshenError):
    """A time-series server refused a write or could not be reached."""

    def __init__(self, message: str, *, retry: bool) -> None:
        super().__init__(message)
        self.retry = retry
