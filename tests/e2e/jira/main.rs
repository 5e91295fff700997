//! Stories of issues on Jira.
