"""The project of the demo."""
