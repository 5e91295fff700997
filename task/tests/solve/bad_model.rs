//! Models and servers that fail, one row each: how the program ends, and the words that a person reads.

use tests::model::{Answer, End, Fault, Step, Stop, Wire};

use crate::bad_input::{COULD_NOT_SOLVE, PASSING, USAGE, check};
use crate::world::{Model, README, Run, STATION, World, blocks, nobody};

/// The sample's issue with a model that is played by a script.
fn play(world: &World, wire: Wire, script: impl IntoIterator<Item = Step>) -> Run {
    play_with(world, wire, script, &[])
}

fn play_with(
    world: &World,
    wire: Wire,
    script: impl IntoIterator<Item = Step>,
    variables: &[(&str, &str)],
) -> Run {
    let before = world.refs();
    let model = Model::new(wire, script);
    let run = model.solve(world, "issue.md", &[], variables);
    model.finish();
    assert_eq!(world.refs(), before, "a branch was moved by a run that failed");
    run
}

fn fault(fault: Fault) -> [Step; 1] {
    [Step::Fault(fault)]
}

fn ending(end: End) -> [Step; 1] {
    let mut answer = Answer::new("TITLE: Change");
    answer.end = end;
    [Step::Answer(answer)]
}

fn stopped(stop: Stop) -> [Step; 1] {
    let mut answer = Answer::new("TITLE: Change");
    answer.stop = stop;
    [Step::Answer(answer)]
}

