//! What is left of what all runs together may spend on models, for the log and for a collector of telemetry. It decides
//! nothing.

use shared::otlp;
use shared::otlp::catalog::{BUDGET_CEILING, BUDGET_END, BUDGET_LEFT, BUDGET_PERIOD, BUDGET_SCOPE, VCS_URL};

use super::site::Site;
use crate::budget::{Bank, Left, Scope};

/// Of the installation's ceilings, or of those of one repository.
pub(super) async fn tell(bank: Option<&Bank>, site: Option<&Site<'_>>) {
    let Some(bank) = bank else { return };
    let name = site.map(|site| site.repo.to_string());
    let repository = site.map(Site::repository_id).zip(name.as_deref());
    match bank.left(repository).await {
        Ok(left) => {
            for found in &left {
                log(found, name.as_deref());
                measure(found, site);
            }
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                repository = name,
                "what is left of the budget is not known"
            );
        }
    }
}

fn log(found: &Left, repository: Option<&str>) {
    let Left { setting, queue, ceiling, counted, .. } = found;
    let left = found.left();
    tracing::info!(repository, setting, %left, %ceiling, %counted, queue, "budget");
}

fn measure(found: &Left, site: Option<&Site<'_>>) {
    let scope = match found.scope {
        Scope::Installation => "installation",
        Scope::Repository(_) => "repository",
    };
    let url = site.map(|site| site.repo.url());
    let mut values = vec![(&BUDGET_SCOPE, scope), (&BUDGET_PERIOD, found.span.name())];
    values.extend(url.as_deref().map(|url| (&VCS_URL, url)));
    otlp::measure(&BUDGET_LEFT, found.left().dollars(), &values);
    otlp::measure(&BUDGET_CEILING, found.ceiling.dollars(), &values);
    // A collector keeps showing what it heard last, also when another period has begun.
    otlp::measure(&BUDGET_END, found.until.as_duration().as_secs_f64(), &values);
}
