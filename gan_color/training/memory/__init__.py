"""What batch fits a device."""
