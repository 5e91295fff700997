//! The *manifests*: what the overlays and the chart say to a cluster, held against the schemas of Kubernetes, KEDA and
//! the RabbitMQ operators, against the rules that every workload obeys, and against each other; what of it a broker reads is read by the real
//! one; and the scripts and documents around them. No cluster is needed.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod agreement;
mod brokers;
mod commands;
mod configuration;
mod demonstration;
mod documentation;
mod github_app;
mod imports;
mod installation;
mod keda;
mod learn;
mod policy;
mod render;
mod schema;
mod scripts;
mod steps;
mod supply_chain;
mod telemetry;
mod workload;
