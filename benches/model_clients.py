#!/usr/bin/env python3
"""Compares what the vendors' own clients and ai-agent do with the same faults of a model's server, side by side.

    pip install openai anthropic ollama llmock
    benches/model_clients.py target/debug/ai-agent [openai|anthropic|ollama|llmock ...]

Each fault is met by the first request, and by no later one unless the table says "always"; what then comes is a good answer.
A row says how many requests were made and what came of them. The table of llmock has its faults and its verdict in place
of ours. Nothing leaves this machine.
"""

import http.server
import importlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ANSWER = (
    "TITLE: Correct a typo\nSUMMARY:\nIt is `receives`.\n\nREADME.md\n<<<<<<< SEARCH\n"
    "This text recieves readers.\n=======\nThis text receives readers.\n>>>>>>> REPLACE\n"
)
HALF = ANSWER[: len(ANSWER) // 2]
EVENTS, JSON, LINES = "text/event-stream", "application/json", "application/x-ndjson"


def chunk(content=None, finish=None):
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def stream(*events):
    return "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events)


def error(message, **fields):
    return json.dumps({"error": {"message": message, "type": "x", **fields}})


def named(*events):
    """Anthropic's events, which have their type in front as well."""
    texts = ((event, "content_block_delta") if isinstance(event, str) else (json.dumps(event), event["type"]) for event in events)
    return "".join(f"event: {name}\ndata: {text}\n\n" for text, name in texts)


def piece(text):
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def stopped(reason="end_turn"):
    delta = {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": {"output_tokens": 9}}
    return {"type": "content_block_stop", "index": 0}, delta, {"type": "message_stop"}


def refused(kind, message):
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}


BEGUN = (
    {"type": "message_start", "message": {
        "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 9, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
)
PING = {"type": "ping"}


def lines(*values):
    return "".join((value if isinstance(value, str) else json.dumps(value)) + "\n" for value in values)


def part(text, **fields):
    message = {"role": "assistant", "content": text}
    return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": False, **fields}


def ended(reason="stop", **fields):
    return part("", done=True, done_reason=reason, prompt_eval_count=100_000, eval_count=9, **fields)


# Name, status, content type, more headers, body, whether every request meets it.
FAULTS = {
    "openai": [
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
    ],
    "anthropic": [
        ("408", 408, JSON, {}, json.dumps(refused("timeout_error", "timeout")), False),
        ("409", 409, JSON, {}, json.dumps(refused("conflict_error", "locked")), False),
        ("429", 429, JSON, {}, json.dumps(refused("rate_limit_error", "slow down")), False),
        ("429, retry-after: 2", 429, JSON, {"retry-after": "2"}, json.dumps(refused("rate_limit_error", "slow down")), False),
        ("429, x-should-retry: false", 429, JSON, {"x-should-retry": "false"}, json.dumps(refused("rate_limit_error", "slow down")), False),
        ("500", 500, JSON, {}, json.dumps(refused("api_error", "oops")), False),
        ("529", 529, JSON, {}, json.dumps(refused("overloaded_error", "Overloaded")), False),
        ("400 for temperature, always", 400, JSON, {}, json.dumps(refused("invalid_request_error", "`temperature` is not supported by this model")), "temperature"),
        ("overloaded before the text, in the stream", 200, EVENTS, {}, named(refused("overloaded_error", "Overloaded")), False),
        ("overloaded after half of the text", 200, EVENTS, {}, named(*BEGUN, piece(HALF), refused("overloaded_error", "Overloaded")), False),
        ("damaged event after half of the text", 200, EVENTS, {}, named(*BEGUN, piece(HALF), '{"type":"content_block_de'), False),
        ("end after half of the text", 200, EVENTS, {}, named(*BEGUN, piece(HALF)), False),
        ("end without `message_stop`", 200, EVENTS, {}, named(*BEGUN, piece(HALF), *stopped()[:1]), False),
        ("cut at the limit, always", 200, EVENTS, {}, named(*BEGUN, piece(HALF), *stopped("max_tokens")), True),
        ("refusal, always", 200, EVENTS, {}, named(*BEGUN, *stopped("refusal")), True),
        ("pings and unknown events between", 200, EVENTS, {}, named(*BEGUN, PING, {"type": "new_kind"}, piece(ANSWER), PING, *stopped()), False),
    ],
    "ollama": [
        ("429", 429, JSON, {}, json.dumps({"error": "slow down"}), False),
        ("429, retry-after: 2", 429, JSON, {"retry-after": "2"}, json.dumps({"error": "slow down"}), False),
        ("500", 500, JSON, {}, json.dumps({"error": "oops"}), False),
        ("503", 503, JSON, {}, json.dumps({"error": "server busy, please try again. maximum pending requests exceeded"}), False),
        ("404, always", 404, JSON, {}, json.dumps({"error": "model 'm' not found"}), True),
        ("error after half of the text", 200, LINES, {}, lines(part(HALF), {"error": "llama runner process has terminated"}), False),
        ("damaged line after half of the text", 200, LINES, {}, lines(part(HALF), '{"model":"m","mess'), False),
        ("end after half of the text", 200, LINES, {}, lines(part(HALF)), False),
        ("cut at the limit, always", 200, LINES, {}, lines(part(HALF), ended("length")), True),
        ("prompt cut to the window in silence, always", 200, LINES, {}, lines(part(ANSWER), ended() | {"prompt_eval_count": 20}), True),
    ],
}
GOOD = {
    "openai": (EVENTS, stream(chunk(ANSWER), chunk(finish="stop"), "[DONE]")),
    "anthropic": (EVENTS, named(*BEGUN, piece(ANSWER), *stopped())),
    "ollama": (LINES, lines(part(ANSWER), ended())),
}
REQUESTS = {}


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        _, protocol, who, at, *_ = self.path.split("/")
        seen = REQUESTS[protocol, who, at] = REQUESTS.get((protocol, who, at), 0) + 1
        _, status, kind, headers, text, again = FAULTS[protocol][int(at)]
        is_met = again in body if isinstance(again, str) else again or seen == 1
        if not is_met:
            (kind, text), status, headers = GOOD[protocol], 200, {}
        data = text.encode()
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(data)), "connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


def outcome(text):
    return {ANSWER: "answer", HALF: "**half, as if whole**", "": "**nothing, as if whole**"}.get(text, f"{len(text)} characters")


def openai_client(url):
    import openai

    client = openai.OpenAI(base_url=url + "/v1", api_key="sk-x", timeout=20)
    parts = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "x"}], stream=True, stream_options={"include_usage": True}
    )
    text = ""
    for part in parts:
        content = part.choices[0].delta.content if part.choices else None
        text += content if isinstance(content, str) else ""
    return text


