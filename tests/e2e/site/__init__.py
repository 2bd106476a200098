"""A site with cities in it, to be looked at in a browser: for tests and for screenshots."""
