// The same service with Node's http server, @octokit/webhooks and amqplib: verify, decide, publish confirmed, answer.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { Webhooks } from "@octokit/webhooks";
import amqp from "amqplib";

const webhooks = new Webhooks({ secret: process.env.AGENT_WEBHOOK_SECRETS });
const connection = await amqp.connect(process.env.AGENT_AMQP_URL);
const channel = await connection.createConfirmChannel();
let returned = false;
channel.on("return", () => { returned = true; });

// The task that an event asks for, by the rules of ingest for labels.
function decide(event, payload) {
  if (event !== "issues" || payload.action !== "labeled" || payload.label.name !== "ai-help") return null;
  const { issue, repository, sender } = payload;
  if (sender.type !== "User" || repository.archived || issue.state !== "open") return null;
  const mode = issue.labels.some((label) => label.name === "quickfix") ? "quickfix" : "plan";
  const id = createHash("sha256").update(`${repository.id} ${issue.number} ${mode} wished ${issue.updated_at}`).digest("hex");
  return {
    repo_url: repository.html_url, issue_id: issue.number, mode, trigger_user: sender.login,
    task_id: id.slice(0, 32), triggered_at: issue.updated_at, repository_id: repository.id,
  };
}

async function receive(request, body) {
  const signature = request.headers["x-hub-signature-256"] ?? "";
  if (!(await webhooks.verify(body, signature))) return [401, { status: "refused" }];
  const task = decide(request.headers["x-github-event"], JSON.parse(body));
  if (!task) return [200, { status: "ignored" }];
  await new Promise((resolve, reject) => {
    channel.publish("", "agent-tasks", Buffer.from(JSON.stringify(task)), {
      persistent: true, mandatory: true, messageId: task.task_id, type: "task", contentType: "application/json",
      headers: { "x-github-delivery": request.headers["x-github-delivery"] },
    }, (error) => (error ? reject(error) : resolve()));
  });
  if (returned) return [503, { status: "unavailable" }];
  return [202, { status: "accepted", task_id: task.task_id }];
}

const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.writeHead(200, { "content-type": "application/json" }).end('{"status":"alive"}');
    return;
  }
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    receive(request, Buffer.concat(parts).toString("utf8"))
      .catch(() => [503, { status: "unavailable" }])
      .then(([status, answer]) => {
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
      });
  });
});
server.listen(Number(process.env.PORT), "127.0.0.1");
