"""Backends: what carries the work to the place where slices run. One small file each."""
