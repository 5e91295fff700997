#!/usr/bin/env python3
"""How long it takes to find the files for an issue, and how much memory, beside BM25 in Python and beside ripgrep.

    rank_time.py RANK_CORPUS ISSUE.md GIT_DIR[@COMMIT]...   measures each repository
    rank_time.py RANK_CORPUS ISSUE.md --generate FILES      measures one that it makes, all files in one folder

RANK_CORPUS is the program of that name (`cargo build --release -p corpus`), which walks, indexes and ranks.

Rounds in turn, three unless ROUNDS says otherwise, and their medians. `rg` reads a checkout that is made for it beforehand, so it is the limit of reading;
the others read git objects. Needs git, rg and Python; all that it writes lies in a temporary folder.
"""
import json, os, statistics, subprocess, sys, tempfile, time

BASELINE = r'''
import collections, math, re, subprocess, sys
git_dir, commit, issue = sys.argv[1:]
split = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
terms = lambda text: [part.lower() for part in split.findall(text)]
query = collections.Counter(terms(open(issue, encoding="utf-8", errors="replace").read()))
source = re.compile(r"\.(py|rs|go|java|js|jsx|ts|tsx|c|h|cc|cpp|hpp|rb|php|cs|kt|swift|scala)$")
listing = subprocess.run(["git", "-C", git_dir, "ls-tree", "-r", "-z", commit], capture_output=True, check=True).stdout
files = [entry.split(b"\t") for entry in listing.split(b"\0") if entry]
files = [(meta.split()[2], path.decode("utf-8", "replace")) for meta, path in files]
files = [(blob, path) for blob, path in files if source.search(path)]
cat = subprocess.Popen(["git", "-C", git_dir, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
counts, lengths, frequency = [], [], collections.Counter()
for blob, path in files:
    cat.stdin.write(blob + b"\n"); cat.stdin.flush()
    size = int(cat.stdout.readline().split()[2])
    words = terms(cat.stdout.read(size + 1).decode("utf-8", "replace"))
    count = collections.Counter(word for word in words if word in query)
    counts.append(count); lengths.append(len(words)); frequency.update(count.keys())
average = sum(lengths) / max(len(lengths), 1) or 1
def score(count, length):
    norm = 1.2 * (0.25 + 0.75 * length / average)
    return sum(math.log(1 + (len(files) - frequency[w] + .5) / (frequency[w] + .5)) * math.log1p(query[w]) * n * 2.2 / (n + norm)
               for w, n in count.items())
ranked = sorted(range(len(files)), key=lambda at: -score(counts[at], lengths[at]))
print("\n".join(files[at][1] for at in ranked[:20]))
'''


def run(command, **options):
    """Wall time and processor time in seconds, and the largest memory in MiB, of a process and those it waited for."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    # 1 is what `rg` says when it finds nothing.
    if process.returncode != 0 and (command[0], process.returncode) != ("rg", 1):
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def git(*arguments, at=None, given=None):
    command = ["git"] + (["-C", at] if at else []) + list(arguments)
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout.decode()


def generate(folder, count):
    """A repository of `count` small files in one folder, each another text."""
    git("init", "-q", "--bare", folder)
    stream = ["commit refs/heads/main\ncommitter a <a@example.org> 0 +0000\ndata 1\nx\n"]
    for n in range(count):
        text = f"def function_{n}(value):\n    \"\"\"Returns part {n % 97} of the value.\"\"\"\n    return value * {n}\n"
        stream.append(f"M 100644 inline src/file{n:06}.py\ndata {len(text)}\n{text}\n")
    git("fast-import", "--quiet", at=folder, given="".join(stream).encode())
    git("symbolic-ref", "HEAD", "refs/heads/main", at=folder)
    return f"{folder}@main"


def main():
    program, issue, *repositories = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        if repositories[0] == "--generate":
            repositories = [generate(f"{folder}/made.git", int(repositories[1]))]
        print("| repository | files | MB | | wall s | processor s | peak MiB |\n|---|---|---|---|---|---|---|")
        for repository in repositories:
            git_dir, _, commit = repository.partition("@")
            commit = commit or "HEAD"
            sizes = [line.split(None, 4)[3] for line in git("ls-tree", "-r", "-l", commit, at=git_dir).splitlines()]
            megabytes = sum(int(size) for size in sizes if size != "-") / 1e6
            checkout = tempfile.mkdtemp(dir=folder)
            archive = subprocess.Popen(["git", "-C", git_dir, "archive", commit], stdout=subprocess.PIPE)
            subprocess.run(["tar", "-x", "-C", checkout], stdin=archive.stdout, check=True)
            with open(f"{folder}/issues.jsonl", "w") as file:
                print(json.dumps({"instance_id": "x", "problem_statement": open(issue).read()}), file=file)
            base = git("rev-parse", f"{commit}^{{commit}}", at=git_dir).strip()
            with open(f"{folder}/instances.jsonl", "w") as file:
                print(json.dumps({"instance_id": "x", "git_dir": git_dir, "base_commit": base}), file=file)
            commands = {
                "this": [program, f"{folder}/issues.jsonl", f"{folder}/instances.jsonl"],
                "BM25 in Python": [sys.executable, "-c", BASELINE, git_dir, commit, issue],
                "rg --files": ["rg", "--files", checkout],
                "rg -c": ["rg", "-c", "needle|value", checkout],
            }
            measured = {name: [] for name in commands}
            for _ in range(int(os.environ.get("ROUNDS", "3"))):
                for name, command in commands.items():
                    measured[name].append(run(command))
            name = os.path.basename(os.path.dirname(git_dir.rstrip("/"))) or git_dir
            for what, rounds in measured.items():
                wall, processor, memory = (statistics.median(column) for column in zip(*rounds))
                print(f"| {name} | {len(sizes)} | {megabytes:.0f} | {what} | {wall:.2f} | {processor:.2f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
