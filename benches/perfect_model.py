#!/usr/bin/env python3
"""What a perfect model can solve: one that knows the merged fix, but may only use what it was shown.

A server answers as a model would that knows the change which resolved an issue: it asks to see what it needs for it, and
then answers with that change in the form that it was asked for. It asks for nothing that it cannot know: a path only
when it was shown that path, and a search only for a word that stands in the issue or in what it was shown. So what is
not solved is not the model's fault: it could not see what it needed, or what it answered was refused or misapplied.

With --already-fixed the repository has the merged change, and the model answers `SOLVED:` with lines that the change left:
as they are, or made up. The first has to be accepted each time, the others refused.

Usage:

    perfect_model.py TASK DATASET OUTPUT --mirrors DIR [--form read] [--ids FILE] [--repos NAME,...] [--jobs N]
    perfect_model.py TASK DATASET OUTPUT --mirrors DIR --already-fixed honest|made-up [...]
    perfect_model.py --table OUTPUT [OUTPUT ...]

TASK       the program `ai-agent`
DATASET    JSON lines: instance_id, repo, base_commit, language, problem_statement, gold_patch
OUTPUT     JSON lines, one for each run, appended as runs end, so that an interrupted measurement goes on where it stopped
--mirrors  bare git repositories with the commits, each in owner+name or owner+name/repo
--form     `all` requests, or only `read`: paths that were shown, as an agent that cannot search
--already-fixed
           what is quoted: lines that the change left (`honest`), or what is made up: in every other issue a line behind the
           end of the file, and when that is refused, a line of the change with one word spoilt; in the others a true line of
           a file that was not read, then true lines with a spoilt one among them

The environment is handed to the program (AGENT_CONTEXT_TOKENS, AGENT_READ_ROUNDS, AGENT_FILE_SELECTION), but for the
model, which is taken to hold a million tokens at 2 dollars for a million in and 10 out unless AGENT_MODEL_PRICE and
AGENT_CONTEXT_WINDOW say otherwise.

Python 3.9 or newer and git; nothing beyond the standard library.
"""

import argparse
import collections
import concurrent.futures
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

# About what code has.
BYTES_PER_TOKEN = 3.6
# Dollars for a million tokens: of a prompt, of an answer. Of a prompt, what the call before had is read from a cache for a
# tenth, and the rest written to it for a quarter more.
PRICES = {"small": (0.10, 0.40), "middle": (2.00, 10.00), "large": (5.00, 25.00)}
PERSON = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "A"), ("EMAIL", "a@example.org"), ("DATE", "2026-01-01T00:00:00Z"))}
ENDS = {"accepted": "already", "refused": "unfounded", "not visible": "not visible", "nothing to quote": "nothing to quote"}
# What is made up first, and what after that was refused.
MADE_UP = [("line", "text"), ("file", "one")]
# Words that a search for is tried, the rarest is made.
TRIED = 14
RUN_LIMIT = 900
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{3,}")


def git(git_dir, *arguments, given=None, env=None, check=True):
    done = subprocess.run(["git", "-C", git_dir, *arguments], input=given, capture_output=True,
                          env={**os.environ, **(env or {})})
    if check and done.returncode != 0:
        raise ValueError(f"git {arguments[0]}: {done.stderr.decode('utf-8', 'replace').strip()[:200]}")
    return done.stdout


