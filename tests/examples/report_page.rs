//! Writes the page of `ai-agent report --html` about two repositories of a stand-in for GitHub, for who looks at it.
//!
//! ```text
//! report_page PROGRAM FILE
//! ```

use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use jiff::{Timestamp, ToSpan as _};
use tests::github::{GitHub, Opinion, Permission, Scene, World};

const REPOSITORIES: [&str; 2] = ["octo/weather", "octo/hello"];
const BOT: &str = "ai-agent[bot]";
const WEEKS: u64 = 12;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(program), Some(file)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("report_page PROGRAM FILE");
    };
    let begin = Timestamp::now().checked_sub((24 * 7 * i64::try_from(WEEKS)?).hours())?;
    let mut world = World::new().starting(&begin.to_string()).user("dev1", Permission::Write);
    for name in REPOSITORIES {
        world = world.repo(name).file("README.md", "# Sample\n");
    }
    let github = GitHub::start(world);
    github.now(|state| {
        for week in 0..WEEKS - 1 {
            for name in REPOSITORIES {
                // Some weeks have nothing.
                let count = (week * 7 + u64::try_from(name.len()).unwrap_or_default()) % 5;
                (0..count).for_each(|number| work(&mut state.at(name), number));
            }
            state.pass(Duration::from_hours(7 * 24));
        }
    });
    let mut report = Command::new(program);
    report.arg("report").arg("--html").arg(file).env("AGENT_GITHUB_TOKEN", github.personal_token("dev1"));
    report.env("AGENT_MARKER_KEY", "the key of the marks of a sample").env("AGENT_ALLOW_LOOPBACK", "1");
    for name in REPOSITORIES {
        report.args(["--repo", &github.repo_url(name)]);
    }
    let done =
        report.stdout(std::process::Stdio::null()).status().context("the program cannot be started")?;
    anyhow::ensure!(done.success(), "the report failed: {done}");
    github.finish();
    Ok(())
}

/// An issue with a pull request, and what became of it.
fn work(scene: &mut Scene<'_>, number: u64) {
    let issue = scene.open("dev1", "Sensors go offline too early", None);
    let branch = format!("ai-agent/issue-{issue}");
    scene.push_file(BOT, &branch, &format!("src/{issue}.txt"), "x\n");
    let pull = scene.open_pull(BOT, "Wait longer", &branch, "main");
    let cost = format!("openai:sample, 3 calls, 41200 tokens in, 1890 out, $0.{:02}", 7 + 9 * number);
    scene.rewrite(pull, &format!("It waits for 90 seconds.\n\n{cost}"));
    match number % 4 {
        0 | 1 => {
            scene.give_review("dev1", pull, Opinion::ChangesRequested, "Mind the comment.", &[]);
            scene.merge("dev1", pull);
        }
        2 => scene.close("dev1", pull),
        _ => {}
    }
}
