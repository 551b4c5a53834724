"""Programme files: read, checked, explained, and read again when they change."""
