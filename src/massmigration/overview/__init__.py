"""What pages and commands show: facts of many migrations, in a fixed number of queries.

Nothing here raises because of a migration or a database: what is wrong is part of the answer.
"""
