//! The payload of a webhook of Jira.

use ingest::{
    jira::decide,
    trigger::{Agent, Rules},
};
use shared::{
    jira::{AccountId, JiraRequest, SiteName},
    repo::HostPolicy,
};

pub(crate) fn run(data: &[u8]) {
    let rules = Rules {
        hosts: HostPolicy::github(),
        trigger_label: "ai-help".to_owned(),
        quickfix_label: "quickfix".to_owned(),
        generated_label: "ai-generated".to_owned(),
        agent: Agent::default(),
    };
    let site = SiteName::parse("acme").expect("a name of a site");
    let agent = AccountId::parse("557058:agent");
    if let Ok(Ok(request)) = decide(data, &site, agent.as_ref(), None, &rules) {
        assert_ne!(request.account, agent, "the agent asks itself");
        let message = request.to_message().expect("a request has a message");
        assert_eq!(JiraRequest::parse(&message).expect("it can be read again"), *request);
    }
}
