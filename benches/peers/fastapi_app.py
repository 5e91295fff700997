"""The same service with FastAPI, uvicorn and aio-pika: verify, decide, publish confirmed, answer."""

import hashlib
import hmac
import json
import os
from contextlib import asynccontextmanager

import aio_pika
from fastapi import FastAPI, Request, Response

SECRET = os.environ["AGENT_WEBHOOK_SECRETS"].encode()
state = {}


@asynccontextmanager
async def lifespan(app):
    connection = await aio_pika.connect_robust(os.environ["AGENT_AMQP_URL"])
    state["channel"] = await connection.channel(publisher_confirms=True)
    yield
    await connection.close()


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health():
    return {"status": "alive"}


def decide(event, payload):
    """The task that an event asks for, by the rules of ingest for labels."""
    if event != "issues" or payload["action"] != "labeled" or payload["label"]["name"] != "ai-help":
        return None
    issue, repository, sender = payload["issue"], payload["repository"], payload["sender"]
    if sender["type"] != "User" or repository["archived"] or issue["state"] != "open":
        return None
    labels = [label["name"] for label in issue["labels"]]
    mode = "quickfix" if "quickfix" in labels else "plan"
    event_id = f"wished {issue['updated_at']}"
    task_id = hashlib.sha256(f"{repository['id']} {issue['number']} {mode} {event_id}".encode()).hexdigest()[:32]
    return {
        "repo_url": repository["html_url"],
        "issue_id": issue["number"],
        "mode": mode,
        "trigger_user": sender["login"],
        "task_id": task_id,
        "triggered_at": issue["updated_at"],
        "repository_id": repository["id"],
    }


@app.post("/webhook/github")
async def receive(request: Request):
    body = await request.body()
    given = request.headers.get("x-hub-signature-256", "")
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given, expected):
        return Response(status_code=401)
    task = decide(request.headers.get("x-github-event"), json.loads(body))
    if task is None:
        return {"status": "ignored"}
    message = aio_pika.Message(
        json.dumps(task).encode(),
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=task["task_id"],
        type="task",
        headers={"x-github-delivery": request.headers.get("x-github-delivery")},
    )
    # With confirms, this raises if the message is refused or returned.
    await state["channel"].default_exchange.publish(message, routing_key="agent-tasks", mandatory=True)
    return Response(status_code=202, content=json.dumps({"status": "accepted", "task_id": task["task_id"]}))
