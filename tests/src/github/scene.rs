//! A **scene** is one repository in which something happens: what people do on the web page, and what calls do through the interface, are the
//! same verbs.

use super::state::{
    Age, Availability, Check, CheckKind, Comment, Event, Feature, Home, Issue, Label, Lock, Opinion,
    Permission, Place, Pull, Reaction, Repo, Report, Resolution, Review, ReviewText, Stage, State, Thread,
    Verdict, Visibility, What,
};
use super::store::{Change, Commit, Oid, Refused, Signature};

/// One repository of the state, with the verbs that change it.
pub struct Scene<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) at: usize,
}

/// A file as it is to be in the next commit.
#[derive(Debug, Clone)]
pub struct File {
    pub path: String,
    pub mode: &'static str,
    pub content: Vec<u8>,
}

impl State {
    /// The repository of this full name.
    pub fn at(&mut self, full_name: &str) -> Scene<'_> {
        let at = self.find(full_name).unwrap_or_else(|| panic!("there is no repository {full_name}"));
        Scene { state: self, at }
    }
}

impl State {
    /// The first repository of the story, whatever it is called by now.
    pub fn first(&mut self) -> Scene<'_> {
        Scene { state: self, at: 0 }
    }
}

impl Scene<'_> {
    pub fn repo(&self) -> &Repo {
        &self.state.repos[self.at]
    }

    pub(crate) fn repo_mut(&mut self) -> &mut Repo {
        &mut self.state.repos[self.at]
    }

    pub fn issue(&self, number: u64) -> &Issue {
        self.repo().issues.get(&number).unwrap_or_else(|| panic!("there is no issue {number}"))
    }

    pub(crate) fn issue_mut(&mut self, number: u64) -> &mut Issue {
        self.repo_mut().issues.get_mut(&number).unwrap_or_else(|| panic!("there is no issue {number}"))
    }

    /// Opens an issue and returns its number.
    pub fn open(&mut self, author: &str, title: &str, body: Option<&str>) -> u64 {
        let number = self.repo().issues.keys().last().map_or(1, |last| last + 1);
        self.open_as(number, author, title, body);
        number
    }

    pub(crate) fn open_as(&mut self, number: u64, author: &str, title: &str, body: Option<&str>) {
        let (id, now) = (self.state.id(), self.state.tick());
        let issue = Issue {
            id,
            number,
            title: title.to_owned(),
            body: body.map(str::to_owned),
            author: author.to_owned(),
            labels: Vec::new(),
            assignees: Vec::new(),
            lock: Lock::Unlocked,
            comments: Vec::new(),
            reactions: Vec::new(),
            events: Vec::new(),
            created_at: now,
            updated_at: now,
            edited_at: None,
            closed_at: None,
            place: Place::Here,
            pull: None,
        };
        assert!(self.repo_mut().issues.insert(number, issue).is_none(), "number {number} is taken");
    }

    /// Opens a pull request for a branch that exists and returns its number.
    pub fn open_pull(&mut self, author: &str, title: &str, head: &str, base: &str) -> u64 {
        let number = self.open(author, title, None);
        let id = self.state.id();
        let tip = |repo: &Repo, name: &str| repo.branch(name).unwrap_or_else(|| panic!("no branch {name}"));
        let (head_oid, base_oid) = (tip(self.repo(), head), tip(self.repo(), base));
        let merge_base = self.repo().store.merge_base(&head_oid, &base_oid).unwrap_or(base_oid);
        self.issue_mut(number).pull = Some(Pull {
            id,
            stage: Stage::Ready,
            head: head.to_owned(),
            head_oid,
            base: base.to_owned(),
            base_oid: merge_base,
            reviewers: Vec::new(),
            reviews: Vec::new(),
            threads: Vec::new(),
            home: Home::Here,
            auto_merge: false,
            merged_at: None,
        });
        number
    }

    /// The same for a branch of this name in a fork.
    pub fn open_fork_pull(&mut self, author: &str, title: &str, head: &str, base: &str) -> u64 {
        let number = self.open_pull(author, title, head, base);
        self.issue_mut(number).pull.as_mut().expect("a pull request").home = Home::Fork;
        number
    }

    pub(crate) fn record(&mut self, number: u64, actor: &str, what: What) {
        let (id, at) = (self.state.id(), self.state.tick());
        let issue = self.issue_mut(number);
        issue.updated_at = at;
        issue.events.push(Event { id, actor: actor.to_owned(), what, at });
    }

    pub fn retitle(&mut self, actor: &str, number: u64, title: &str) {
        let from = std::mem::replace(&mut self.issue_mut(number).title, title.to_owned());
        if from != title {
            self.record(number, actor, What::Renamed { from, to: title.to_owned() });
        }
    }

    pub fn rewrite(&mut self, number: u64, body: &str) {
        let now = self.state.tick();
        let issue = self.issue_mut(number);
        issue.body = Some(body.to_owned());
        issue.updated_at = now;
        issue.edited_at = Some(now);
    }

    pub fn close(&mut self, actor: &str, number: u64) {
        if self.issue(number).closed_at.is_none() {
            let now = self.state.tick();
            self.issue_mut(number).closed_at = Some(now);
            self.record(number, actor, What::Closed);
        }
    }

    pub fn reopen(&mut self, actor: &str, number: u64) {
        if self.issue_mut(number).closed_at.take().is_some() {
            self.record(number, actor, What::Reopened);
        }
    }

    pub fn lock(&mut self, number: u64) {
        self.issue_mut(number).lock = Lock::Locked;
    }

    /// Deletes an issue, as an administrator can.
    pub fn delete(&mut self, number: u64) {
        self.issue_mut(number).place = Place::Deleted;
    }

    /// Transfers an issue to another repository, where it gets a new number.
    pub fn transfer(&mut self, number: u64, target: &str) -> u64 {
        let Issue { title, body, author, .. } = self.issue(number).clone();
        let moved = self.state.at(target).open(&author, &title, body.as_deref());
        self.issue_mut(number).place = Place::Moved { repo: target.to_owned(), number: moved };
        moved
    }

    /// Merges a pull request: the base moves to a merge commit.
    pub fn merge(&mut self, actor: &str, number: u64) {
        let pull = self.issue(number).pull.clone().expect("a pull request");
        let base = self.repo().branch(&pull.base).expect("the base branch");
        let tree = self.repo().store.commit(&pull.head_oid).expect("the head commit").tree;
        let by = self.signature(actor);
        let message = format!("Merge pull request #{number} from {}/{}", self.repo().owner, pull.head);
        let parents = vec![base, pull.head_oid];
        let commit = Commit { tree, parents, author: by.clone(), committer: by, message };
        let oid = self.repo().store.write_commit(&commit);
        self.move_branch(&pull.base, &oid).expect("the base branch can move");
        let now = self.state.tick();
        let issue = self.issue_mut(number);
        issue.closed_at = Some(now);
        issue.pull.as_mut().expect("a pull request").merged_at = Some(now);
        self.record(number, actor, What::Closed);
    }

    /// Writes a comment and returns its id.
    pub fn comment(&mut self, author: &str, number: u64, body: &str) -> u64 {
        let (id, now) = (self.state.id(), self.state.tick());
        self.issue_mut(number).comments.push(Comment {
            id,
            author: author.to_owned(),
            body: body.to_owned(),
            created_at: now,
            updated_at: now,
            reactions: Vec::new(),
        });
        self.record(number, author, What::Commented { comment: id });
        id
    }

    /// A review that asks for changes.
    pub fn ask_for_changes(&mut self, author: &str, number: u64, body: &str) {
        let (id, _) = self.review(author, number, body, None);
        let reviews = &mut self.issue_mut(number).pull.as_mut().expect("a pull request").reviews;
        let review = reviews.iter_mut().find(|review| review.text.id == id).expect("it was just made");
        review.opinion = Opinion::ChangesRequested;
    }

    /// A review with a text, and perhaps a comment on a line. Gives the ids of both.
    pub fn review(
        &mut self,
        author: &str,
        number: u64,
        body: &str,
        line: Option<&str>,
    ) -> (u64, Option<u64>) {
        let lines: Vec<(&str, u64, &str)> = line.map(|text| ("README.md", 1, text)).into_iter().collect();
        let (review, comments) = self.give_review(author, number, Opinion::Commented, body, &lines);
        (review, comments.first().copied())
    }

    /// A review with a text, and comments on lines of files, each of which begins a thread. Gives their ids. Whoever was asked
    /// for a review is not asked any more.
    pub fn give_review(
        &mut self,
        author: &str,
        number: u64,
        opinion: Opinion,
        body: &str,
        lines: &[(&str, u64, &str)],
    ) -> (u64, Vec<u64>) {
        let now = self.state.tick();
        let text = self.said(author, body, now);
        let comments: Vec<ReviewText> =
            lines.iter().map(|(_, _, body)| self.said(author, body, now)).collect();
        let ids: Vec<u64> = comments.iter().map(|comment| comment.id).collect();
        let mut threads = Vec::new();
        for ((path, line, _), first) in lines.iter().zip(&ids) {
            threads.push(self.thread(number, path, *line, *first));
        }
        let pull = self.issue_mut(number).pull.as_mut().expect("a pull request");
        pull.threads.extend(threads);
        pull.reviewers.retain(|login| login != author);
        let id = text.id;
        pull.reviews.push(Review { opinion, text, comments });
        (id, ids)
    }

    fn said(&mut self, author: &str, body: &str, created_at: jiff::Timestamp) -> ReviewText {
        ReviewText {
            id: self.state.id(),
            created_at,
            author: author.to_owned(),
            body: body.to_owned(),
            edited_at: None,
            reactions: Vec::new(),
        }
    }

    fn thread(&mut self, number: u64, path: &str, line: u64, first: u64) -> Thread {
        let id = self.state.id();
        let repo = self.repo();
        let head = &self.issue(number).pull.as_ref().expect("a pull request").head_oid;
        let file = repo.store.entry_at(head.as_str(), path).and_then(|entry| repo.store.blob(&entry.oid));
        let file = file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let at = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
        let text = file.lines().nth(at).map(str::to_owned);
        let shown: Vec<String> =
            file.lines().take(at + 1).skip(at.saturating_sub(3)).map(|line| format!(" {line}")).collect();
        Thread {
            id,
            path: path.to_owned(),
            line: Some(line),
            hunk: format!("@@ -1,4 +1,4 @@\n{}", shown.join("\n")),
            text,
            resolution: Resolution::Open,
            age: Age::Current,
            comments: vec![first],
        }
    }

    /// A reply in the thread that begins with a comment; a review of its own. Gives the ids of both.
    pub fn reply(&mut self, author: &str, number: u64, first: u64, body: &str) -> (u64, u64) {
        let now = self.state.tick();
        let (text, comment) = (self.said(author, "", now), self.said(author, body, now));
        let ids = (text.id, comment.id);
        let pull = self.issue_mut(number).pull.as_mut().expect("a pull request");
        let thread = pull.threads.iter_mut().find(|thread| thread.comments.first() == Some(&first));
        thread.unwrap_or_else(|| panic!("no thread begins with {first}")).comments.push(comment.id);
        pull.reviews.push(Review { opinion: Opinion::Commented, text, comments: vec![comment] });
        ids
    }

    fn thread_mut(&mut self, number: u64, first: u64) -> &mut Thread {
        let threads = &mut self.issue_mut(number).pull.as_mut().expect("a pull request").threads;
        let mut threads = threads.iter_mut();
        threads.find(|thread| thread.comments.first() == Some(&first)).expect("a thread begins with it")
    }

    pub fn resolve(&mut self, number: u64, first: u64) {
        self.thread_mut(number, first).resolution = Resolution::Resolved;
    }

    /// Takes the word of a review back, as its author or an administrator can.
    pub fn dismiss(&mut self, number: u64, review: u64) {
        let reviews = &mut self.issue_mut(number).pull.as_mut().expect("a pull request").reviews;
        let review = reviews.iter_mut().find(|found| found.text.id == review).expect("the review");
        review.opinion = Opinion::Dismissed;
    }

    /// Lets a pull request be merged by itself as soon as it may be.
    pub fn merge_by_itself(&mut self, number: u64) {
        self.issue_mut(number).pull.as_mut().expect("a pull request").auto_merge = true;
    }

    /// Lets a pull request be for another branch.
    pub fn retarget(&mut self, number: u64, base: &str) {
        let tip = self.repo().branch(base).unwrap_or_else(|| panic!("there is no branch {base}"));
        let pull = self.issue_mut(number).pull.as_mut().expect("a pull request");
        (pull.base, pull.base_oid) = (base.to_owned(), tip);
    }

    /// What is said in the thread that begins with a comment: who, and what.
    pub fn thread_texts(&self, number: u64, first: u64) -> Vec<(String, String)> {
        let pull = self.issue(number).pull.as_ref().expect("a pull request");
        let thread = pull.threads.iter().find(|thread| thread.comments.first() == Some(&first));
        let comments = thread.expect("a thread begins with it").comments.iter();
        let text = |id: &u64| {
            let mut all = pull.reviews.iter().flat_map(|review| &review.comments);
            all.find(|comment| comment.id == *id).map(|said| (said.author.clone(), said.body.clone()))
        };
        comments.filter_map(text).collect()
    }

    /// The comment on a line with this id.
    pub(crate) fn line_mut(&mut self, id: u64) -> Option<&mut ReviewText> {
        let pulls = self.repo_mut().issues.values_mut().filter_map(|issue| issue.pull.as_mut());
        let mut lines = pulls.flat_map(|pull| &mut pull.reviews).flat_map(|review| &mut review.comments);
        lines.find(|text| text.id == id)
    }

    /// Changes the text of a review or of a comment on a line.
    pub fn edit_review(&mut self, number: u64, id: u64, body: &str) {
        let now = self.state.tick();
        let reviews = &mut self.issue_mut(number).pull.as_mut().expect("a pull request").reviews;
        let mut texts = reviews
            .iter_mut()
            .flat_map(|review| std::iter::once(&mut review.text).chain(&mut review.comments));
        let text = texts.find(|text| text.id == id).unwrap_or_else(|| panic!("there is no review {id}"));
        body.clone_into(&mut text.body);
        text.edited_at = Some(now);
    }

    pub(crate) fn comment_mut(&mut self, id: u64) -> &mut Comment {
        let comments = self.repo_mut().issues.values_mut().flat_map(|issue| &mut issue.comments);
        comments
            .into_iter()
            .find(|comment| comment.id == id)
            .unwrap_or_else(|| panic!("there is no comment {id}"))
    }

    pub fn edit_comment(&mut self, id: u64, body: &str) {
        let now = self.state.tick();
        let comment = self.comment_mut(id);
        body.clone_into(&mut comment.body);
        comment.updated_at = now;
    }

    pub fn delete_comment(&mut self, id: u64) {
        for issue in self.repo_mut().issues.values_mut() {
            issue.comments.retain(|comment| comment.id != id);
            issue.events.retain(|event| !matches!(event.what, What::Commented { comment } if comment == id));
        }
    }

    /// Makes the label if it does not exist, as GitHub does when one is added to an issue.
    pub(crate) fn ensure_label(&mut self, name: &str) -> Label {
        let id = self.state.id();
        let known = self
            .repo()
            .labels
            .values()
            .find(|label| label.name.to_lowercase() == name.to_lowercase())
            .cloned();
        known.unwrap_or_else(|| {
            let label = Label { id, name: name.to_owned(), color: "ededed".to_owned(), description: None };
            self.repo_mut().labels.insert(name.to_lowercase(), label.clone());
            label
        })
    }

    pub fn label(&mut self, actor: &str, number: u64, name: &str) {
        let name = self.ensure_label(name).name;
        if !self.issue(number).labels.contains(&name) {
            self.issue_mut(number).labels.push(name.clone());
            self.record(number, actor, What::Labeled(name));
        }
    }

    pub fn unlabel(&mut self, actor: &str, number: u64, name: &str) {
        let labels = &mut self.issue_mut(number).labels;
        if let Some(position) = labels.iter().position(|label| label.to_lowercase() == name.to_lowercase()) {
            let name = labels.remove(position);
            self.record(number, actor, What::Unlabeled(name));
        }
    }

    pub fn assign(&mut self, actor: &str, number: u64, login: &str) {
        if !self.issue(number).assignees.iter().any(|name| name == login) {
            self.issue_mut(number).assignees.push(login.to_owned());
            self.record(number, actor, What::Assigned(login.to_owned()));
        }
    }

    pub fn unassign(&mut self, actor: &str, number: u64, login: &str) {
        let assignees = &mut self.issue_mut(number).assignees;
        if let Some(position) = assignees.iter().position(|name| name == login) {
            assignees.remove(position);
            self.record(number, actor, What::Unassigned(login.to_owned()));
        }
    }

    pub(crate) fn set_stage(&mut self, actor: &str, number: u64, stage: Stage) {
        let pull = self.issue_mut(number).pull.as_mut().expect("a pull request");
        if pull.stage != stage {
            pull.stage = stage;
            let what = match stage {
                Stage::Draft => What::ConvertedToDraft,
                Stage::Ready => What::ReadyForReview,
            };
            self.record(number, actor, what);
        }
    }

    pub(crate) fn react(&mut self, author: &str, content: &str) -> Reaction {
        let (id, created_at) = (self.state.id(), self.state.tick());
        Reaction { id, author: author.to_owned(), content: content.to_owned(), created_at }
    }

    /// How commits of this user are signed now.
    pub(crate) fn signature(&mut self, login: &str) -> Signature {
        let when = self.state.tick();
        let id = self.state.user(login).map_or(0, |user| user.id);
        Signature { name: login.to_owned(), email: format!("{id}+{login}@users.noreply.github.com"), when }
    }

    /// Commits files to a branch, which is made from the default branch if it does not exist, and returns the commit: what a push by a person does.
    pub fn push(&mut self, author: &str, branch: &str, message: &str, files: &[File]) -> Oid {
        let parent = self.repo().branch(branch).or_else(|| self.repo().branch(&self.repo().default_branch));
        let store = &self.repo().store;
        let base = parent.as_ref().map(|oid| store.commit(oid).expect("the branch has a commit").tree);
        let changes: Vec<Change> = files
            .iter()
            .map(|file| Change::Put {
                path: file.path.clone(),
                mode: file.mode.to_owned(),
                oid: store.write_blob(&file.content),
            })
            .collect();
        let tree = store.write_tree(base.as_ref(), &changes).expect("the files make a tree");
        let by = self.signature(author);
        let parents = parent.into_iter().collect();
        let commit = Commit { tree, parents, author: by.clone(), committer: by, message: message.to_owned() };
        let oid = self.repo().store.write_commit(&commit);
        self.move_branch(branch, &oid).expect("the branch can move");
        oid
    }

    /// The same for one text file.
    pub fn push_file(&mut self, author: &str, branch: &str, path: &str, content: &str) -> Oid {
        self.push(author, branch, &format!("Update {path}"), &[File::text(path, content)])
    }

    /// Removes a file from a branch.
    pub fn remove_file(&mut self, author: &str, branch: &str, path: &str) -> Oid {
        let head = self.repo().branch(branch).expect("the branch");
        let store = &self.repo().store;
        let base = store.commit(&head).expect("the branch has a commit").tree;
        let change = Change::Remove { path: path.to_owned() };
        let tree = store.write_tree(Some(&base), &[change]).expect("the files make a tree");
        self.commit_tree(author, branch, &format!("Remove {path}"), tree, vec![head])
    }

    /// Merges a branch into another one, as the button of a pull request does it.
    pub fn merge_into(&mut self, author: &str, branch: &str, other: &str) -> Oid {
        let [ours, theirs] = [branch, other].map(|name| self.repo().branch(name).expect("the branch"));
        let tree = self.repo().store.merged_tree(&ours, &theirs).expect("the branches merge");
        let message = format!("Merge branch '{other}' into {branch}");
        self.commit_tree(author, branch, &message, tree, vec![ours, theirs])
    }

    fn commit_tree(
        &mut self,
        author: &str,
        branch: &str,
        message: &str,
        tree: Oid,
        parents: Vec<Oid>,
    ) -> Oid {
        let by = self.signature(author);
        let commit = Commit { tree, parents, author: by.clone(), committer: by, message: message.to_owned() };
        let oid = self.repo().store.write_commit(&commit);
        self.move_branch(branch, &oid).expect("the branch can move");
        oid
    }

    /// Makes the newest commit of a branch again and forces it there, as `git commit --amend` does: author and message stay.
    pub fn amend(&mut self, committer: &str, branch: &str) -> Oid {
        let head = self.repo().branch(branch).expect("the branch");
        let old = self.repo().store.commit(&head).expect("the branch has a commit");
        let commit = Commit { committer: self.signature(committer), ..old };
        let oid = self.repo().store.write_commit(&commit);
        self.move_branch(branch, &oid).expect("the branch can move");
        oid
    }

    pub(crate) fn move_branch(&mut self, branch: &str, target: &Oid) -> Result<(), Refused> {
        let reference = format!("refs/heads/{branch}");
        self.repo().store.set_reference(&reference, target)?;
        let now = self.state.tick();
        self.repo_mut().follow_branches(now);
        Ok(())
    }

    /// Says how a check of the newest commit of a branch stands.
    pub fn check(&mut self, branch: &str, name: &str, kind: CheckKind, verdict: Verdict) {
        self.check_reports(branch, name, kind, verdict, Report::default());
    }

    /// The same, with what it says.
    pub fn check_reports(
        &mut self,
        branch: &str,
        name: &str,
        kind: CheckKind,
        verdict: Verdict,
        report: Report,
    ) {
        let head = self.repo().branch(branch).unwrap_or_else(|| panic!("there is no branch {branch}"));
        let id = self.state.id();
        let checks = self.repo_mut().checks.entry(head).or_default();
        checks.retain(|check| check.name != name);
        checks.push(Check { id, name: name.to_owned(), kind, verdict, report });
    }

    /// The check run with this number, and its commit.
    pub(crate) fn check_run(&self, id: u64) -> Option<(&Oid, &Check)> {
        let mut all =
            self.repo().checks.iter().flat_map(|(oid, checks)| checks.iter().map(move |check| (oid, check)));
        all.find(|(_, check)| check.id == id && check.kind == CheckKind::Run)
    }

    /// Makes a pull request a draft, or ready for review, as a person does it.
    pub fn stage(&mut self, actor: &str, number: u64, stage: Stage) {
        self.set_stage(actor, number, stage);
    }

    /// Makes a branch at the head of another one.
    pub fn create_branch(&mut self, name: &str, from: &str) {
        let oid = self.repo().branch(from).unwrap_or_else(|| panic!("there is no branch {from}"));
        self.move_branch(name, &oid).expect("the branch can be made");
    }

    pub fn delete_branch(&mut self, name: &str) {
        let now = self.state.tick();
        self.repo().store.delete_reference(&format!("refs/heads/{name}"));
        self.repo_mut().follow_branches(now);
    }

    /// Makes pushes to this branch fail, as branch protection does.
    pub fn protect(&mut self, branch: &str) {
        let repo = self.repo_mut();
        repo.protected.push(branch.to_owned());
        repo.store.protect(&repo.protected);
    }

    /// Makes another existing branch the default.
    pub fn set_default_branch(&mut self, name: &str) {
        let repo = self.repo_mut();
        name.clone_into(&mut repo.default_branch);
        repo.store.set_head(name);
    }

    /// Renames or transfers the repository; the old name is answered with a redirect.
    pub fn rename(&mut self, full_name: &str) {
        let (owner, name) = full_name.split_once('/').expect("OWNER/NAME");
        let (owner, name) = (owner.to_owned(), name.to_owned());
        let repo = self.repo_mut();
        repo.former_names.push(repo.full_name());
        (repo.owner, repo.name) = (owner, name);
    }

    pub fn set_permission(&mut self, login: &str, permission: Permission) {
        self.repo_mut().permissions.insert(login.to_owned(), permission);
    }

    pub fn set_visibility(&mut self, visibility: Visibility) {
        self.repo_mut().visibility = visibility;
    }

    pub fn set_availability(&mut self, availability: Availability) {
        self.repo_mut().availability = availability;
    }

    pub fn set_issues(&mut self, feature: Feature) {
        self.repo_mut().issues_feature = feature;
    }

    pub fn set_drafts(&mut self, feature: Feature) {
        self.repo_mut().drafts_feature = feature;
    }
}

impl File {
    pub fn text(path: &str, content: &str) -> Self {
        Self { path: path.to_owned(), mode: "100644", content: content.as_bytes().to_vec() }
    }

    pub fn executable(path: &str, content: &str) -> Self {
        Self { mode: "100755", ..Self::text(path, content) }
    }

    pub fn symlink(path: &str, target: &str) -> Self {
        Self { mode: "120000", ..Self::text(path, target) }
    }

    pub fn bytes(path: &str, content: &[u8]) -> Self {
        Self { path: path.to_owned(), mode: "100644", content: content.to_vec() }
    }
}
