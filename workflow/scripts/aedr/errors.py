"""Errors that a user can act on."""


class UserError(Exception):
    """A mistake in the configuration, the input or the machine; the message says what was expected and what to do."""


class UnusableImage(Exception):
    """A file without an image that the method can use. The message is recorded as the reason in its row."""


class TransparentImage(UnusableImage):
    """A picture that is not opaque everywhere."""
