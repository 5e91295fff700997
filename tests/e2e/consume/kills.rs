//! The process dies at each call by which it writes, before and after GitHub has carried it out; the broker gives the
//! message to the next one. In the end all is as if nothing had happened.

use std::sync::{Arc, OnceLock};

use futures_util::{StreamExt as _, stream};
use shared::queue;
use tests::broker::Broker;
use tests::github::{Fault, When};
use tests::model::Step;

use crate::stage::{EDIT, Stage, TASK, signal, undisturbed};

/// Whether GitHub carries out the call at which the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Lost,
    CarriedOut,
}

async fn check_every_write(name: &'static str, status: i32) {
    let broker = Broker::shared().await.unwrap();
    let (expected, writes) = undisturbed(&broker).await;
    let cases = (1..=writes).flat_map(|n| [(n, Call::Lost), (n, Call::CarriedOut)]);
    let cases = stream::iter(cases).map(|(n, call)| ended_at(&broker, name, n, call, status, &expected));
    let wrong: Vec<String> = cases.buffer_unordered(4).filter_map(|wrong| async { wrong }).collect().await;
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), 2 * writes, wrong.join("\n"));
}

/// What is wrong in the end; `None` if all is well.
async fn ended_at(
    broker: &Broker,
    name: &'static str,
    n: usize,
    call: Call,
    status: i32,
    expected: &str,
) -> Option<String> {
    let stage = Stage::set(broker, vec![Step::text(EDIT); 3]).await;
    stage.publish(&stage.wish(TASK, "dev1")).await;
    let process = Arc::new(OnceLock::new());
    let victim = Arc::clone(&process);
    stage.github.on_call(When::Mutation(n), move |_| signal(*victim.wait(), name));
    if call == Call::Lost {
        stage.github.fault(When::Mutation(n), Fault::StallBefore);
    }
    let first = stage.start(&[]);
    process.set(first.id()).unwrap();
    let first = first.end().await;
    let asked = stage.model.requests().len();
    let published = stage
        .github
        .journal()
        .mutations()
        .any(|call| call.operation == "graphql:createCommitOnBranch" && call.status == Some(200));
    // A signal that comes with the last call finds everything done.
    let done = status == 143 && first.status == 0 && stage.seen() == expected;
    let mut ends = vec![first.status];
    if !done {
        stage.host.until_ready(queue::TASKS, 1).await.unwrap();
        while ends.len() < 4 && stage.host.ready(queue::TASKS).await.unwrap() > 0 {
            ends.push(stage.consume(&[]).await.status);
        }
    }
    let mut wrong = Vec::new();
    if first.status != status && !done {
        wrong.push(format!("the first ended with {}: {:#?}", first.status, first.log));
    }
    if !first.left.is_empty() && status == 143 {
        wrong.push(format!("left behind: {:?}", first.left));
    }
    if stage.seen() != expected {
        wrong.push(stage.seen());
    }
    if stage.queues().await != (0, 0) || ends.last() != Some(&0) {
        wrong.push(format!("ends {ends:?}, queues {:?}", stage.queues().await));
    }
    // Once the commit is there, nobody is asked again.
    let again = stage.model.requests().len() - asked;
    if again > usize::from(!published) {
        wrong.push(format!("the model was asked {again} times more"));
    }
    (!wrong.is_empty()).then(|| {
        format!("{name} at write {n}, {call:?}:\n{}\n{}", wrong.join("\n"), stage.github.journal().summary())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_write_nothing_is_lost_and_nothing_doubled() {
    check_every_write("-KILL", 137).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_at_any_write_nothing_is_lost_and_nothing_doubled() {
    check_every_write("-TERM", 143).await;
}
