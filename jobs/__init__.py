"""Work that falls due: who does it, how often, and that it is done though processes come and go."""