#[test]
fn servers() {
    check(&[
        (
            "unreachable",
            |world| {
                let url = nobody();
                let variables = [
                    ("AGENT_MODEL", "openai:m"),
                    ("AGENT_MODEL_PRICE", "free"),
                    ("OPENAI_BASE_URL", &url),
                    ("AGENT_MODEL_RETRIES", "0"),
                ];
                let mut run = world.solve_with("issue.md", &[], &variables);
                run.stderr = run.stderr.replace(&url, "URL");
                run
            },
            PASSING,
            "error: no connection to openai at URL/chat/completions: Connection refused (os error \
             111) |   Check the network and OPENAI_BASE_URL.",
        ),
        (
            "unreachable Ollama",
            |world| {
                let url = nobody();
                let variables = [
                    ("AGENT_MODEL", "ollama:m"),
                    ("OLLAMA_HOST", url.as_str()),
                    ("AGENT_MODEL_RETRIES", "0"),
                ];
                let mut run = world.solve_with("issue.md", &[], &variables);
                run.stderr = run.stderr.replace(&url, "URL");
                run
            },
            PASSING,
            "error: no connection to ollama at URL/api/chat: Connection refused (os error 111) |   \
             Start it with `ollama serve`, or set OLLAMA_BASE_URL.",
        ),
        (
            "unknown model",
            |world| play(world, Wire::Anthropic, fault(Fault::UnknownModel)),
            USAGE,
            "error: anthropic has no model `m`: model: m |   Choose another with `--model \
             anthropic:NAME` or AGENT_MODEL.",
        ),
        (
            "unknown model of Ollama",
            |world| play(world, Wire::Ollama, fault(Fault::UnknownModel)),
            USAGE,
            "error: ollama has no model `m`: model 'm' not found |   Fetch it with `ollama pull m`, \
             or choose one of `ollama list`.",
        ),
        (
            "no such interface",
            |world| play(world, Wire::OpenAi, fault(Fault::NoRoute)),
            USAGE,
            "error: there is no openai interface at URL/chat/completions (HTTP 404) |   Check \
             OPENAI_BASE_URL.",
        ),
        (
            "bad key",
            |world| play(world, Wire::Anthropic, fault(Fault::BadKey)),
            USAGE,
            "error: anthropic refuses the key (HTTP 401): invalid x-api-key: [key] |   Set \
             ANTHROPIC_API_KEY or ANTHROPIC_API_KEY_FILE to a key that is valid there.",
        ),
        (
            "bad key, repeated by the server",
            |world| play(world, Wire::OpenAi, fault(Fault::BadKey)),
            USAGE,
            "error: openai refuses the key (HTTP 401): Incorrect API key provided: [key]. |   Set \
             OPENAI_API_KEY or OPENAI_API_KEY_FILE to a key that is valid there.",
        ),
        (
            "no money",
            |world| play(world, Wire::Anthropic, fault(Fault::SpendLimit)),
            USAGE,
            "error: the account at anthropic has no money left or is at its spend limit: Usage has \
             reached the monthly limit. |   Add credit or raise the limit there.",
        ),
        (
            "bad request",
            |world| play(world, Wire::Anthropic, fault(Fault::BadRequest)),
            USAGE,
            "error: anthropic refuses the request (HTTP 400): temperature: Extra inputs are not \
             permitted |   Try again, or choose another model.",
        ),
        (
            "429",
            |world| play(world, Wire::OpenAi, fault(Fault::RateLimit(None))),
            PASSING,
            "error: openai allows no more requests for now: Rate limit reached |   Try again later, \
             or ask it for a higher rate limit.",
        ),
        (
            "529",
            |world| play(world, Wire::Anthropic, fault(Fault::Overloaded)),
            PASSING,
            "error: anthropic cannot answer now (HTTP 529): Overloaded |   This passes by itself, \
             try again later.",
        ),
        (
            "500",
            |world| play(world, Wire::OpenAi, fault(Fault::ServerError)),
            PASSING,
            "error: openai cannot answer now (HTTP 500): The server had an error |   This passes by \
             itself, try again later. |   \
             Spent: openai:m, 1 call, N tokens in, 8192 out, no cost.",
        ),
        (
            "out of memory",
            |world| play(world, Wire::Ollama, fault(Fault::NoMemory)),
            USAGE,
            "error: ollama refuses the request (HTTP 500): model requires more system memory (21.5 \
             GiB) than is available (7.1 GiB) |   Try again, or choose another model. |   \
             Spent: ollama:m, 1 call, N tokens in, 8192 out, no cost.",
        ),
        (
            "529, then an answer that is no use",
            |world| {
                let script = [Step::Fault(Fault::Overloaded), Step::text("CANNOT: there is no such word")];
                play_with(world, Wire::Anthropic, script, &[("AGENT_MODEL_RETRIES", "1")])
            },
            COULD_NOT_SOLVE,
            "error: anthropic:m declined: there is no such word |   Say more in the issue, or \
             choose a stronger model. |   \
             Spent: anthropic:m, 2 calls, N tokens in, 8 out, no cost.",
        ),
        (
            "hang",
            |world| play_with(world, Wire::OpenAi, [Step::Hang], &[("AGENT_MODEL_IDLE_TIMEOUT", "200ms")]),
            PASSING,
            "error: openai sent nothing for 200ms |   Try again, or raise AGENT_MODEL_IDLE_TIMEOUT. |   \
             Spent: openai:m, 1 call, N tokens in, 0 out, no cost.",
        ),
        (
            "hang in the answer",
            |world| {
                play_with(world, Wire::OpenAi, ending(End::Silence), &[("AGENT_MODEL_IDLE_TIMEOUT", "200ms")])
            },
            PASSING,
            "error: openai sent nothing for 200ms |   Try again, or raise AGENT_MODEL_IDLE_TIMEOUT. |   \
             Spent: openai:m, 1 call, N tokens in, 5 out, no cost.",
        ),
        (
            "an answer that takes too long",
            |world| play_with(world, Wire::OpenAi, ending(End::Silence), &[("AGENT_MODEL_TIMEOUT", "200ms")]),
            PASSING,
            "error: openai did not finish within 200ms |   Try again, or raise AGENT_MODEL_TIMEOUT. |   \
             Spent: openai:m, 1 call, N tokens in, 8192 out, no cost.",
        ),
        (
            "100 MB",
            |world| play(world, Wire::OpenAi, [Step::Flood { bytes: 100 << 20 }]),
            COULD_NOT_SOLVE,
            "error: the answer of openai is larger than 16777216 bytes and is not used |   Try \
             again, or choose another model. |   \
             Spent: openai:m, 1 call, N tokens in, 5570560 out, no cost.",
        ),
        (
            "100 MB on one line",
            |world| play(world, Wire::Anthropic, [Step::LongLine { bytes: 100 << 20 }]),
            COULD_NOT_SOLVE,
            "error: the answer of anthropic is larger than 16777216 bytes and is not used |   Try \
             again, or choose another model. |   \
             Spent: anthropic:m, 1 call, N tokens in, 0 out, no cost.",
        ),
        (
            "HTML",
            |world| play(world, Wire::OpenAi, [Step::Page { status: 200 }]),
            USAGE,
            "error: the answer of openai cannot be read: it is a web page |   Is OPENAI_BASE_URL \
             the address of its interface? |   \
             Spent: openai:m, 1 call, N tokens in, 0 out, no cost.",
        ),
        (
            "HTML with 502",
            |world| play(world, Wire::OpenAi, [Step::Page { status: 502 }]),
            PASSING,
            "error: openai cannot answer now (HTTP 502): a web page |   This passes by itself, try \
             again later. |   \
             Spent: openai:m, 1 call, N tokens in, 8192 out, no cost.",
        ),
        (
            "no protocol",
            |world| play(world, Wire::OpenAi, [Step::Raw("hello\u{1b}[31m\n".to_owned())]),
            USAGE,
            "error: the answer of openai cannot be read: it holds `hello [31m` |   Is \
             OPENAI_BASE_URL the address of its interface? |   \
             Spent: openai:m, 1 call, N tokens in, 0 out, no cost.",
        ),
        (
            "a redirect",
            |world| play(world, Wire::OpenAi, [Step::Redirect("https://example.org/".to_owned())]),
            USAGE,
            "error: openai at URL/chat/completions redirects to https://example.org/ |   Redirects \
             are not followed, set OPENAI_BASE_URL to the final address. |   \
             Spent: openai:m, 1 call, N tokens in, 8192 out, no cost.",
        ),
        (
            "ends early",
            |world| play(world, Wire::Anthropic, ending(End::Early)),
            PASSING,
            "error: the answer of anthropic broke off: the connection was closed before its end |   \
             Try again. |   \
             Spent: anthropic:m, 1 call, N tokens in, 1 out, no cost.",
        ),
        (
            "breaks off",
            |world| play(world, Wire::Ollama, ending(End::Broken)),
            PASSING,
            "error: the answer of ollama broke off: unexpected EOF during chunk size line |   Try \
             again. |   \
             Spent: ollama:m, 1 call, N tokens in, 5 out, no cost.",
        ),
        (
            "empty",
            |world| play(world, Wire::OpenAi, [Step::text(" \n")]),
            COULD_NOT_SOLVE,
            "error: openai gave an empty answer |   Try again, or choose another model. |   \
             Spent: openai:m, 1 call, N tokens in, 1 out, no cost.",
        ),
        (
            "refusal",
            |world| play(world, Wire::Anthropic, stopped(Stop::Refusal)),
            COULD_NOT_SOLVE,
            "error: the model refuses to answer: This could enable harm. |   Try again, or choose \
             another model. |   \
             Spent: anthropic:m, 1 call, N tokens in, 4 out, no cost.",
        ),
        (
            "window full",
            |world| play(world, Wire::Anthropic, stopped(Stop::Window)),
            COULD_NOT_SOLVE,
            "error: the prompt does not fit the model: the window was full before the answer was \
             complete |   Choose a model with a larger context window, or set AGENT_CONTEXT_WINDOW \
             to what this one really holds. |   \
             Spent: anthropic:m, 1 call, N tokens in, 4 out, no cost.",
        ),
        (
            "prompt too long",
            |world| play(world, Wire::OpenAi, fault(Fault::PromptTooLong)),
            COULD_NOT_SOLVE,
            "error: the prompt does not fit the model: Your input exceeds the limit of this model. \
             |   Choose a model with a larger context window, or set AGENT_CONTEXT_WINDOW to what \
             this one really holds.",
        ),
        (
            "tokens spent",
            |world| play_with(world, Wire::OpenAi, [], &[("AGENT_MAX_TOKENS", "100")]),
            COULD_NOT_SOLVE,
            "error: the next call to the model may need 10325 tokens, and 0 of the 100 that a run may \
             use are gone |   Raise AGENT_MAX_TOKENS, or make the issue smaller.",
        ),
    ]);
}

