"""Cities of the world."""
