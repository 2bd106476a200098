"""Import paths of 0.3.x."""
