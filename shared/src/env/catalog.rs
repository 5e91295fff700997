//! The *catalog*: every variable that the programs read, in groups, as `--help` and docs/CONFIGURATION.md list them.
//!
//! A name appears here once. Names that others made keep theirs (`ANTHROPIC_API_KEY`, `RUST_LOG`); what is ours begins
//! with `AGENT_`, the same in both programs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::setting::{
    Fallback, Grammar, Setting, Variable, address, choice, flag, headers, list, number, pairs, path, pause,
    secret, secret_url, secrets, size, text, timeout, token,
};

/// Variables that belong together.
pub struct Group {
    /// As the documentation refers to it.
    pub name: &'static str,
    pub settings: &'static [&'static Variable],
}

/// Declares the variables of a group: name, type and grammar, default, meaning.
macro_rules! group {
    (
        $(#[$about:meta])* $group:ident;
        $($(#[$note:meta])* $name:ident: $type:ty = $grammar:expr, $fallback:expr, $meaning:expr;)*
    ) => {
        $($(#[$note])* pub const $name: Setting<$type> =
            Setting::new(stringify!($name), &$grammar, $fallback, $meaning);)*
        $(#[$about])*
        pub const $group: Group = Group { name: stringify!($group), settings: &[$($name.variable()),*] };
    };
}

/// The default is this value.
const fn is(value: &'static str) -> Fallback {
    Fallback::Value(value)
}

/// The default is what these words say.
const fn of(words: &'static str) -> Fallback {
    Fallback::Words(words)
}

const NONE: Fallback = Fallback::Words("");

const LABEL: Grammar<String> = text("label", "use 1 to 50 visible characters, and no comma");
const HOST: Grammar<String> = text("host name", "use a name such as github.example.com");
const ACCOUNT: Grammar<String> = text("login", "use the name of an account, such as octo-agent");
const MODEL_SPEC: Grammar<String> =
    text("model", "use PROVIDER or PROVIDER:MODEL, such as anthropic or ollama:qwen3-coder:30b");
const MONEY: Grammar<String> =
    text("amount", "use dollars with at most six digits after the point, such as 2.50");
const PRICE: Grammar<String> =
    text("price", "use free, or dollars for a million tokens in and out, such as 0.50/2.00");
const PRICES: Grammar<String> =
    text("price table", "use a table in TOML, or name its file in AGENT_PRICES_FILE");
const TEMPERATURE: Grammar<String> = text("temperature", "use a number from 0 to 2, such as 0.2");
const AUTHOR: Grammar<String> = text("author", "a commit's author holds no line end, `<` or `>`");
const HTTP_URL: Grammar<String> =
    text("address", "use https://HOST/PATH, without a user name, a query or a fragment");
const PAGE: Grammar<String> =
    text("address", "use http://HOST/PATH or https://HOST/PATH, without spaces, brackets or a password");
const COLLECTOR: Grammar<String> =
    text("address", "use http://HOST:4318 or https://HOST/PATH, without a user name, a query or a fragment");
const ANY: Grammar<String> = text("value", "use any text");

group! {
    /// What is logged, and how.
    LOGS;
    RUST_LOG: String = text("log filter", "use a level, or levels by module, such as info,lapin=warn"), is("info"),
        "level of the logs, also by module: `info,lapin=warn`";
    AGENT_LOG_FORMAT: &'static str = choice(&["json", "text"]), of("`text` for a terminal, else `json`"),
        "`json`, one object a line, or `text` for a person";
}

group! {
    /// Where repositories are.
    HOSTS;
    AGENT_GITHUB_HOST: String = HOST, is("github.com"), "host of GitHub, or of a GitHub Enterprise Server";
    AGENT_ALLOW_LOOPBACK: bool = flag(), is("false"),
        "for debugging: also take repositories that this machine serves over plain http";
}

group! {
    /// The way out, for everything but the broker.
    NETWORK;
    AGENT_CA: String = text("certificates", "use certificates in PEM, or name their file in AGENT_CA_FILE"), NONE,
        "certificate authorities in PEM that are trusted in addition to the system's, for GitHub, Jira, git, models and telemetry alike; as a rule \
         a file, `AGENT_CA_FILE`";
    HTTPS_PROXY: SecretString = secret_url("use http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"), NONE,
        "proxy for GitHub, Jira, git, models and telemetry; a model at a private address is asked without it";
    NO_PROXY: String = ANY, NONE, "hosts that are reached without the proxy: names, domains, addresses, networks";
}

group! {
    /// Where telemetry goes. The names and their grammar are OpenTelemetry's.
    TELEMETRY;
    OTEL_EXPORTER_OTLP_ENDPOINT: String = COLLECTOR, NONE,
        "address of an OpenTelemetry collector that takes OTLP over HTTP, such as `http://collector:4318`; `/v1/traces` and \
         `/v1/metrics` are appended; without it nothing is sent";
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: String = COLLECTOR, of("`/v1/traces` below OTEL_EXPORTER_OTLP_ENDPOINT"),
        "the same for traces alone, used as it is";
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: String = COLLECTOR, of("`/v1/metrics` below OTEL_EXPORTER_OTLP_ENDPOINT"),
        "the same for metrics alone, used as it is";
    OTEL_EXPORTER_OTLP_HEADERS: SecretString =
        pairs("write NAME=VALUE, the value percent-encoded, separated by commas or line ends"), NONE,
        "headers for the collector, such as a token: `NAME=VALUE`, separated by commas or line ends, never logged; as a \
         rule a file, `OTEL_EXPORTER_OTLP_HEADERS_FILE`";
    OTEL_EXPORTER_OTLP_PROTOCOL: &'static str = choice(&["http/protobuf", "http/json", "grpc"]), is("http/protobuf"),
        "the protocol; with any but `http/protobuf`, the only one that is supported, nothing is sent, and the log says so";
    OTEL_EXPORTER_OTLP_TIMEOUT: u64 = number(1, u32::MAX as u64), is("2000"),
        "milliseconds for all that is sent at the end of a run or a sweep together; at most 2000";
    OTEL_SERVICE_NAME: String = ANY, of("`ai-agent`, and `ai-agent-ingest` for ingest"), "name of the service";
    OTEL_RESOURCE_ATTRIBUTES: String = text("attributes", "write NAME=VALUE, the value percent-encoded, separated by commas"), NONE,
        "more attributes of everything that is sent, as `NAME=VALUE`, separated by commas";
    OTEL_SDK_DISABLED: bool = flag(), is("false"), "whether nothing is sent, whatever else is set";
}

group! {
    /// How often telemetry is sent by a program that goes on.
    REPORTS;
    OTEL_METRIC_EXPORT_INTERVAL: u64 = number(1_000, u32::MAX as u64), is("60000"),
        "milliseconds between two reports";
}

group! {
    /// The labels that people and the agent set.
    LABELS;
    AGENT_TRIGGER_LABEL: String = LABEL, is("ai-help"), "label that asks for work";
    AGENT_QUICKFIX_LABEL: String = LABEL, is("quickfix"), "label that asks for it without a plan";
    AGENT_GENERATED_LABEL: String = LABEL, is("ai-generated"), "label of the agent's pull requests";
}

group! {
    /// The broker.
    BROKER;
    AGENT_AMQP_URL: SecretString =
        secret_url("use amqp://HOST:PORT/VHOST or amqps://HOST:PORT/VHOST, an IPv6 address in brackets"),
        is("amqp://127.0.0.1:5672/agents"), "the broker, with the virtual host";
    AGENT_AMQP_USERNAME: String = text("user", "use the name of a user"), of("that of AGENT_AMQP_URL"),
        "user of the broker";
    AGENT_AMQP_PASSWORD: SecretString = secret(), of("that of AGENT_AMQP_URL"), "password of that user";
    AGENT_AMQP_CA: String = text("certificates", "use certificates in PEM, or name their file in AGENT_AMQP_CA_FILE"),
        of("the system's"), "certificate authorities in PEM that the broker's certificate is checked against";
}

group! {
    /// Patience with the broker.
    BROKER_WAIT;
    AGENT_BROKER_MAX_WAIT: Duration = pause(), is("1min"),
        "longest time that a broker that cannot be reached is tried again";
}

group! {
    /// The receiver of webhooks.
    INGEST;
    AGENT_WEBHOOK_SECRETS: Vec<SecretString> = secrets(), of("required"),
        "webhook secrets: one, or several while one is replaced, separated by commas or line ends";
    AGENT_LISTEN: SocketAddr = address(), is("0.0.0.0:8080"), "address to listen on";
    AGENT_LOGIN: String = ACCOUNT, NONE,
        "account that issues are assigned to and that never triggers; required for assignments";
    AGENT_ID: u64 = number(1, u64::MAX), NONE, "number of that account";
    AGENT_MAX_BODY: usize = size(), is("2MiB"), "largest body of a webhook";
    AGENT_BODY_MEMORY: usize = size(), is("64MiB"),
        "memory for the heads and bodies of all requests together that are being read or worked on";
    AGENT_MAX_CONNECTIONS: usize = number(1, 65_536), is("256"),
        "connections at once; for one more, the oldest that has not sent its request is closed";
    AGENT_HEADER_TIMEOUT: Duration = timeout(), is("5s"), "time for the head of a request to arrive";
    AGENT_BODY_TIMEOUT: Duration = timeout(), is("8s"),
        "time for a body to arrive; one that comes slower than 32 KB a second is cut off after 2s";
    AGENT_DRAIN_TIMEOUT: Duration = timeout(), is("20s"), "time for requests to end after SIGTERM";
    AGENT_KEEP_ALIVE: bool = flag(), is("false"), "whether a connection serves more than one request";
}

group! {
    /// What AWS Lambda sets for a function.
    LAMBDA;
    AWS_LAMBDA_RUNTIME_API: String = text("address", "use HOST:PORT, or leave it to AWS Lambda"), NONE,
        "set by AWS Lambda: ingest serves this and listens to nothing";
    AWS_LAMBDA_FUNCTION_NAME: String = ANY, NONE, "set by AWS Lambda with it";
    AWS_LAMBDA_FUNCTION_VERSION: String = ANY, NONE, "the same";
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: u32 = number(1, i32::MAX as u64), NONE, "the same";
}

group! {
    /// Webhooks of Jira.
    JIRA_WEBHOOKS;
    AGENT_JIRA_WEBHOOK_SECRETS: Vec<SecretString> = secrets(), NONE,
        "webhook secrets of Jira's sites, as `NAME=SECRET`, separated by commas or line ends; several of one NAME while one \
         is replaced";
    AGENT_JIRA_ACCOUNTS: Vec<String> = list(), NONE,
        "account of the agent on each of these sites, as `NAME=ACCOUNT-ID`: issues are assigned to it, and it never \
         triggers";
}

group! {
    /// Issues of Jira.
    JIRA;
    AGENT_JIRA: String = text("Jira configuration", "use sites, projects and people in TOML, or name the file in AGENT_JIRA_FILE"),
        NONE, "sites of Jira, repositories of their projects, logins of their people, in TOML; as a rule a file, \
         `AGENT_JIRA_FILE`";
    AGENT_JIRA_CREDENTIALS: SecretString =
        headers("write one site a line, as in `acme: agent@example.com TOKEN`"), NONE,
        "credentials of each site, one a line: `NAME: E-MAIL TOKEN`, or `NAME: CLIENT-ID CLIENT-SECRET` of a service account; \
         as a rule a file, `AGENT_JIRA_CREDENTIALS_FILE`";
}

group! {
    /// The model, and what it may cost.
    MODEL;
    AGENT_MODEL: String = MODEL_SPEC, of("required; `builtin` for `solve`"),
        "`anthropic`, `openai` or `ollama`, a model after a colon, or `builtin`, rules without an AI model; `--model` takes \
         precedence; without one `explain` and `eval` show what any model is given, and price nothing";
    AGENT_MODEL_PRICE: String = PRICE, of("that of the price table"),
        "price of that model: `free`, or dollars for a million tokens in and out, such as `0.50/2.00`";
    AGENT_MAX_TOKENS: u64 = number(1, u64::MAX), is("1000000"),
        "tokens of one run, in and out; checked before each call";
    AGENT_MAX_COST: String = MONEY, is("3.00"), "US dollars of one run; checked before each call";
    AGENT_UNKNOWN_PRICE: &'static str = choice(&["refuse", "allow"]), is("refuse"),
        "`allow` lets a model run whose price is unknown, limited by tokens alone";
    AGENT_PRICES: String = PRICES, of("the built-in table"),
        "price table in TOML that replaces `task/prices.toml`; as a rule a file, `AGENT_PRICES_FILE`";
    AGENT_CONTEXT_WINDOW: u32 = number(1, u32::MAX as u64), of("by model"),
        "tokens that the model holds, prompt and answer together";
    AGENT_MAX_OUTPUT_TOKENS: u32 = number(1, u32::MAX as u64), of("by model"),
        "tokens of one answer, thinking included";
    AGENT_TEMPERATURE: String = TEMPERATURE, of("the model's"),
        "sampling temperature; current Claude models refuse any";
    AGENT_EFFORT: &'static str = choice(&["low", "medium", "high"]), of("the model's"),
        "how much the model thinks before it answers: `low`, `medium` or `high`, by its provider's own parameter (`effort`, \
         `reasoning_effort`, `think`); left out where the server refuses it";
    AGENT_MODEL_TIMEOUT: Duration = timeout(), is("20min"), "longest time for one question, retries included";
    AGENT_MODEL_IDLE_TIMEOUT: Duration = timeout(), of("`3min`, `10min` for a private address"),
        "longest silence of the model";
    AGENT_MODEL_RETRIES: usize = number(0, 20), is("4"),
        "retries after a transient error of the model's server; `0` for none";
}

group! {
    /// Where providers are, and the keys to them.
    PROVIDERS;
    ANTHROPIC_API_KEY: SecretString = token(), NONE, "key of Claude";
    ANTHROPIC_BASE_URL: String = HTTP_URL, is("https://api.anthropic.com"), "address of Claude";
    OPENAI_API_KEY: SecretString = token(), NONE, "key of OpenAI, or of a server that speaks chat completions";
    OPENAI_BASE_URL: String = HTTP_URL, is("https://api.openai.com/v1"), "its address, which mostly ends in `/v1`";
    OLLAMA_API_KEY: SecretString = token(), NONE, "key of Ollama, if it has one";
    OLLAMA_BASE_URL: String = HTTP_URL, of("OLLAMA_HOST"), "address of Ollama";
    OLLAMA_HOST: String = text("address", "use HOST:PORT or http://HOST:PORT"), is("http://127.0.0.1:11434"),
        "the same, as Ollama itself reads it";
    AGENT_MODEL_HEADERS: SecretString = headers("write one header a line, as in `x-gateway-key: VALUE`"), NONE,
        "more headers for the model's server, such as a gateway's: one `NAME: VALUE` a line, never logged; as a rule a \
         file, `AGENT_MODEL_HEADERS_FILE`";
}

group! {
    /// What is read, and what may be changed.
    CYCLE;
    AGENT_MODELS: Vec<String> = list(), NONE,
        "models that a repository may choose in its configuration, as PROVIDER:MODEL";
    AGENT_CONTEXT_TOKENS: u32 = number(1_000, u32::MAX as u64), of("by model, at least `24000`"),
        "tokens of files and outlines in the first message; without it a tenth of the model's window, at most 100,000, \
         and at most what a tenth of `AGENT_MAX_COST` pays for";
    AGENT_READ_ROUNDS: u32 = number(0, 50), is("8"),
        "how often the model may ask to see more of the repository before it has to answer; `0` for never";
    AGENT_FILE_SELECTION: &'static str = choice(&["auto", "never", "always"]), is("auto"),
        "whether the model first chooses the files, from outlines of the best 50: `auto`, where that costs less than a \
         twentieth of `AGENT_MAX_COST`, or, without a known price, where the ranking is not sure; `never`; `always`";
    AGENT_CHOOSE_MODEL: String = MODEL_SPEC, of("the model that answers"),
        "a cheaper model that chooses the files, as PROVIDER:MODEL";
    AGENT_PROTECT: Vec<String> = list(), NONE,
        "more paths that may not be changed: patterns as in `.gitignore`";
    AGENT_ALLOW: Vec<String> = list(), NONE, "protected paths that may be changed after all: patterns";
    AGENT_COMMIT_NAME: String = AUTHOR, is("ai-agent"), "name of the commits' author";
    AGENT_COMMIT_EMAIL: String = AUTHOR, is("ai-agent@users.noreply.github.com"),
        "email address of the commits' author";
}

group! {
    /// Who the agent is on GitHub, and what a look at its work needs.
    RUN;
    AGENT_GITHUB_APP_ID: u64 = number(1, u64::MAX), NONE, "id of the GitHub App";
    AGENT_GITHUB_APP_KEY: SecretString = secret(), NONE, "private key of the App in PEM";
    AGENT_GITHUB_TOKEN: SecretString = token(), NONE, "personal token, in place of an App";
    AGENT_MARKER_KEY: SecretString = secret(), of("required"),
        "key that authenticates the agent's comments: 32 random bytes in hexadecimal";
    AGENT_HELP_URL: String = PAGE, NONE,
        "page that the agent's comments link, with what people can write to it: docs/COMMANDS.md, wherever people can read it";
    AGENT_CHECKS_WITHIN: Duration = timeout(), is("60min"),
        "how long checks may run until it is told that they do not end";
    AGENT_GITHUB_MAX_WAIT: Duration = pause(), is("3min"),
        "longest time that rate limits and outages of GitHub may hold up one call";
    AGENT_GITHUB_TIMEOUT: Duration = timeout(), is("15s"), "longest time for one call to GitHub";
}

group! {
    /// What only a run reads that may change something.
    CHANGES;
    AGENT_UNAUTHORIZED_USERS: &'static str = choice(&["answer", "ignore"]), is("answer"),
        "what someone without write access gets: `answer`, one comment, or `ignore`";
    AGENT_APPROVE_BY: &'static str = choice(&["anyone", "others"]), is("anyone"),
        "who may approve a plan, among people with write access: `anyone`, or `others` than asked for it";
    AGENT_CI: &'static str = choice(&["ask", "trusted", "auto"]), is("trusted"),
        "when CI starts on a change, unless a repository is stricter: `ask`, when somebody with write access comments `/ci`; \
         `trusted`, by itself if a person with write access wrote the issue and CI or build tools execute nothing of what \
         changed, else as `ask`; `auto`, by itself";
    AGENT_REPAIRS: u32 = number(0, 3), is("3"),
        "repairs of one pull request whose checks fail, at most; `0` for none: then it is only told what failed";
    AGENT_WORK_DIR: PathBuf = path(), of("the system's temporary folder"), "folder for clones";
    AGENT_TRANSCRIPT_DIR: PathBuf = path(), NONE,
        "folder in which the conversation of each task with its model is kept, as `TASK.jsonl`; without it, none is";
    AGENT_RUN_TIMEOUT: Duration = timeout(), is("45min"), "longest time for one run";
}

group! {
    /// What all runs together may spend on models.
    BUDGETS;
    AGENT_BUDGET_DAY: String = MONEY, NONE,
        "US dollars that the models of all runs together may cost in a day, by UTC; reserved at the broker before each call \
         of `ai-agent consume`";
    AGENT_BUDGET_MONTH: String = MONEY, NONE, "the same for a calendar month";
    AGENT_REPO_BUDGET_DAY: String = MONEY, NONE, "US dollars for each repository in a day";
    AGENT_REPO_BUDGET_MONTH: String = MONEY, NONE, "the same for a calendar month";
    AGENT_REPO_BUDGETS: Vec<String> = list(), NONE,
        "other amounts for single repositories, as `OWNER/NAME=DAY/MONTH`, `-` for no ceiling: `octo/hello=5/100`, `octo/docs=-/20`";
}

group! {
    /// How many calls to a model all runs together make at once.
    CALLS_AT_ONCE;
    AGENT_MODEL_CALLS_AT_ONCE: u32 = number(1, 999), NONE,
        "calls to one provider that all runs of `ai-agent consume` and `ai-agent learn` together make at once; a provider's \
         `retry-after` holds for all of them";
}

group! {
    /// How much all runs together do at once.
    AT_ONCE;
    AGENT_RUNS_PER_REPO: u32 = number(1, 999), NONE,
        "runs that ask a model for one repository at once; tasks beyond that wait, and others go first";
    AGENT_RUNS_PER_PERSON: u32 = number(1, 999), NONE, "the same for one person";
}

group! {
    /// Where `ai-agent consume` says that it holds a message.
    PROBE;
    AGENT_READY_FILE: PathBuf = path(), of("`task-ready` in the temporary folder"),
        "file that exists while a task is held; its folder must be private";
}

group! {
    /// A message of the queue.
    CONSUME;
    POD_NAME: String = ANY, is("task"), "name of the connection, as the broker lists it";
    AGENT_QUEUE_WAIT: Duration = pause(), is("5s"), "time to wait for a task before the process ends";
    AGENT_RETRY_PAUSE: Duration = pause(), is("30s"),
        "time that a task is held after a transient error before it is requeued";
    AGENT_FAILED_START_WAIT: Duration = pause(), is("0s"),
        "how long after its start a process that fails before it holds a task ends: a little less than the startup \
         probe allows, so that KEDA counts its Job as pending and starts no other";
}

group! {
    /// What only the doctor reads.
    DOCTOR;
    AGENT_AMQP_MANAGEMENT_URL: SecretString = secret_url("use http://USER:PASSWORD@HOST:PORT or the same with https"),
        NONE, "the broker's management interface, as `http://USER:PASSWORD@HOST:15672`, to check the policies of its queues";
    AGENT_INGEST_URL: String = PAGE, NONE,
        "address of ingest, to send it a signed event for each site of `AGENT_JIRA_WEBHOOK_SECRETS` that asks for nothing";
}

group! {
    /// A sweep.
    SWEEP;
    AGENT_SWEEP_REPOSITORIES: Vec<String> = list(), of("every repository that the App is installed on"),
        "addresses of repositories to look through; `https://HOST` is all there";
    AGENT_SWEEP_GRACE: Duration = pause(), is("15min"),
        "how long an issue may go unanswered before its webhook counts as missed";
}

group! {
    /// Lessons from pull requests.
    LEARN;
    AGENT_LEARN_REPOSITORIES: Vec<String> = list(), NONE,
        "addresses of repositories that `ai-agent learn` reads where it is given no `--repo`";
}

group! {
    /// What is asked for beside settings.
    INPUT;
    TASK_JSON: String = text("task", "use a task as JSON"), NONE, "the task, for `ai-agent run` without a file";
    NO_COLOR: bool = flag(), NONE, "set to anything: no colors in what `ai-agent solve` and `ai-agent explain` print";
}

group! {
    /// What only scripts read.
    SCRIPTS;
    AGENT_LOCAL_STATE: PathBuf = path(), of("`ai-agent/local-cluster` in the user's state folder"),
        "where `scripts/local-cluster` keeps the passwords and keys that it makes";
    AGENT_GITHUB_NETWORK: String = text("network", "use a network such as 10.20.0.0/16"), NONE,
        "private network of the Enterprise Server, for `scripts/local-cluster`";
}

/// All groups.
pub const GROUPS: &[&Group] = &[
    &LOGS,
    &HOSTS,
    &NETWORK,
    &TELEMETRY,
    &REPORTS,
    &LABELS,
    &BROKER,
    &BROKER_WAIT,
    &INGEST,
    &LAMBDA,
    &JIRA_WEBHOOKS,
    &JIRA,
    &MODEL,
    &PROVIDERS,
    &CYCLE,
    &RUN,
    &CHANGES,
    &BUDGETS,
    &CALLS_AT_ONCE,
    &AT_ONCE,
    &PROBE,
    &CONSUME,
    &DOCTOR,
    &SWEEP,
    &LEARN,
    &INPUT,
    &SCRIPTS,
];

/// All variables.
pub fn variables() -> impl Iterator<Item = &'static Variable> {
    GROUPS.iter().flat_map(|group| group.settings).copied()
}