/// A model that gives this answer twice.
fn stubborn(world: &World, answer: &str) -> Run {
    play(world, Wire::OpenAi, [Step::text(answer), Step::text(answer)])
}

/// A model that wants this change, twice.
fn wants(world: &World, path: &str, search: &str) -> Run {
    stubborn(world, &blocks(&[(path, search, "new text")]))
}

#[test]
fn answers() {
    check(&[
        (
            "prose",
            |world| stubborn(world, "I would correct the word."),
            COULD_NOT_SOLVE,
            "error: The model answered without a change, also after a correction. |   Say in the \
             issue which behavior or text should change, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 14 out, no cost.",
        ),
        (
            "declined",
            |world| play(world, Wire::OpenAi, [Step::text("CANNOT: the issue contradicts itself")]),
            COULD_NOT_SOLVE,
            "error: openai:m declined: the issue contradicts itself |   Say more in the issue, or \
             choose a stronger model. |   \
             Spent: openai:m, 1 call, N tokens in, 9 out, no cost.",
        ),
        (
            "asks for files without end",
            |world| {
                // The first answer, one after each round, and the correction.
                let reads = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
                let reads = reads.map(|name| Step::text(&format!("READ: {name}")));
                play(world, Wire::OpenAi, reads)
            },
            COULD_NOT_SOLVE,
            "error: The model answered without a change, also after a correction. It could look no further: all 8 \
             rounds of looking are used. |   Raise AGENT_READ_ROUNDS, make the issue smaller, or choose another model. |   \
             Spent: openai:m, 10 calls, N tokens in, 20 out, no cost.",
        ),
        (
            "edits a file that was not read",
            |world| {
                let files: Vec<(String, &str)> = (10..40)
                    .map(|number| (format!("a/recieves_{number}.md"), "recieves receives README\n"))
                    .collect();
                let mut files: Vec<(&str, &str)> =
                    files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
                files.push(("z/deep.py", "depth = 1\n"));
                world.commit("repo", &files);
                wants(world, "z/deep.py", "depth = 1")
            },
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | \
             z/deep.py: the model changed it without having read it. |  |   Try again, make the issue smaller, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 62 out, no cost.",
        ),
        (
            "edits a file that is not there",
            |world| wants(world, "src/nothing.py", "x"),
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | \
             src/nothing.py: there is no such file. |  \
             |   Try again, make the issue smaller, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 60 out, no cost.",
        ),
        (
            "leaves the repository",
            |world| wants(world, "../outside.txt", "x"),
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | \
             ../outside.txt: the path has an empty, `.` or `..` component; it must stay inside the \
             repository. |  |   Try again, make the issue smaller, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 60 out, no cost.",
        ),
        (
            "an absolute path",
            |world| wants(world, "/etc/passwd", "root"),
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | \
             /etc/passwd: the path is absolute; paths are relative to the top of the repository. |  \
             |   Try again, make the issue smaller, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 60 out, no cost.",
        ),
        (
            "writes into .git",
            |world| stubborn(world, "WRITE: .git/config\n```\n[core]\n```\n"),
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | \
             .git/config: the path has a component that git reserves (`.git`). |  |   Try again, \
             make the issue smaller, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 18 out, no cost.",
        ),
        (
            "writes a workflow",
            |world| stubborn(world, "WRITE: .github/workflows/ci.yml\n```\non: push\n```\n"),
            COULD_NOT_SOLVE,
            "error: The change touches a protected path. |  | .github/workflows/ci.yml: the path is \
             protected: it is a GitHub Actions workflow. \
             |  |   Make that change by hand, or allow the path in the configuration. |   \
             Spent: openai:m, 2 calls, N tokens in, 26 out, no cost.",
        ),
        (
            "writes over a file with a new one",
            |world| stubborn(world, "RENAME: README.md -> src/station.py\n"),
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | \
             README.md: a file of that name exists. |  |   Try again, make the issue smaller, or choose a stronger \
             model. |   \
             Spent: openai:m, 2 calls, N tokens in, 18 out, no cost.",
        ),
        (
            "ambiguous",
            |world| {
                world.commit("repo", &[("twice.txt", "same\nother\nsame\n")]);
                wants(world, "twice.txt", "same")
            },
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | \
             twice.txt: the lines to be replaced are in the file more than once, at lines 1, 3. |  |   Try again, make the issue smaller, or \
             choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 60 out, no cost.",
        ),
        (
            "does not match",
            |world| wants(world, "README.md", "nothing like it"),
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | \
             README.md: the lines to be replaced are not in the file. |  |   Try again, make the issue smaller, or choose a \
             stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 64 out, no cost.",
        ),
        (
            "breaks the syntax",
            |world| {
                let line = STATION.lines().next().unwrap();
                stubborn(world, &blocks(&[("src/station.py", line, "def is_online(seen, now")]))
            },
            COULD_NOT_SOLVE,
            "error: The model's change breaks the syntax of a file, also after a correction. |  | \
             src/station.py: the edit breaks this file. |  | line 1, column 14: this `(` is never \
             closed | 1 | def is_online(seen, now |   |              ^ | 2 |     return now - seen \
             <= 30 | 3 | |  |  |   Try again, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 80 out, no cost.",
        ),
        (
            "changes nothing",
            |world| {
                let line = README.lines().last().unwrap();
                stubborn(world, &blocks(&[("README.md", line, line)]))
            },
            COULD_NOT_SOLVE,
            "error: The model proposed only what is there already; nothing would change. |   See \
             whether the issue is resolved, or say in it what is still missing. |   \
             Spent: openai:m, 2 calls, N tokens in, 92 out, no cost.",
        ),
        (
            "an unclosed block",
            |world| stubborn(world, "README.md\n<<<<<<< SEARCH\n# weather\n=======\n# Weather\n"),
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | The \
             SEARCH/REPLACE block at line 2 of the reply never reaches `>>>>>>> REPLACE`. The reply \
             may have been cut; send all edits again, in fewer and shorter blocks. |  |   Try \
             again, make the issue smaller, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 28 out, no cost.",
        ),
        (
            "no plan",
            |world| {
                let model = Model::saying(&["I would do it.", "Really."]);
                let run = model.solve(world, "issue.md", &["--mode", "plan"], &[]);
                model.finish();
                run
            },
            COULD_NOT_SOLVE,
            "error: The model's answer is not a plan, also after a correction. It has no section \"## \
             Summary\". The sections are Summary, Files, Steps, Tests, Risks and Questions, each a \
             heading of its own. |   Try again, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 6 out, no cost.",
        ),
        (
            "follows a link out of the repository",
            |world| {
                world.file("secret.txt", "root:x:0:0\n");
                world.entry("120000", "../secret.txt", "link");
                wants(world, "link", "root:x:0:0")
            },
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | link: \
             this is a symbolic link or a submodule. |  |   \
             Try again, make the issue smaller, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 60 out, no cost.",
        ),
        (
            "writes through a link out of the repository",
            |world| {
                world.entry("120000", "..", "link");
                stubborn(world, "WRITE: link/evil.txt\n```\nx\n```\n")
            },
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | \
             link/evil.txt: link is a file and cannot hold others. |  |   \
             Try again, make the issue smaller, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 16 out, no cost.",
        ),
        (
            "new file beside one that was not read and differs in letter case only",
            |world| {
                world.entry("100644", "\0\u{1}\u{2}", "Logo.png");
                stubborn(world, "WRITE: logo.PNG\n```\nx\n```\n")
            },
            COULD_NOT_SOLVE,
            "error: The model's edits do not fit the files, also after a correction. |  | \
             logo.PNG: the path is that of Logo.png, letter case aside. |  |   \
             Try again, make the issue smaller, or choose a stronger model. |   \
             Spent: openai:m, 2 calls, N tokens in, 14 out, no cost.",
        ),
    ]);
}
