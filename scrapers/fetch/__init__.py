"""Polite HTTP: rate limits, robots.txt, opt-outs, no private addresses."""
