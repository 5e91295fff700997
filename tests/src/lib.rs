//! Stand-ins on the wire for the services that the programs talk to, and what the end-to-end tests share.

pub mod bin;
pub mod broker;
pub mod cases;
pub mod collector;
mod connection;
mod description;
pub mod git_http;
pub mod github;
pub mod ingest;
pub mod jira;
pub mod lambda;
pub mod marker;
pub mod model;
pub mod proxy;
pub mod rotel;
pub mod scenario;
pub mod webhook;
