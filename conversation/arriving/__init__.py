"""What comes in: kept before it is acknowledged, each part of it once."""
