"""The engine: plans runs, works on shards batch by batch, and says what is to be done next.

It knows nothing of queues: backends carry the work to where a slice runs.
"""
