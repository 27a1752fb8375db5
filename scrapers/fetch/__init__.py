"""Requests that obey what hosts and sites say."""
