//! A *forge* keeps repositories: branches, commits, pull requests, reviews, and who may write.

pub mod github;