def lay_out(mirrors, case, folder):
    """A repository whose only branch is at the base commit, and the tree that the merged change makes of it."""
    wanted = case["repo"].replace("/", "+").lower()
    name = next((name for name in os.listdir(mirrors) if name.lower() == wanted), None)
    if name is None:
        raise ValueError(f"no mirror of {case['repo']}")
    mirror = os.path.join(mirrors, name, "repo")
    mirror = mirror if os.path.isdir(mirror) else os.path.join(mirrors, name)
    objects = os.path.join(mirror, "objects")
    if not os.path.isdir(objects):
        objects = os.path.join(mirror, ".git", "objects")
    git(".", "init", "-q", "--bare", "-b", "main", folder)
    with open(os.path.join(folder, "objects", "info", "alternates"), "w") as file:
        file.write(os.path.abspath(objects) + "\n")
    git(folder, "update-ref", "refs/heads/main", case["base_commit"])
    index = {"GIT_INDEX_FILE": os.path.join(folder, "gold-index")}
    git(folder, "read-tree", case["base_commit"], env=index)
    git(folder, "apply", "--cached", "--whitespace=nowarn", "-", given=case["gold_patch"].encode(), env=index)
    return git(folder, "write-tree", env=index).decode().strip()


def changes_between(folder, old, new):
    """What makes one tree of another, by file."""
    listing = git(folder, "diff-tree", "-r", "-M", "-z", old, new).decode("utf-8", "surrogateescape")
    parts, changes, at = listing.split("\0"), [], 0
    while at + 1 < len(parts):
        old_mode, new_mode, before, after, status = parts[at].lstrip(":").split(" ")
        to = parts[at + 2] if status[0] == "R" else None
        changes.append(Change(folder, old_mode, new_mode, before, after, status[0], parts[at + 1], to))
        at += 3 if to else 2
    return changes


