"""What collecting, cleaning and packing cost, and how right the verdicts are."""
