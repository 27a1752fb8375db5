"""Mistakes that the user can mend, and sources that cannot go on."""


class ScraperError(Exception):
    """A user's mistake: what was found, what was expected, what to do. Exit code 2, one line."""


class SourceError(Exception):
    """A source cannot go on (bad key, host down); the others do, and the summary says so."""
