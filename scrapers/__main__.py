"""python -m scrapers collect | urls | clean | split | resize | pack."""

import sys

from scrapers.cli import main

if __name__ == "__main__":  # worker processes import this file too
    sys.exit(main())
