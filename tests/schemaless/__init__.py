"""Databases without transactions over many rows: MongoDB, Datastore, Firestore."""
