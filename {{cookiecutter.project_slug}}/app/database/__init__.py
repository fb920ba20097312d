"""The database: `Database`, opened once, with any number of resources on it."""