class Change:
    """What the merged change does to one file."""

    def __init__(self, folder, old_mode, new_mode, old, new, status, path, to):
        self.path, self.to, self.status = path, to, status
        blob = lambda sha: git(folder, "cat-file", "blob", sha) if set(sha) != {"0"} else None
        self.before, self.after = blob(old), blob(new)
        self.is_expressible = status in "AD" or old_mode == new_mode
        for content in (self.before, self.after):
            if content is not None:
                self.is_expressible &= b"\0" not in content
                try:
                    content.decode()
                except UnicodeDecodeError:
                    self.is_expressible = False
        if self.is_expressible and self.before is not None:
            self.old = lines_of(self.before)
        if self.is_expressible and self.after is not None:
            self.new = lines_of(self.after)
        if self.is_expressible and status in "MR":
            self.hunks = self.find_hunks(folder, old, new)

    def find_hunks(self, folder, old, new):
        if old == new:
            return []
        # Of a CRLF file the model sees and writes lines.
        diff = git(folder, "diff", "-U0", "--no-color", "--no-ext-diff", "--diff-algorithm=histogram", old, new)
        hunks = []
        for head in re.finditer(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", diff, re.M):
            first, count, to, more = (int(part) if part is not None else 1 for part in head.groups())
            # An insertion stands behind the line that is named.
            first, to = (first if count else first + 1), (to if more else to + 1)
            hunks.append([first, first + count, to, to + more])
        return hunks

    def needs(self):
        """Whether the file has to be read for it."""
        return self.status != "A"


def lines_of(content):
    text = content.decode().removeprefix("\ufeff").replace("\r\n", "\n")
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    elif lines and text:
        lines.append("\\ No newline at end of file")
    return lines


def blocks(change, seen):
    """SEARCH/REPLACE blocks within the lines that were seen, or the lines that are still needed."""
    old, new, count = change.old, change.new, len(change.old)
    pieces, missing = [], []
    for first, behind, to, end in change.hunks:
        start, stop = first, behind
        up = down = 0
        # A line on each side, and as many more as make the place unique.
        start, stop = max(1, start - 1), min(count + 1, stop + 1)
        blocked = False
        while occurrences(old, old[start - 1:stop - 1]) != 1:
            can_up = start > 1 and (start - 1) in seen
            can_down = stop <= count and stop in seen
            if can_up and (up <= down or not can_down):
                start, up = start - 1, up + 1
            elif can_down:
                stop, down = stop + 1, down + 1
            elif start > 1 or stop <= count:
                start, stop, blocked = max(1, start - 8), min(count + 1, stop + 8), True
            else:
                break
        wanted = [line for line in range(start, stop) if line not in seen and line <= count]
        if wanted or blocked:
            missing.append((start, stop - 1))
        # Behind the last line of a file there can be a line that says that it has no newline.
        end = len(change.new) + 1 if stop == count + 1 else end + (stop - behind)
        pieces.append([start, stop, to - (first - start), end])
    if missing:
        return None, missing
    merged = []
    for piece in pieces:
        if merged and piece[0] <= merged[-1][1]:
            merged[-1][1], merged[-1][3] = max(merged[-1][1], piece[1]), max(merged[-1][3], piece[3])
        else:
            merged.append(piece)
    out = []
    for start, stop, to, end in merged:
        search, replace = old[start - 1:stop - 1], new[to - 1:end - 1]
        marks = 7
        if any(re.match(r"(<{5,9} ?SEARCH|={5,9}\s*$|>{5,9} ?REPLACE)", line) for line in search + replace):
            marks = 9
        out.append("\n".join([change.path, "<" * marks + " SEARCH", *search, "=" * marks, *replace, ">" * marks + " REPLACE"]))
    return "\n\n".join(out), []


def occurrences(lines, wanted):
    if not wanted:
        return 1 if not lines else 0
    first = wanted[0]
    return sum(1 for at, line in enumerate(lines) if line == first and lines[at:at + len(wanted)] == wanted)


def written(path, content):
    lines = lines_of(content)
    longest = max((len(run) for line in lines for run in re.findall(r"`{3,}|~{3,}", line)), default=2)
    fence = "`" * (longest + 1)
    return "\n".join([f"WRITE: {path}", fence, *lines, fence])


class Model:
    """The conversation of one run."""

    def __init__(self, folder, commit, changes, form):
        self.folder, self.commit, self.changes, self.form = folder, commit, changes, form
        self.calls, self.asked, self.verdict, self.rounds = [], collections.Counter(), None, 0
        self.frequency = {}

    def answer(self, messages):
        system = messages[0]["content"]
        said = [message["content"] for message in messages if message["role"] == "user"]
        self.text = "\n".join(said)
        nonce = re.search(r"carry the word (\w+)\.", system).group(1)
        self.text = self.text.replace(nonce, "")
        if "you choose which files are read" in system:
            named = [change.path for change in self.changes if change.needs() and self.is_shown(change.path)]
            return "\n".join(f"READ: {path}" for path in named[:10]) or "None of these."
        self.look(said, nonce)
        if not all(change.is_expressible for change in self.changes):
            return self.give_up("cannot be expressed")
        parts, requests = [], []
        for change in self.changes:
            part, wanted = self.part(change)
            parts.append(part)
            requests += wanted
        if all(parts):
            return self.propose(parts)
        is_over = "Nothing more can be shown." in said[-1] or "No more files can be read." in said[-1]
        requests = list(dict.fromkeys(requests))
        requests = [line for line in requests if self.asked[line] < (4 if line.startswith("READ") else 1)]
        if is_over or not requests:
            return self.end(parts)
        requests = requests[:8 if self.form == "read" else 10]
        self.asked.update(requests)
        self.rounds += 1
        return "\n".join(requests)

    def propose(self, parts):
        self.verdict = "answered"
        return "TITLE: The change\nSUMMARY:\nAs it was merged.\n\n" + "\n\n".join(parts) + "\n"

    def end(self, parts):
        """What it says when it has not seen everything, and nothing more is to be seen."""
        return self.give_up("not visible")

    def give_up(self, why):
        self.verdict = why
        return f"CANNOT: {why}"

    def look(self, said, nonce):
        """What was shown: paths with lines, and words."""
        self.seen = collections.defaultdict(set)
        whole = self.whole = set()
        form = re.compile(rf"(?:^\(([^\n]*)\)\n)?^\[{nonce} ([^\n]+)\n(.*?)^{nonce}\]", re.S | re.M)
        for text in said:
            for notes, name, _ in form.findall(text):
                ranges = re.search(r"excerpt: lines ([\d, -]+) of (\d+)", notes)
                if not ranges:
                    whole.add(name)
                    continue
                for first, last in re.findall(r"(\d+)-(\d+)", ranges.group(1)):
                    self.seen[name].update(range(int(first), int(last) + 1))
        self.words = set(WORD.findall(self.text))

    def is_shown(self, path):
        return re.search(rf"(?<![\w/.-]){re.escape(path)}(?![\w/-])", self.text) is not None

    def part(self, change):
        """The answer for one file, or what to ask for."""
        if change.status == "A":
            return written(change.path, change.after), []
        path = change.path
        is_read = path in self.whole or path in self.seen
        if change.status == "D" and is_read:
            return f"DELETE: {path}", []
        if is_read:
            lines = range(1, len(change.old) + 2) if path in self.whole else self.seen[path]
            part, missing = blocks(change, set(lines))
            if part is not None:
                move = [f"RENAME: {path} -> {change.to}"] if change.status == "R" else []
                return "\n\n".join(move + [part] if part else move), []
            # What it reads on with: around what it has a line of, else from where it was shown something.
            known = self.lines_told(path)
            near = [(first, last) for first, last in missing if any(first - 80 <= line <= last + 80 for line in known)]
            reads = [f"READ: {path}:{max(1, first - 20)}-{last + 20}" for first, last in near]
            if self.form == "read" or not near:
                reads = [f"READ: {path}"]
            if self.form == "all" and len(near) < len(missing):
                reads += self.searches(change, within=True)[:2]
            return None, reads
        if self.is_shown(path):
            return None, [f"READ: {path}"]
        if self.form == "read":
            return None, []
        return None, self.searches(change)[:2] + self.list_above(path)

    def lines_told(self, path):
        """Lines of a file that hits and outlines name."""
        told = {int(line) for line in re.findall(rf"^{re.escape(path)}:(\d+)", self.text, re.M)}
        outline = re.search(rf"^{re.escape(path)}\n((?:  .*\n)+)", self.text, re.M)
        for first, last in re.findall(r"\[(\d+)-(\d+)\]$", outline.group(1) if outline else "", re.M):
            told.update(range(int(first), int(last) + 1, 40))
            told.add(int(last))
        return told | self.seen.get(path, set())

    def searches(self, change, within=False):
        """Searches for words that it knows and that are in the file; the rarest first."""
        touched = set()
        for first, behind, *_ in getattr(change, "hunks", []):
            touched.update(WORD.findall("\n".join(change.old[max(0, first - 15):behind + 15])))
        every = touched if within else set(WORD.findall("\n".join(change.old)))
        known = sorted(every & self.words, key=lambda word: (word not in touched, -len(word)))
        known = [word for word in known if not self.asked[self.search(word, change, within)]][:TRIED]
        if within:
            return [self.search(word, change, within) for word in known]
        for word in known:
            if word not in self.frequency:
                found = git(self.folder, "grep", "-l", "-w", "-F", "-e", word, self.commit, check=False)
                self.frequency[word] = found.count(b"\n")
        known.sort(key=lambda word: self.frequency[word])
        return [self.search(word, change, within) for word in known]

    def search(self, word, change, within):
        return f"FIND: `{word}` in {change.path}" if within else f"FIND: {word}"

    def list_above(self, path):
        """The deepest folder above that it was shown, else the top."""
        parts = path.split("/")[:-1]
        while parts:
            folder = "/".join(parts) + "/"
            # In a list the folder stands under the name of the one above.
            is_listed = f"LIST: {'/'.join(parts[:-1])}/" in self.asked and f"\n{parts[-1]}/ (" in self.text
            if folder in self.text or is_listed:
                return [f"LIST: {folder}"]
            parts.pop()
        return ["LIST: /"]


class Fixed(Model):
    """The conversation where the fix is there already. `changes` would undo it."""

    def __init__(self, folder, commit, changes, form, claim):
        # Of what the fix deleted nothing can be quoted, and of what is no text.
        super().__init__(folder, commit, [change for change in changes if change.status != "A" and change.is_expressible], form)
        self.claim, self.quoted = claim, []
        self.to_come = [claim] if claim == "honest" else MADE_UP[int(commit[:8], 16) % len(MADE_UP)]

    def answer(self, messages):
        if self.quoted:
            return self.propose(self.parts)
        return super().answer(messages) if self.changes else self.give_up("nothing to quote")

    def part(self, change):
        path = change.path
        if path not in self.whole and path not in self.seen:
            return super().part(change)
        hunks = getattr(change, "hunks", None) or [[1, len(change.old) + 1]]
        count = len(change.old)
        seen = set(range(1, count + 1)) if path in self.whole else self.seen[path]
        # Where the fix only took lines away, the ones around are what it left.
        for around in (0, 3):
            lines = [line for first, behind, *_ in hunks for line in range(first - around, behind + around) if 1 <= line <= count]
            lines = [line for line in lines if is_telling(change.old[line - 1])]
            quoted = [line for line in lines if line in seen]
            if quoted:
                return (path, quoted[0], change.old[quoted[0] - 1].strip()), []
        return None, [f"READ: {path}:{max(1, first - 20)}-{behind + 20}" for first, behind, *_ in hunks]

    def end(self, parts):
        return self.propose(parts) if any(parts) else super().end(parts)

    def propose(self, parts):
        self.verdict, self.parts = "answered", [part for part in parts if part]
        kind = self.to_come[min(len(self.quoted), len(self.to_come) - 1)]
        quoted = self.parts if kind == "honest" else [self.made_up(kind, *part) for part in self.parts]
        if kind == "one":
            quoted = self.parts + quoted[:1]
        self.quoted.append((kind, quoted))
        return "SOLVED: the change is there already.\n" + "".join(f"{path}:{line}: {text}\n" for path, line, text in quoted)

    def made_up(self, kind, path, line, text):
        content = git(self.folder, "cat-file", "blob", f"{self.commit}:{path}").decode()
        word = max(WORD.findall(text), key=len)
        spoilt = text.replace(word, word[::-1] + "zq", 1)
        if kind == "line":
            return path, content.count("\n") + 50, spoilt
        if kind == "file":
            for other in git(self.folder, "ls-tree", "-r", "--name-only", "-z", self.commit).decode("utf-8", "replace").split("\0"):
                if other and other not in self.whole and other not in self.seen:
                    lines = git(self.folder, "cat-file", "blob", f"{self.commit}:{other}", check=False).decode("utf-8", "replace").splitlines()
                    telling = [at for at, line in enumerate(lines) if is_telling(line)]
                    if telling:
                        return other, telling[0] + 1, lines[telling[0]].strip()
        return path, line, spoilt


def is_telling(line):
    return len(line.strip()) >= 8 and WORD.search(line) and not line.startswith("\\ No newline")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    model = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model, messages = self.server.model, body["messages"]
        try:
            text = model.answer(messages)
        except Exception as error:  # it ends in the record, not in a broken connection
            text, model.verdict = "CANNOT: the server failed", f"server: {error!r}"
        prompt = [message["content"] for message in messages]
        model.calls.append((prompt, text))
        usage = {"prompt_tokens": tokens(prompt), "completion_tokens": tokens([text]), "total_tokens": 0}
        events = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]},
                  {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": usage}]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(b"data: " + json.dumps({"model": "perfect", **event}).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


def tokens(texts):
    return int(sum(len(text.encode()) for text in texts) / BYTES_PER_TOKEN)


def costs(calls):
    """Dollars for each class of price, the prompt of the call before from the cache where it is a prefix."""
    sums = dict.fromkeys(PRICES, 0.0)
    before = []
    for prompt, answer in calls:
        same = 0
        while same < min(len(before), len(prompt)) and before[same] == prompt[same]:
            same += 1
        cached, fresh, out = tokens(prompt[:same]), tokens(prompt[same:]), tokens([answer])
        for name, (price, of_answer) in PRICES.items():
            sums[name] += (cached * 0.1 * price + fresh * 1.25 * price + out * of_answer) / 1e6
        before = prompt
    return {name: round(value, 5) for name, value in sums.items()}


def run(task, mirrors, form, claim, case):
    record = {"instance_id": case["instance_id"], "repo": case["repo"], "language": case.get("language"), "claim": claim}
    folder = tempfile.mkdtemp(prefix="perfect-")
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        repo = os.path.join(folder, "repo.git")
        gold = lay_out(mirrors, case, repo)
        base = case["base_commit"]
        if claim:
            base = git(repo, "commit-tree", gold, "-p", base, "-m", "Fix", env=PERSON).decode().strip()
            git(repo, "update-ref", "refs/heads/main", base)
            # What would undo the fix is what the fix left.
            server.model = Fixed(repo, base, changes_between(repo, gold, base + "~^{tree}"), form, claim)
        else:
            server.model = Model(repo, base, changes_between(repo, base + "^{tree}", gold), form)
        issue = os.path.join(folder, "issue.md")
        title, _, body = case["problem_statement"].partition("\n")
        with open(issue, "w", encoding="utf-8") as file:
            file.write(f"# #1: {title}\n\n{body}\n")
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "ANTHROPIC_", "OLLAMA_"))}
        environment = {"AGENT_CONTEXT_WINDOW": "1000000", "AGENT_MAX_OUTPUT_TOKENS": "32000", "AGENT_MODEL_PRICE": "2.00/10.00",
                       **environment, "AGENT_MODEL": "openai:perfect", "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none",
                       "NO_PROXY": "127.0.0.1"}
        done = subprocess.run([task, "solve", "--repo", repo, "--issue", issue, "--json"], env=environment,
                              capture_output=True, text=True, timeout=RUN_LIMIT)
        report = json.loads(done.stdout) if done.stdout.strip() else {}
        model = server.model
        record.update(verdict=model.verdict, rounds=model.rounds, calls=len(model.calls), exit=done.returncode,
                      prompt_tokens=sum(tokens(prompt) for prompt, _ in model.calls),
                      conversation_tokens=max((tokens(prompt) + tokens([text]) for prompt, text in model.calls), default=0),
                      answer_tokens=sum(tokens([text]) for _, text in model.calls), cost=costs(model.calls),
                      times=report.get("times"), failure=report.get("failure"))
        if claim:
            ended = (report.get("failure") or {}).get("reason") or report.get("result") or done.stderr[-300:]
            record["ended"] = ended if model.verdict == "answered" else model.verdict
            record["quoted"], record["failure"] = model.quoted, report.get("failure")
        elif report.get("commit"):
            tree = git(repo, "rev-parse", report["commit"] + "^{tree}").decode().strip()
            record["ended"] = "equal" if tree == gold else "wrong"
            if tree != gold:
                record["diff"] = git(repo, "diff", gold, tree).decode("utf-8", "replace")[:2000]
        elif model.verdict == "answered":
            record["ended"] = "refused: " + (report.get("failure") or {}).get("reason", "?")
            record["stderr"] = done.stderr[-1500:]
        else:
            record["ended"] = model.verdict or "failed: " + (report.get("failure") or {}).get("reason", done.stderr[-300:])
        if model.verdict == "not visible":
            record["needed"] = [change.path for change in model.changes if model.part(change)[0] is None]
            record["last"] = [text for _, text in model.calls][-4:]
    except (ValueError, subprocess.TimeoutExpired) as error:
        record["ended"] = f"no run: {error}"[:300]
    finally:
        server.shutdown()
        server.server_close()
        shutil.rmtree(folder, ignore_errors=True)
    return record


