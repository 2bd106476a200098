"""What the framework costs, measured against loops written by hand: `make bench`."""
