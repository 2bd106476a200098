"""Mass migrations of the shop; tests add their own."""
