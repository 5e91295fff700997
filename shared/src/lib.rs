//! What `ingest` and `task` agree on, and nothing else.
