// GitHub as `emulate` plays it, in front of `ingest` and behind the login of `ai-agent`.
//
// What others made of GitHub's documentation sends its own webhooks, with its own signatures, and answers our calls. It has no
// GraphQL and no git over HTTP, so there is no run on it; the one question of GraphQL with which every program begins is answered
// here from what it says over REST.
//
//   node emulate.mjs INGEST_URL SECRET AI_AGENT FOLDER     (see run)
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createEmulator } from 'emulate'

const [ingest, secret, program, folder] = process.argv.slice(2)
const failures = []
const check = (what, holds, told) => {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}${holds ? '' : `: ${JSON.stringify(told)}`}`)
  if (!holds) failures.push(what)
}
const body = async (stream) => {
  const parts = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}
const listen = (answer) =>
  new Promise((resolve) => {
    const server = http.createServer((request, response) => {
      answer(request, response).catch((error) => response.writeHead(502).end(String(error)))
    })
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
const port = (server) => server.address().port

// Between emulate and ingest: each delivery and what ingest said of it.
const deliveries = []
const relay = await listen(async (request, response) => {
  const sent = await body(request)
  const { host, connection, 'transfer-encoding': _, ...headers } = request.headers
  const answer = await fetch(`${ingest}/webhook/github`, { method: 'POST', headers, body: sent })
  const told = await answer.json()
  const payload = JSON.parse(sent.toString())
  deliveries.push({ event: headers['x-github-event'], action: payload.action, status: answer.status, told })
  response.writeHead(answer.status).end()
})

const github = await createEmulator({
  service: 'github',
  port: 0,
  seed: {
    github: {
      users: [{ login: 'dev1', name: 'Dev' }],
      repos: [{ owner: 'dev1', name: 'hello', auto_init: true }],
      apps: [
        {
          app_id: 12345,
          slug: 'ai-agent',
          name: 'ai-agent',
          permissions: { contents: 'write', issues: 'write', pull_requests: 'write', metadata: 'read' },
          events: ['issues', 'issue_comment', 'pull_request', 'pull_request_review', 'push', 'check_suite'],
          webhook_url: `http://127.0.0.1:${port(relay)}/`,
          webhook_secret: secret,
          installations: [{ installation_id: 100, account: 'dev1', repository_selection: 'all' }],
        },
      ],
    },
    tokens: { 'token-of-dev1': { login: 'dev1', scopes: ['repo'] } },
  },
})

// As a GitHub Enterprise Server has it: the interface lies below /api/v3.
const calls = []
const front = await listen(async (request, response) => {
  const path = request.url.replace(/^\/api\/v3/, '')
  const { host, connection, ...headers } = request.headers
  const sent = await body(request)
  if (path === '/api/graphql') return opening(JSON.parse(sent.toString()).variables, response)
  const answer = await fetch(`${github.url}${path}`, { method: request.method, headers, body: sent.length ? sent : undefined })
  calls.push(`${request.method} ${path.split('?')[0]}: ${answer.status}`)
  const kept = [...answer.headers].filter(([name]) => !/^(content-encoding|content-length|transfer-encoding|connection)$/.test(name))
  const text = Buffer.from(await answer.arrayBuffer()).toString().replaceAll(github.url, `http://127.0.0.1:${port(front)}/api/v3`)
  response.writeHead(answer.status, Object.fromEntries(kept)).end(text)
})

// Who asks, and the repository.
const opening = async ({ owner, name }, response) => {
  const found = await as_dev1('GET', `/repos/${owner}/${name}`)
  const repository = {
    databaseId: found.id,
    id: found.node_id,
    nameWithOwner: found.full_name,
    isArchived: found.archived,
    hasIssuesEnabled: found.has_issues,
    defaultBranchRef: null,
    config: null,
  }
  const viewer = { databaseId: 1, login: 'ai-agent[bot]' }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data: { viewer, repository } }))
}

