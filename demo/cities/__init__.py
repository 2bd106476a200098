"""Cities of the world, and a search key for their names."""
