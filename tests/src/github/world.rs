//! A **world** is how a story begins: who is there, which repositories, what is in them.
//!
//! ```no_run
//! use tests::github::{GitHub, Permission, World};
//!
//! let world = World::new()
//!     .user("dev1", Permission::Write)
//!     .repo("octo/hello")
//!     .file("README.md", "Helo\n")
//!     .issue(1, "Typo in the README", "It says Helo.", &["ai-help", "quickfix"]);
//! let github = GitHub::start(world);
//! ```

use std::time::Duration;

use super::auth::{Level, Permissions};
use super::scene::{File, Scene};
use super::state::{Account, Availability, Feature, Permission, Repo, State, User, Visibility};
use super::store::Store;

/// The beginning of a story. The words that come after `repo` are about that repository.
#[derive(Debug)]
#[must_use]
pub struct World {
    state: State,
    staged: Vec<File>,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Nobody but the App `ai-agent`, whose installation 42 covers every repository with the permissions contents, issues and pull requests.
    pub fn new() -> Self {
        let mut world = Self { state: State::new(), staged: Vec::new() };
        let bot = world.state.app.bot();
        world.add(&bot, Account::Bot, Permission::None);
        world
    }

    fn add(&mut self, login: &str, account: Account, permission: Permission) {
        assert!(self.state.user(login).is_none(), "there is already a user {login}");
        let id = 100 + self.state.users.len() as u64;
        self.state.users.push(User { id, login: login.to_owned(), account, permission });
    }

    /// A person, with this permission in repositories that do not say otherwise.
    pub fn user(mut self, login: &str, permission: Permission) -> Self {
        self.add(login, Account::User, permission);
        self
    }

    /// Another App's user; its login ends in `[bot]`.
    pub fn bot(mut self, login: &str, permission: Permission) -> Self {
        self.add(login, Account::Bot, permission);
        self
    }

    /// What the installation may do, in place of the usual.
    pub fn app_permissions(mut self, permissions: &[(&str, Level)]) -> Self {
        let named = permissions.iter().map(|(name, level)| ((*name).to_owned(), *level));
        let metadata = [("metadata".to_owned(), Level::Read)];
        self.state.app.permissions = named.chain(metadata).collect::<Permissions>();
        self
    }

    /// Another installation that the list has first, and that serves no more: there is no token for it.
    pub fn dead_installation(mut self, id: u64) -> Self {
        self.state.app.dead_installation = Some(id);
        self
    }

    /// What the App is sent, in place of the usual.
    pub fn app_events(mut self, events: &[&str]) -> Self {
        self.state.app.events = events.iter().map(|event| (*event).to_owned()).collect();
        self
    }

    /// When the story begins, in place of the usual moment.
    pub fn starting(mut self, at: &str) -> Self {
        self.state.start(at.parse().expect("a time"));
        self
    }

    /// A webhook delivery that GitHub remembers, from so long ago by this machine's clock.
    pub fn delivery(mut self, guid: &str, event: &str, status_code: u16, ago: Duration) -> Self {
        self.state.deliver(guid, event, status_code, ago);
        self
    }

    /// A public repository, with issues and drafts, whose default branch is `main`. It stays empty as long as it is given no file.
    pub fn repo(mut self, full_name: &str) -> Self {
        self.seal();
        let (owner, name) = full_name.split_once('/').expect("OWNER/NAME");
        if self.state.user(owner).is_none() {
            self.add(owner, Account::Organization, Permission::Admin);
        }
        let id = 500 + self.state.repos.len() as u64;
        let store = Store::init(self.state.root.path().join(format!("{id}.git")), "main");
        let created_at = self.state.tick();
        self.state.repos.push(Repo {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            former_names: Vec::new(),
            visibility: Visibility::Public,
            availability: Availability::Live,
            issues_feature: Feature::On,
            drafts_feature: Feature::On,
            default_branch: "main".to_owned(),
            permissions: [].into(),
            labels: [].into(),
            protected: Vec::new(),
            issues: [].into(),
            signed: Vec::new(),
            tips: [].into(),
            started: Vec::new(),
            checks: [].into(),
            created_at,
            store,
        });
        self
    }

    /// Anything else that happened in the repository before the story begins.
    pub fn before(mut self, happen: impl FnOnce(&mut Scene<'_>)) -> Self {
        self.seal();
        happen(&mut self.scene());
        self
    }

    pub fn private(self) -> Self {
        self.before(|scene| scene.set_visibility(Visibility::Private))
    }

    pub fn archived(self) -> Self {
        self.before(|scene| scene.set_availability(Availability::Archived))
    }

    pub fn blocked(self) -> Self {
        self.before(|scene| scene.set_availability(Availability::Blocked))
    }

    pub fn without_issues(self) -> Self {
        self.before(|scene| scene.set_issues(Feature::Off))
    }

    pub fn without_drafts(self) -> Self {
        self.before(|scene| scene.set_drafts(Feature::Off))
    }

    pub fn protected(self, branch: &str) -> Self {
        self.before(|scene| scene.protect(branch))
    }

    /// What this user may do in this repository, in place of what it may do elsewhere.
    pub fn permission(self, login: &str, permission: Permission) -> Self {
        self.before(|scene| scene.set_permission(login, permission))
    }

    /// A text file in the first commit of the default branch.
    pub fn file(self, path: &str, content: &str) -> Self {
        self.put(File::text(path, content))
    }

    /// Any file in the first commit of the default branch.
    pub fn put(mut self, file: File) -> Self {
        self.staged.push(file);
        self
    }

    /// An issue by the first person of the story, or by the owner where there is no person.
    pub fn issue(self, number: u64, title: &str, body: &str, labels: &[&str]) -> Self {
        let person = self.state.users.iter().find(|user| user.account == Account::User);
        let author = person.map_or_else(|| self.last().owner.clone(), |user| user.login.clone());
        self.issue_by(&author, number, title, body, labels)
    }

    pub fn issue_by(self, author: &str, number: u64, title: &str, body: &str, labels: &[&str]) -> Self {
        self.before(|scene| {
            scene.open_as(number, author, title, Some(body));
            for label in labels {
                scene.label(author, number, label);
            }
        })
    }

    pub fn comment(self, author: &str, number: u64, body: &str) -> Self {
        self.before(|scene| {
            scene.comment(author, number, body);
        })
    }

    fn last(&self) -> &Repo {
        self.state.repos.last().expect("a repository comes first")
    }

    fn scene(&mut self) -> Scene<'_> {
        let at = self.state.repos.len().checked_sub(1).expect("a repository comes first");
        Scene { state: &mut self.state, at }
    }

    /// Commits the files that were put so far.
    fn seal(&mut self) {
        let staged = std::mem::take(&mut self.staged);
        if !staged.is_empty() {
            let (author, branch) = (self.last().owner.clone(), self.last().default_branch.clone());
            self.scene().push(&author, &branch, "Initial commit", &staged);
        }
    }

    pub(crate) fn into_state(mut self) -> State {
        self.seal();
        self.state
    }
}
