#!/usr/bin/env python3
"""Solve issues with a real model and record everything that it was asked and answered.

Runs `ai-agent solve --dry-run --json` on each instance of a data set, once for each provider, against a server that
speaks both OpenAI's chat completions and Anthropic's messages (llama.cpp's `llama-server` does). Between the two
stands a recorder, so that every prompt and every answer is kept word for word, also where the run fails.

Usage:

    real_model.py TASK DATASET INSTANCES OUTPUT [--server URL] [--providers openai,anthropic] [--ids FILE]
    real_model.py --table OUTPUT [--table OUTPUT ...]

TASK       the program `ai-agent`
DATASET    JSON lines: instance_id, problem_statement (title, newline, body), gold_files, gold_patch
INSTANCES  JSON lines: instance_id, git_dir, base_commit; any git repository that has the commit will do
OUTPUT     JSON lines, one for each run, appended as runs end, so that an interrupted measurement goes on where it
           stopped: what was asked and answered, how the run ended, the diff, and the gold patch to compare it with
--ids      a file with the instances to run, one a line; all of DATASET without it

The environment is handed to the program (AGENT_CONTEXT_TOKENS, AGENT_CONTEXT_WINDOW, AGENT_MAX_OUTPUT_TOKENS,
AGENT_TEMPERATURE), but for addresses and keys. A temperature of 0 makes a run repeatable.

`--table` prints what can be told without reading: whether the first answer was well formed, whether the edits applied,
how it ended. Whether a diff does what the issue wants is for a person to say, from `diff` and `gold_patch`.

Python 3.9 or newer; nothing beyond the standard library.
"""

import argparse
import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

# The longest that one run may take, in seconds.
RUN_LIMIT = 1800
CORRECTION = "asking for a correction: "
# How complaints begin that are about the form of an answer, not about what it says.
MALFORMED = re.compile(r"It holds neither edits|It asks for files|.*\bline \d+ of the reply\b")


class Recorder(http.server.ThreadingHTTPServer):
    """Passes requests on to a server, and keeps what was said."""

    daemon_threads = True

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = urllib.parse.urlsplit(upstream)
        self.calls = []

    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        started = time.monotonic()
        upstream = http.client.HTTPConnection(self.server.upstream.netloc, timeout=RUN_LIMIT)
        headers = {"content-type": "application/json"}
        if "anthropic-version" in self.headers:
            headers["anthropic-version"] = self.headers["anthropic-version"]
        upstream.request("POST", self.path, body, headers)
        answer = upstream.getresponse()
        self.send_response(answer.status)
        self.send_header("content-type", answer.getheader("content-type", "application/json"))
        self.end_headers()
        said = b""
        while piece := answer.read1(65536):
            said += piece
            self.wfile.write(piece)
            self.wfile.flush()
        upstream.close()
        self.server.calls.append(call(json.loads(body), answer.status, said, time.monotonic() - started))

    def log_message(self, *_):
        pass


def call(request, status, said, seconds):
    """One question and its answer, put together from the stream."""
    answer, stop, usage = "", None, {}
    for line in said.decode("utf-8", "replace").splitlines():
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            continue
        event = json.loads(data)
        if "choices" in event:
            for choice in event["choices"]:
                answer += choice["delta"].get("content") or ""
                stop = choice.get("finish_reason") or stop
            usage.update(event.get("usage") or {})
        else:
            delta = event.get("delta", {})
            answer += delta.get("text", "")
            stop = delta.get("stop_reason") or stop
            usage.update(event.get("usage") or event.get("message", {}).get("usage") or {})
    return {
        "system": request.get("system"),
        "messages": request["messages"],
        "status": status,
        "answer": answer if status == 200 else said.decode("utf-8", "replace"),
        "stop": stop,
        "usage": usage,
        "seconds": round(seconds, 1),
    }


