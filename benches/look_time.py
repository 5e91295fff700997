#!/usr/bin/env python3
"""How long a model waits for what it asks to see: FIND, DEFINE, USES, LIST and READ, from its answer to the next question.

    look_time.py PROGRAM GIT_DIR[@COMMIT]...     measures each repository
    look_time.py PROGRAM --generate FILES        measures one that it makes, all files in one folder

PROGRAM is `ai-agent` (`cargo build --release -p task`). A server plays a model that asks for one thing after the other; the
times are between the end of its answer and the arrival of the next question, so they hold the request itself too. Beside
them stands `git grep`, which a person would run for the same search, over the same commit.

Needs git and Python; all that it writes lies in a temporary folder.
"""
import http.server, json, os, statistics, subprocess, sys, tempfile, threading, time

from rank_time import generate, git

# In this order in one run: the first DEFINE or USES parses what it needs, later ones find it parsed.
ASKED = ["FIND: {rare}", "FIND: {common}", "FIND: /{rare}|{common}\\(/", "DEFINE: {rare}", "DEFINE: {common}", "USES: {rare}", "USES: {common}", "LIST: /"]


def play(program, git_dir, commit, rare, common):
    """Seconds for each request, the seconds to the first question, and the largest memory in MiB."""
    answers = [text.format(rare=rare, common=common) for text in ASKED] + ["CANNOT: that is all."]
    arrivals, departures = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            arrivals.append(time.monotonic())
            text = answers[min(len(arrivals), len(answers)) - 1]
            body = json.dumps({
                "object": "chat.completion", "model": "m", "usage": {"prompt_tokens": 9, "completion_tokens": 9},
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            }).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            departures.append(time.monotonic())
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        repo = f"{folder}/repo"
        git("clone", "-q", "--bare", "--shared", git_dir, repo)
        git("update-ref", "--no-deref", "HEAD", commit, at=repo)
        with open(f"{folder}/issue.md", "w") as file:
            file.write(f"# The part\n\n`{rare}` is wrong.\n")
        environment = {
            "PATH": os.environ["PATH"], "HOME": folder, "AGENT_MODEL": "openai:m", "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_address[1]}/v1", "AGENT_MODEL_PRICE": "0.10/0.40",
            "AGENT_CONTEXT_WINDOW": "1000000", "AGENT_READ_ROUNDS": str(len(ASKED)), "AGENT_FILE_SELECTION": "never",
        }
        started = time.monotonic()
        process = subprocess.Popen([program, "solve", "--repo", repo, "--base", commit, "--issue", f"{folder}/issue.md", "--dry-run"],
                                   env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        told = process.stdout.read().decode("utf-8", "replace")
        _, _, usage = os.wait4(process.pid, 0)
    server.shutdown()
    if len(arrivals) != len(answers):
        sys.exit(f"{len(arrivals)} questions in place of {len(answers)}:\n{told[-2000:]}")
    waits = [later - earlier for earlier, later in zip(departures, arrivals[1:])]
    return waits, arrivals[0] - started, usage.ru_maxrss / 1024


def main():
    program, *repositories = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        rare, common = os.environ.get("RARE", "integer_log"), os.environ.get("COMMON", "Symbol")
        if repositories[0] == "--generate":
            count = int(repositories[1])
            repositories, rare, common = [generate(f"{folder}/made.git", count)], f"function_{count // 2}", "value"
        print("| repository | files | | seconds |\n|---|---|---|---|")
        for repository in repositories:
            git_dir, _, commit = repository.partition("@")
            commit = git("rev-parse", f"{commit or 'HEAD'}^{{commit}}", at=git_dir).strip()
            files = len(git("ls-tree", "-r", commit, at=git_dir).splitlines())
            name = os.path.basename(os.path.dirname(git_dir.rstrip("/"))) or git_dir
            rounds = [play(program, git_dir, commit, rare, common) for _ in range(int(os.environ.get("ROUNDS", "3")))]
            for at, what in enumerate(ASKED):
                seconds = statistics.median(waits[at] for waits, _, _ in rounds)
                print(f"| {name} | {files} | `{what.format(rare=rare, common=common)}` | {seconds:.2f} |", flush=True)
            print(f"| {name} | {files} | to the first question | {statistics.median(first for _, first, _ in rounds):.2f} |")
            print(f"| {name} | {files} | peak MiB | {statistics.median(memory for _, _, memory in rounds):.0f} |")
            for word in (rare, common):
                started = time.monotonic()
                subprocess.run(["git", "-C", git_dir, "grep", "-n", "-F", word, commit], stdout=subprocess.DEVNULL, check=True)
                print(f"| {name} | {files} | `git grep -n -F {word}` | {time.monotonic() - started:.2f} |", flush=True)


if __name__ == "__main__":
    main()
