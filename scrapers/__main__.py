"""python -m scrapers collect | urls | clean | split | resize | pack | bench."""

import sys

from scrapers.cli import main

sys.exit(main())