def run(task, case, place, provider, recorder):
    recorder.calls = []
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("OPENAI_", "ANTHROPIC_", "OLLAMA_", "AGENT_MODEL"))}
    environment |= {
        "AGENT_UNKNOWN_PRICE": "allow", "AGENT_MODEL_TIMEOUT": f"{RUN_LIMIT}s", "AGENT_MODEL_IDLE_TIMEOUT": f"{RUN_LIMIT}s",
        "OPENAI_BASE_URL": recorder.address() + "/v1", "OPENAI_API_KEY": "none",
        "ANTHROPIC_BASE_URL": recorder.address(), "ANTHROPIC_API_KEY": "none", "NO_PROXY": "127.0.0.1",
    }
    with tempfile.NamedTemporaryFile("w", suffix=".md", encoding="utf-8") as issue:
        issue.write(case["problem_statement"])
        issue.flush()
        started = time.monotonic()
        done = subprocess.run(
            [task, "solve", "--repo", place["git_dir"], "--base", place["base_commit"], "--issue", issue.name,
             "--model", f"{provider}:local", "--dry-run", "--json"],
            env=environment, capture_output=True, text=True, timeout=RUN_LIMIT)
    report = json.loads(done.stdout) if done.stdout.strip() else {}
    first_prompt = recorder.calls[0]["messages"] if recorder.calls else []
    return {
        "instance_id": case["instance_id"],
        "provider": provider,
        "seconds": round(time.monotonic() - started, 1),
        "exit": done.returncode,
        "outcome": report.get("outcome"),
        "failure": report.get("failure"),
        "gold_shown": all(f" {path}\n" in json.dumps(first_prompt).replace("\\n", "\n") for path in case["gold_files"]),
        "diff": "".join(file["diff"] for file in report.get("files") or []),
        "changed": [file["path"] for file in report.get("files") or []],
        "gold_files": case["gold_files"],
        "gold_patch": case["gold_patch"],
        "progress": done.stderr.splitlines(),
        "calls": recorder.calls,
    }


def json_lines(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def measure(arguments):
    cases = {case["instance_id"]: case for case in json_lines(arguments.dataset)}
    places = {place["instance_id"]: place for place in json_lines(arguments.instances)}
    wanted = list(cases)
    if arguments.ids:
        with open(arguments.ids, encoding="utf-8") as names:
            wanted = names.read().split()
    done = set()
    if os.path.exists(arguments.output):
        done = {(row["instance_id"], row["provider"]) for row in json_lines(arguments.output)}
    recorder = Recorder(arguments.server)
    threading.Thread(target=recorder.serve_forever, daemon=True).start()
    with open(arguments.output, "a", encoding="utf-8") as out:
        for name in wanted:
            # One after the other, so that a server can use again what it has read of the same prompt.
            for provider in arguments.providers.split(","):
                if (name, provider) in done:
                    continue
                row = run(arguments.task, cases[name], places[name], provider, recorder)
                out.write(json.dumps(row) + "\n")
                out.flush()
                print(line(row), flush=True)
    recorder.shutdown()


def first_complaint(row):
    complaints = [text.removeprefix(CORRECTION) for text in row["progress"] if text.startswith(CORRECTION)]
    return complaints[0] if complaints else None


def is_well_formed(row):
    """Whether the first answer could be read as edits, as a request for files or as a refusal."""
    complaint = first_complaint(row)
    if complaint is not None:
        return not MALFORMED.match(complaint)
    return row["outcome"] == "done" or (row["failure"] or {}).get("reason") == "declined"


def line(row):
    ended = "done" if row["outcome"] == "done" else (row["failure"] or {}).get("reason", "?")
    tokens = sum(call["usage"].get("completion_tokens", call["usage"].get("output_tokens", 0)) for call in row["calls"])
    return (f"| {row['instance_id']} | {row['provider']} | {yes(row['gold_shown'])} | {yes(is_well_formed(row))} "
            f"| {len(row['calls'])} | {yes(row['outcome'] == 'done')} | {', '.join(row['changed']) or '-'} "
            f"| {row['exit']} {ended} | {tokens} | {row['seconds']:.0f} |")


def yes(value):
    return "yes" if value else "no"


def table(path):
    rows = json_lines(path)
    print("| issue | provider | right file shown | first answer well formed | calls | edits applied | changed | end "
          "| tokens written | seconds |")
    print("|" + "---|" * 10)
    for row in rows:
        print(line(row))
    count = len(rows)
    print(f"\n{count} runs: {sum(map(is_well_formed, rows))} well formed at once, "
          f"{sum(row['outcome'] == 'done' for row in rows)} applied and sound, "
          f"{sum(row['exit'] in (0, 1) for row in rows)} ended cleanly")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("task", nargs="?")
    parser.add_argument("dataset", nargs="?")
    parser.add_argument("instances", nargs="?")
    parser.add_argument("output", nargs="?")
    parser.add_argument("--server", default="http://127.0.0.1:8080", help="default: %(default)s")
    parser.add_argument("--providers", default="openai,anthropic", help="default: %(default)s")
    parser.add_argument("--ids")
    parser.add_argument("--table", action="append", metavar="OUTPUT")
    arguments = parser.parse_args()
    if arguments.table:
        for path in arguments.table:
            table(path)
    elif arguments.output:
        measure(arguments)
    else:
        parser.error("give TASK DATASET INSTANCES OUTPUT, or --table OUTPUT")


if __name__ == "__main__":
    sys.exit(main())