def anthropic_client(url):
    import anthropic

    client = anthropic.Anthropic(base_url=url, api_key="sk-x", timeout=20)
    # It has no parameter of that name any more.
    more = {"temperature": 0}
    with client.messages.stream(
        model="m", max_tokens=8_192, messages=[{"role": "user", "content": "x"}], extra_body=more
    ) as parts:
        return "".join(parts.text_stream)


def ollama_client(url):
    import ollama

    client = ollama.Client(host=url, timeout=20)
    parts = client.chat(model="m", messages=[{"role": "user", "content": "x"}], stream=True)
    return "".join(part.message.content or "" for part in parts)


CLIENTS = {"openai": openai_client, "anthropic": anthropic_client, "ollama": ollama_client}


def client(protocol, url):
    try:
        return outcome(CLIENTS[protocol](url))
    except Exception as error:  # Whatever it is, the row names it.
        return type(error).__name__


def agent(program, protocol, url):
    with tempfile.TemporaryDirectory() as folder:
        repo = pathlib.Path(folder, "repo")
        repo.mkdir()
        (repo / "README.md").write_text("# Hello\n\nThis text recieves readers.\n")
        pathlib.Path(folder, "issue.md").write_text("# Typo in README.md\n\nIt should be `receives`.\n")
        git = ["git", "-C", str(repo), "-c", "user.name=x", "-c", "user.email=x@example.com"]
        for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
            subprocess.run(git + arguments, check=True)
        base = {"openai": {"OPENAI_BASE_URL": url + "/v1"}, "anthropic": {"ANTHROPIC_BASE_URL": url}, "ollama": {"OLLAMA_HOST": url}}
        environment = {
            "PATH": os.environ["PATH"], "HOME": folder, "OPENAI_API_KEY": "sk-x", "ANTHROPIC_API_KEY": "sk-x",
            "AGENT_MODEL_PRICE": "free", "AGENT_FILE_SELECTION": "never", "AGENT_TEMPERATURE": "0",
            "AGENT_CONTEXT_WINDOW": "65536", **base[protocol],
        }
        command = [program, "solve", "--repo", str(repo), "--issue", f"{folder}/issue.md", "--model", f"{protocol}:m", "--dry-run"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if ended.returncode == 0:
            return "answer"
        words = next((line for line in ended.stderr.splitlines() if line.startswith("error")), ended.stderr[-200:])
        return f"exit {ended.returncode}: {words.removeprefix('error: ')[:90]}"


def compare(program, protocol):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/{protocol}"
    importlib.import_module(protocol)
    print(f"\n| the first request meets | {protocol}-python | ai-agent |\n|---|---|---|")
    for at, (name, *_) in enumerate(FAULTS[protocol]):
        row = []
        for who, ask in (("theirs", lambda url: client(protocol, url)), ("ours", lambda url: agent(program, protocol, url))):
            began = time.monotonic()
            came = ask(f"{base}/{who}/{at}")
            row.append(f"{came} ({REQUESTS.get((protocol, who, str(at)), 0)}, {time.monotonic() - began:.0f} s)")
        print(f"| {name} | {row[0]} | {row[1]} |", flush=True)
    server.shutdown()


# What llmock does to the first requests; the last of them is an answer.
LLMOCK = [
    ("429 with retry-after: 2, twice", {"type": "fail", "status": 429, "retry_after": 2, "times": 2}),
    ("500", {"type": "fail", "status": 500}),
    ("503, twice", {"type": "fail", "status": 503, "times": 2}),
    ("400, always", {"type": "fail", "status": 400, "times": None}),
    ("401, always", {"type": "fail", "status": 401, "times": None}),
    ("404, always", {"type": "fail", "status": 404, "times": None}),
    ("connection dropped in the stream", {"type": "stream_fault", "kind": "disconnect", "after_chunks": 2}),
    ("stream ends early", {"type": "stream_fault", "kind": "truncate", "after_chunks": 2}),
    ("stream ends early, always", {"type": "stream_fault", "kind": "truncate", "after_chunks": 2, "times": None}),
    ("damaged event", {"type": "stream_fault", "kind": "malformed", "after_chunks": 5}),
    ("first token after 3 s", {"type": "slow_first_token", "seconds": 3}),
]


def call(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def judged(program):
    """What llmock, which breaks answers of its own, says of the clients."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    llmock = pathlib.Path(sys.executable).with_name("llmock")
    server = subprocess.Popen([llmock, "serve", "--host", "127.0.0.1", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(1_200):
            try:
                call(f"{url}/_llmock/requests")
                break
            except OSError:
                time.sleep(0.1)
        bases = {"openai": url, "anthropic": f"{url}/anthropic"}
        asks = [
            (f"{name}, {protocol}", ask)
            for protocol, base in bases.items()
            for name, ask in (
                ("python", lambda protocol=protocol, base=base: client(protocol, base)),
                ("ai-agent", lambda protocol=protocol, base=base: agent(program, protocol, base)),
            )
        ]
        print("\n| llmock's fault | " + " | ".join(name for name, _ in asks) + " |\n|" + "---|" * (1 + len(asks)))
        for name, fault in LLMOCK:
            row = []
            for _, ask in asks:
                call(f"{url}/_llmock/reset", {})
                call(f"{url}/_llmock/scenario", {"behaviors": [{"type": "reply", "text": ANSWER, "times": None}, fault]})
                came, verdict = ask(), call(f"{url}/_llmock/verdict")
                requests = call(f"{url}/_llmock/requests")
                findings = dict.fromkeys(f"**{found['severity']}** {found['code']}" for found in verdict["findings"])
                count = len(requests["requests"] if isinstance(requests, dict) else requests)
                row.append(f"{came} ({count}); {', '.join(findings) or 'nothing to say'}")
            print(f"| {name} | " + " | ".join(row) + " |", flush=True)
    finally:
        server.terminate()
        server.wait()


def main():
    program, *chosen = sys.argv[1:] or [None]
    if program is None or set(chosen) - {*FAULTS, "llmock"}:
        sys.exit(__doc__.strip())
    for name in chosen or [*FAULTS, "llmock"]:
        judged(program) if name == "llmock" else compare(program, name)


main()
