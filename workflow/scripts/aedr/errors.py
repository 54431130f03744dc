"""Errors that a person can act on."""


class UserError(Exception):
    """A mistake in the configuration, the input or the machine; the message says what was expected and what to do."""


class UnusableImage(Exception):
    """A file that holds no picture the method can use; the message is the reason recorded in its row."""
