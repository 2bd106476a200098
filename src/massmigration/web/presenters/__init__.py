"""View models: what templates show, as text and numbers that are ready to be shown."""
