//! *Telemetry* of a run for an issue of Jira: its calls there are told like those to GitHub, and name no issue and no person.

use opentelemetry_proto::tonic::trace::v1::Span;
use tests::collector::{Collector, Mood, text_of};

use crate::harness::{EDIT, Story, offline};

#[test]
fn calls_to_jira_have_their_spans() {
    let story = Story::new(offline(), &[EDIT]);
    let collector = Collector::start(Mood::Good);
    let message = story.label("dev1", &["ai-help", "quickfix"]);
    let run = story.run_with(&message, &[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())]);
    assert_eq!(run.status, Some(0), "{}", story.told(&run));
    assert_eq!(collector.violations(), Vec::<String>::new());

    let spans = collector.spans();
    let [root] = &spans.iter().filter(|span| span.name == "run begin").collect::<Vec<_>>()[..] else {
        panic!("no run: {spans:#?}")
    };
    assert!(spans.iter().all(|span| span.trace_id == root.trace_id), "{spans:#?}");
    let of_jira: Vec<&Span> = spans.iter().filter(|span| span.name.contains(" /rest/api/3/")).collect();
    // As many spans as calls: each is told, and no other.
    assert_eq!(of_jira.len(), story.jira.calls().len(), "{}", story.jira.summary());
    for span in of_jira {
        let (method, template) = span.name.split_once(' ').unwrap();
        let told = text_of(&span.attributes);
        for expected in [
            format!("http.request.method={method},"),
            "http.response.status_code=2".to_owned(),
            "server.address=127.0.0.1,".to_owned(),
            format!("url.template={template}"),
        ] {
            assert!(told.contains(&expected), "{expected}: {told}");
        }
        assert!(!told.contains("PROJ") && !told.contains("557058"), "{told}");
    }
    for name in ["GET /rest/api/3/issue/{key}", "POST /rest/api/3/issue/{key}/comment"] {
        assert!(spans.iter().any(|span| span.name == name), "{name}: {}", story.jira.summary());
    }
    let points = collector.points();
    let expected = "agent.runs{agent.mode=begin,agent.outcome=done} 1";
    assert!(points.iter().any(|point| point == expected), "{points:#?}");
    story.finish();
}
