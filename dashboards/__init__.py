"""The served pages: stores that ask the Lab, views that draw, pages that compose. No SQL, no ingest."""
