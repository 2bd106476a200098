"""Things to migrate, with every kind of primary key."""
