#!/usr/bin/env python3
"""Compares what OpenAI's own client and ai-agent do with the same faults of a model's server, side by side.

    pip install openai
    benches/model_clients.py target/debug/ai-agent

Each fault is met by the first request, and by no later one unless the table says "always"; what then comes is a good answer.
A row says how many requests were made and what came of them. Nothing leaves this machine.
"""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

ANSWER = (
    "TITLE: Correct a typo\nSUMMARY:\nIt is `receives`.\n\nREADME.md\n<<<<<<< SEARCH\n"
    "This text recieves readers.\n=======\nThis text receives readers.\n>>>>>>> REPLACE\n"
)
HALF = ANSWER[: len(ANSWER) // 2]


def chunk(content=None, finish=None):
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def stream(*events):
    return "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events)


def error(message, **fields):
    return json.dumps({"error": {"message": message, "type": "x", **fields}})


GOOD = stream(chunk(ANSWER), chunk(finish="stop"), "[DONE]")
EVENTS, JSON = "text/event-stream", "application/json"
# Name, status, content type, more headers, body, whether every request meets it.
FAULTS = [
    ("408", 408, JSON, {}, error("timeout"), False),
    ("409", 409, JSON, {}, error("locked"), False),
    ("413 for a rate", 413, JSON, {}, error("Tokens per minute: Limit 6000, Used 5900, Requested 500", code="rate_limit_exceeded"), False),
    ("429", 429, JSON, {}, error("slow down"), False),
    ("429, retry-after: 2", 429, JSON, {"retry-after": "2"}, error("slow down"), False),
    ("429, retry-after: 90", 429, JSON, {"retry-after": "90"}, error("slow down"), False),
    ("429, x-should-retry: false", 429, JSON, {"x-should-retry": "false"}, error("slow down"), False),
    ("400, x-should-retry: true", 400, JSON, {"x-should-retry": "true"}, error("odd"), False),
    ("500", 500, JSON, {}, error("oops"), False),
    ("529", 529, JSON, {}, error("overloaded"), False),
    ("400 for stream_options, always", 400, JSON, {}, error("Unrecognized request argument supplied: stream_options"), "stream_options"),
    ("404 in a gateway's words, always", 404, JSON, {}, error("No endpoints found matching your data policy"), True),
    ("200 with an error of 429", 200, JSON, {}, error("Rate limit exceeded", code=429), False),
    ("error after half of the text", 200, EVENTS, {}, stream(chunk(HALF), {"error": {"message": "Network connection lost.", "code": 502}}), False),
    ("damaged event after half of the text", 200, EVENTS, {}, stream(chunk(HALF), '{"choices":[{"del'), False),
    ("end after half of the text", 200, EVENTS, {}, stream(chunk(HALF)), False),
    ("cut at the limit, spelt MAX_TOKENS, always", 200, EVENTS, {}, stream(chunk(HALF), chunk(finish="MAX_TOKENS"), "[DONE]"), True),
    ("empty events between", 200, EVENTS, {}, stream("", chunk(ANSWER), "", chunk(finish="stop"), "[DONE]"), False),
    ("text in parts (Mistral)", 200, EVENTS, {}, stream(chunk([{"type": "text", "text": ANSWER}]), chunk(finish="stop"), "[DONE]"), False),
]
REQUESTS = {}


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        _, who, at, *_ = self.path.split("/")
        seen = REQUESTS[who, at] = REQUESTS.get((who, at), 0) + 1
        _, status, kind, headers, text, again = FAULTS[int(at)]
        if seen > 1 and not (again is True or again in body) or (again == "stream_options" and again not in body):
            status, kind, headers, text = 200, EVENTS, {}, GOOD
        data = text.encode()
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(data)), "connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


def outcome(text):
    return {ANSWER: "answer", HALF: "**half, as if whole**", "": "**nothing, as if whole**"}.get(text, "?")


def openai_client(url):
    import openai

    client = openai.OpenAI(base_url=url, api_key="sk-x", timeout=20)
    try:
        parts = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}], stream=True, stream_options={"include_usage": True}
        )
        text = ""
        for part in parts:
            content = part.choices[0].delta.content if part.choices else None
            text += content if isinstance(content, str) else ""
        return outcome(text)
    except Exception as error:  # Whatever it is, the row names it.
        return type(error).__name__


def agent(program, url):
    with tempfile.TemporaryDirectory() as folder:
        repo = pathlib.Path(folder, "repo")
        repo.mkdir()
        (repo / "README.md").write_text("# Hello\n\nThis text recieves readers.\n")
        pathlib.Path(folder, "issue.md").write_text("# Typo in README.md\n\nIt should be `receives`.\n")
        git = ["git", "-C", str(repo), "-c", "user.name=x", "-c", "user.email=x@example.com"]
        for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
            subprocess.run(git + arguments, check=True)
        environment = {
            "PATH": os.environ["PATH"], "HOME": folder, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-x",
            "AGENT_MODEL_PRICE": "free", "AGENT_FILE_SELECTION": "never",
        }
        command = [program, "solve", "--repo", str(repo), "--issue", f"{folder}/issue.md", "--model", "openai:m", "--dry-run"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if ended.returncode == 0:
            return "answer"
        words = next((line for line in ended.stderr.splitlines() if line.startswith("error")), ended.stderr[-200:])
        return f"exit {ended.returncode}: {words.removeprefix('error: ')[:90]}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    print("| the first request meets | openai-python | ai-agent |\n|---|---|---|")
    for at, (name, *_) in enumerate(FAULTS):
        row = []
        for who, ask in (("theirs", openai_client), ("ours", lambda url: agent(sys.argv[1], url))):
            began = time.monotonic()
            came = ask(f"{base}/{who}/{at}/v1")
            row.append(f"{came} ({REQUESTS.get((who, str(at)), 0)}, {time.monotonic() - began:.0f} s)")
        print(f"| {name} | {row[0]} | {row[1]} |", flush=True)


main()
