"""Events and blobs: hash-chained, durable, in memory or in SQLite."""
