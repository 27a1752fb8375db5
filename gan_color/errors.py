"""The one exception of this project that a user is meant to read."""


class GanColorError(Exception):
    """A mistake the user can mend: the message says what was found, what was expected, what to do.

    The command line prints it as one line and exits with code 2; the web interface answers 4xx.
    """