def table(paths):
    if any(json.loads(line).get("claim") for path in paths for line in open(path, encoding="utf-8")):
        return table_of_claims(paths)
    print("| | issues | equal | wrong | refused | not visible | not expressible | rounds | conversation | "
          + " | ".join(f"$ {name}" for name in PRICES) + " |")
    print("|" + "---|" * (9 + len(PRICES)))
    for path in paths:
        records = [json.loads(line) for line in open(path, encoding="utf-8")]
        records = [record for record in records if not record["ended"].startswith("no run")]
        total = len(records)
        if not total:
            continue
        share = lambda name: f"{sum(record['ended'].startswith(name) for record in records)}"
        middle = lambda values: sorted(values)[len(values) // 2]
        equal = sum(record["ended"] == "equal" for record in records)
        runs = [record for record in records if "cost" in record]
        mean = lambda name: sum(record["cost"][name] for record in runs) / len(runs)
        print(f"| {os.path.basename(path)} | {total} | {equal} ({100 * equal / total:.1f} %) | {share('wrong')} | {share('refused')} | "
              f"{share('not visible')} | {share('cannot be expressed')} | "
              f"{sum(record['rounds'] for record in runs) / len(runs):.1f}, most {max(record['rounds'] for record in runs)} | "
              f"{middle([record['conversation_tokens'] for record in runs]):,}, most "
              f"{max(record['conversation_tokens'] for record in runs):,} | "
              + " | ".join(f"{mean(name):.4f}" for name in PRICES) + " |")


def table_of_claims(paths):
    print("| quoted | issues | " + " | ".join(ENDS) + " | other |")
    print("|" + "---|" * (3 + len(ENDS)))
    for path in paths:
        records = [json.loads(line) for line in open(path, encoding="utf-8")]
        for claim in dict.fromkeys(record["claim"] for record in records):
            ends = collections.Counter(record["ended"] for record in records if record["claim"] == claim)
            known = [ends.pop(end, 0) for end in ENDS.values()]
            print(f"| {claim} | {sum(known) + ends.total()} | " + " | ".join(map(str, known)) + f" | {dict(ends) or 0} |")


def main():
    parser = argparse.ArgumentParser(description="What a perfect model can solve.")
    parser.add_argument("--table", nargs="+")
    parser.add_argument("arguments", nargs="*", metavar="TASK DATASET OUTPUT")
    parser.add_argument("--mirrors")
    parser.add_argument("--form", choices=["all", "read"], default="all")
    parser.add_argument("--already-fixed", choices=["honest", "made-up"], dest="claim")
    parser.add_argument("--ids")
    parser.add_argument("--repos")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if options.table:
        return table(options.table)
    task, dataset, output = options.arguments
    cases = [json.loads(line) for line in open(dataset, encoding="utf-8")]
    if options.ids:
        wanted = set(open(options.ids).read().split())
        cases = [case for case in cases if case["instance_id"] in wanted]
    if options.repos:
        cases = [case for case in cases if case["repo"] in options.repos.split(",")]
    known = set()
    if os.path.exists(output):
        records = [json.loads(line) for line in open(output, encoding="utf-8")]
        known = {record["instance_id"] for record in records if record.get("claim") == options.claim}
    cases = [case for case in cases if case["instance_id"] not in known]
    with open(output, "a", encoding="utf-8") as file, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = [pool.submit(run, task, options.mirrors, options.form, options.claim, case) for case in cases]
        for number, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            record = job.result()
            file.write(json.dumps(record) + "\n")
            file.flush()
            print(f"{number}/{len(jobs)} {record['instance_id']}: {record['ended']}", file=sys.stderr)
    return table([output])


if __name__ == "__main__":
    sys.exit(main())
