"""What code written for 0.3.x relies on: each test states one fact."""