const as_dev1 = async (method, path, sent) => {
  const answer = await fetch(`${github.url}${path}`, {
    method,
    headers: { authorization: 'Bearer token-of-dev1', 'content-type': 'application/json' },
    body: sent && JSON.stringify(sent),
  })
  const told = answer.status === 204 ? {} : await answer.json()
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(told)}`)
  return told
}
// What ingest said of the next delivery of that kind.
const delivered = async (event, action) => {
  for (let tries = 0; tries < 100; tries++) {
    const at = deliveries.findIndex((one) => one.event === event && (action === undefined || one.action === action))
    if (at >= 0) return deliveries.splice(at, 1)[0]
    await new Promise((done) => setTimeout(done, 50))
  }
  return { event, action, status: 0, told: 'it was not sent' }
}

try {
  const ROOT = '/repos/dev1/hello'
  for (const name of ['ai-help', 'quickfix']) await as_dev1('POST', `${ROOT}/labels`, { name, color: 'ededed' })
  const issue = await as_dev1('POST', `${ROOT}/issues`, { title: 'Typo', body: 'The word `recieves` should be `receives`.' })
  const opened = await delivered('issues', 'opened')
  check('an issue without the label is ignored', opened.status === 200 && opened.told.status === 'ignored', opened)
  await as_dev1('POST', `${ROOT}/issues/${issue.number}/labels`, { labels: ['ai-help'] })
  const labeled = await delivered('issues', 'labeled')
  check('the label asks for work, by a webhook that is signed', labeled.status === 202 && labeled.told.task_id, labeled)
  await as_dev1('POST', `${ROOT}/issues/${issue.number}/comments`, { body: 'Thanks.' })
  const talk = await delivered('issue_comment', 'created')
  check('a comment without a command is ignored', talk.status === 200 && /no command/.test(talk.told.reason), talk)
  await as_dev1('POST', `${ROOT}/issues/${issue.number}/comments`, { body: '/retry' })
  const command = await delivered('issue_comment', 'created')
  check('a command asks for work', command.status === 202 && command.told.task_id !== labeled.told.task_id, command)
  const refused = deliveries.filter((one) => one.status !== 200 && one.status !== 202)
  check('no webhook is refused', refused.length === 0, refused)

  // A pull request of the branch that a run would have made.
  const main = await as_dev1('GET', `${ROOT}/git/ref/heads/main`)
  const branch = `ai-agent/issue-${issue.number}`
  await as_dev1('POST', `${ROOT}/git/refs`, { ref: `refs/heads/${branch}`, sha: main.object.sha })
  await as_dev1('PUT', `${ROOT}/contents/a.txt`, { message: 'Add a', content: Buffer.from('a\n').toString('base64'), branch })
  const pull = await as_dev1('POST', `${ROOT}/pulls`, { title: 'Add a', head: branch, base: 'main', body: '' })
  await as_dev1('PUT', `${ROOT}/pulls/${pull.number}/merge`, {})
  const closed = await delivered('pull_request', 'closed')
  check('a pull request that is merged is looked at', closed.status === 202, closed)

  // The App logs in with its key, and reads.
  const key = github.generatedSecrets.find((one) => one.kind === 'github.app_private_key')
  const file = join(folder, 'key.pem')
  writeFileSync(file, key.value)
  const environment = {
    PATH: process.env.PATH,
    HOME: folder,
    AGENT_ALLOW_LOOPBACK: '1',
    AGENT_GITHUB_APP_ID: '12345',
    AGENT_GITHUB_APP_KEY_FILE: file,
    AGENT_MARKER_KEY: '0123456789abcdef0123456789abcdef',
    AGENT_MODEL: 'builtin',
  }
  const repository = `http://127.0.0.1:${port(front)}/dev1/hello`
  const ended = await promisify(execFile)(program, ['report', '--repo', repository, '--json'], { env: environment }).catch(
    (error) => error,
  )
  check('the App logs in with its key', calls.includes('POST /app/installations/100/access_tokens: 201'), ended.stderr)
  // emulate takes `comments` for the number of an issue. Once it does not, the report can be looked at here.
  const gap = 'GitHub finds nothing for GET /repos/dev1/hello/issues/comments'
  check('`ai-agent report` reads as far as emulate goes', ended.stderr.includes(gap), ended.stderr)
} finally {
  if (failures.length > 0) console.log([...calls, ...deliveries.map((one) => JSON.stringify(one))].join('\n'))
  await github.close()
  relay.close()
  front.close()
}
process.exit(failures.length > 0 ? 1 : 0)
