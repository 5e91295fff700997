//! What strangers can send to the program: without a signature, too much, too slowly, or not at all.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    sync::mpsc,
};

use serde_json::{Value, json};
use tests::{
    bin::program,
    ingest::{Ingest, SECRET, answer},
    webhook::sign,
};

/// Nobody listens there, and nothing here is to be published.
const NO_BROKER: &str = "amqp://127.0.0.1:1/agents";

fn refused(reason: &str) -> Value {
    json!({"status": "refused", "reason": reason})
}

#[test]
fn does_not_start_without_a_secret() -> anyhow::Result<()> {
    let required = "AGENT_WEBHOOK_SECRETS is required: set it, or name a file that holds it in \
                    AGENT_WEBHOOK_SECRETS_FILE";
    for (secrets, why) in [
        (None, required),
        (Some(""), required),
        (Some(" , "), "invalid secret for AGENT_WEBHOOK_SECRETS: no webhook secret is configured"),
        (
            Some("short"),
            "invalid secret for AGENT_WEBHOOK_SECRETS: a webhook secret is shorter than 16 bytes",
        ),
    ] {
        let mut command = Command::new(program("ingest"));
        command
            .env_clear()
            .env("AGENT_LISTEN", "127.0.0.1:0")
            .envs(secrets.map(|secrets| ("AGENT_WEBHOOK_SECRETS", secrets)));
        let out = command.output()?;
        let told = String::from_utf8(out.stderr)?;
        // One line of the log, and each cause once.
        let line: Value = serde_json::from_str(&told)?;
        assert_eq!(out.status.code(), Some(2), "{secrets:?}");
        assert_eq!(
            (&line["message"], &line["error"], &line["fix"]),
            (
                &json!("ingest cannot start"),
                &json!(why),
                &json!("Correct the setting and start ingest again.")
            ),
            "{secrets:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn believes_only_what_is_signed() -> anyhow::Result<()> {
    let other = "the secret from before";
    let ingest = Ingest::start(NO_BROKER, &[("AGENT_WEBHOOK_SECRETS", &format!("{SECRET},{other}"))])?;
    let body = br#"{"zen":"Speak like a human."}"#;
    let bare = || {
        reqwest::Client::new()
            .post(ingest.url("/webhook/github"))
            .header("content-type", "application/json")
            .header("x-github-event", "ping")
            .header("x-github-delivery", "d")
            .body(body.to_vec())
    };
    let header = "x-hub-signature-256";
    let pong = json!({"status": "ignored", "reason": "pong"});
    let missing = refused("the request has no signature in X-Hub-Signature-256");
    let wrong = refused("the signature does not fit the body");
    for (request, expect) in [
        (bare().header(header, sign(SECRET, body)), (200, pong.clone())),
        (bare().header(header, sign(other, body)), (200, pong.clone())),
        (bare(), (401, missing.clone())),
        (bare().header("x-hub-signature", "sha1=2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"), (401, missing)),
        (bare().header(header, sign("not the secret", body)), (401, wrong.clone())),
        (bare().header(header, sign(SECRET, b"{}")), (401, wrong)),
        (
            bare().header(header, sign(SECRET, body)).header(header, sign(SECRET, body)),
            (401, refused("the request has more than one signature")),
        ),
        (
            bare().header(header, "sha256=0"),
            (401, refused("the signature is not `sha256=` and 64 hexadecimal digits")),
        ),
    ] {
        assert_eq!(answer(request).await?, expect);
    }
    let metrics = ingest.get("/metrics").await?.1;
    let counts: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("ingest_webhooks_total")).collect();
    assert_eq!(
        counts,
        [
            r#"ingest_webhooks_total{outcome="accepted"} 0"#,
            r#"ingest_webhooks_total{outcome="ignored"} 2"#,
            r#"ingest_webhooks_total{outcome="refused"} 6"#,
            r#"ingest_webhooks_total{outcome="unavailable"} 0"#,
        ]
    );
    Ok(())
}

#[tokio::test]
async fn takes_json_and_forms_and_says_what_is_wrong_with_the_rest() -> anyhow::Result<()> {
    let ingest = Ingest::start(NO_BROKER, &[])?;
    let send = async |event: &str, headers: &[(&str, &str)], body: &str| {
        let mut request = reqwest::Client::new()
            .post(ingest.url("/webhook/github"))
            .header("x-hub-signature-256", sign(SECRET, body.as_bytes()))
            .body(body.to_owned());
        if !event.is_empty() {
            request = request.header("x-github-event", event);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request).await
    };
    let json_type = ("content-type", "application/json");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let id = ("x-github-delivery", "d");
    let closed = json!({"status": "ignored", "reason": "`issues` with action `closed` asks for nothing"});
    let content_type = "the content type is neither application/json nor application/x-www-form-urlencoded";
    let encoding = "a body with a content encoding is not accepted";
    let eof =
        "the payload is not JSON of the documented form: EOF while parsing an object at line 1 column 1";
    for (event, headers, body, expect) in [
        ("issues", &[json_type, id][..], r#"{"action":"closed"}"#, (200, closed.clone())),
        (
            "issues",
            &[("content-type", "Application/JSON; charset=utf-8"), id],
            r#"{"action":"closed"}"#,
            (200, closed.clone()),
        ),
        ("issues", &[form, id], "payload=%7B%22action%22%3A%22closed%22%7D", (200, closed)),
        ("issues", &[form, id], "other=1", (400, refused("the form has no field `payload`"))),
        ("issues", &[id], "{}", (415, refused(content_type))),
        ("issues", &[("content-type", "text/plain"), id], "{}", (415, refused(content_type))),
        ("issues", &[json_type, ("content-encoding", "gzip"), id], "{}", (415, refused(encoding))),
        ("", &[json_type, id], "{}", (400, refused("the header X-GitHub-Event is missing or unreadable"))),
        ("ping", &[json_type], "{}", (400, refused("the header X-GitHub-Delivery is missing or unreadable"))),
        (
            "ping",
            &[json_type, ("x-github-delivery", "a b")],
            "{}",
            (400, refused("the header X-GitHub-Delivery is missing or unreadable")),
        ),
        ("issues", &[json_type, id], "{", (422, refused(eof))),
        (
            "issues",
            &[json_type, id],
            r#"{"action":"opened"}"#,
            (422, refused("the payload of `issues` has no repository")),
        ),
        (
            "no_such_event",
            &[json_type, id],
            "not even JSON",
            (200, json!({"status": "ignored", "reason": "`no_such_event` asks for nothing"})),
        ),
    ] {
        assert_eq!(send(event, headers, body).await?, expect, "{event} {headers:?} {body}");
    }
    for (path, status) in [("/", 404), ("/webhook", 404), ("/webhook/github", 405), ("/health", 200)] {
        assert_eq!(ingest.get(path).await?.0.as_u16(), status, "{path}");
    }
    Ok(())
}

/// What the server says to bytes, until it closes the connection.
fn raw(ingest: &Ingest, bytes: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(&ingest.address)?;
    stream.write_all(bytes)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

const HEAD: &str = "POST /webhook/github HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                    x-hub-signature-256: sha256=0\r\nconnection: close\r\n";

#[test]
fn what_is_too_long_is_refused_whether_announced_or_not() -> anyhow::Result<()> {
    let ingest = Ingest::start(NO_BROKER, &[("AGENT_MAX_BODY", "1000B")])?;
    let chunk = |length: usize| format!("{length:x}\r\n{}\r\n", "x".repeat(length));
    let chunked = "transfer-encoding: chunked\r\n\r\n";
    for (rest, expect) in [
        ("content-length: 1001\r\n\r\n".to_owned(), "HTTP/1.1 413 Payload Too Large"),
        ("content-length: 99999999999999999999\r\n\r\n".to_owned(), "HTTP/1.1 400 Bad Request"),
        (format!("{chunked}{}{}", chunk(600), chunk(401)), "HTTP/1.1 413 Payload Too Large"),
        (format!("{chunked}{}{}0\r\n\r\n", chunk(600), chunk(400)), "HTTP/1.1 401 Unauthorized"),
        (format!("content-length: 1000\r\n\r\n{}", "x".repeat(1000)), "HTTP/1.1 401 Unauthorized"),
    ] {
        assert_eq!(raw(&ingest, format!("{HEAD}{rest}").as_bytes())?, expect, "{}", &rest[..20]);
    }
    Ok(())
}

#[test]
fn what_is_too_slow_is_cut_off() -> anyhow::Result<()> {
    let limits = [("AGENT_HEADER_TIMEOUT", "1s"), ("AGENT_BODY_TIMEOUT", "1s")];
    let ingest = Ingest::start(NO_BROKER, &limits)?;
    let part = format!("{HEAD}content-length: 10\r\n\r\nx");
    for (bytes, expect) in
        [("", ""), ("POST /webhook/github HTTP/1.1\r\nhost:", ""), (&*part, "HTTP/1.1 408 Request Timeout")]
    {
        assert_eq!(raw(&ingest, bytes.as_bytes())?, expect, "{bytes:?}");
    }
    Ok(())
}

#[test]
fn a_connection_serves_one_request_unless_told_otherwise() -> anyhow::Result<()> {
    let request = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    let last = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    for (keep_alive, requests, answers) in
        [("false", request.to_owned(), 1), ("true", format!("{request}{last}"), 2)]
    {
        let ingest = Ingest::start(NO_BROKER, &[("AGENT_KEEP_ALIVE", keep_alive)])?;
        let mut stream = TcpStream::connect(&ingest.address)?;
        stream.write_all(requests.as_bytes())?;
        let mut told = String::new();
        stream.read_to_string(&mut told)?;
        assert_eq!(told.matches("HTTP/1.1 200 OK").count(), answers, "{keep_alive}");
    }
    Ok(())
}

#[test]
fn bodies_share_one_budget_of_memory() -> anyhow::Result<()> {
    // Of two connections with 32 KiB for a head and 128 KiB for a small body each, and 10 KiB for what is longer.
    let limits =
        [("AGENT_MAX_CONNECTIONS", "2"), ("AGENT_MAX_BODY", "138KiB"), ("AGENT_BODY_MEMORY", "330KiB")];
    let ingest = Ingest::start(NO_BROKER, &limits)?;
    let length = 128 * 1024 + 6000;
    let half = format!("{HEAD}content-length: {}\r\nexpect: 100-continue\r\n\r\n", length + 1);
    let begin = || -> anyhow::Result<TcpStream> {
        let mut stream = TcpStream::connect(&ingest.address)?;
        stream.write_all(half.as_bytes())?;
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on)?;
        stream.write_all("x".repeat(length).as_bytes())?;
        Ok(stream)
    };
    // Two bodies that are one byte short of their end do not fit in together: whichever comes second is sent away,
    // while the other one stays until its last byte is there.
    let streams = [begin()?, begin()?];
    let (tell, told) = mpsc::channel();
    for (index, stream) in streams.iter().enumerate() {
        let (mut stream, tell) = (stream.try_clone()?, tell.clone());
        std::thread::spawn(move || {
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).unwrap();
            tell.send((index, String::from_utf8_lossy(&answer).into_owned())).unwrap();
        });
    }
    let (second, answer) = told.recv()?;
    assert_eq!(answer, "HTTP/1.1 503");
    let first = 1 - second;
    (&streams[first]).write_all(b"x")?;
    assert_eq!(told.recv()?, (first, "HTTP/1.1 401".to_owned()));
    // The memory is free again.
    let whole = format!("{HEAD}content-length: {length}\r\n\r\n{}", "x".repeat(length));
    assert_eq!(raw(&ingest, whole.as_bytes())?, "HTTP/1.1 401 Unauthorized");
    Ok(())
}

/// What the pod may take, in KiB: the limit of `k8s/base/ingest.yaml`.
const POD_KIB: u64 = 128 * 1024;

/// The allocator's settings of the image.
fn image_settings() -> Vec<(String, String)> {
    let dockerfile = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Dockerfile"));
    let dockerfile = dockerfile.expect("the Dockerfile is part of the repository");
    let settings = dockerfile.lines().filter_map(|line| {
        let line = line.trim().trim_start_matches("ENV ").trim_end_matches([' ', '\\']);
        line.starts_with("MALLOC_").then(|| line.split_once('=')).flatten()
    });
    let settings: Vec<_> = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert!(!settings.is_empty(), "the image sets the allocator");
    settings
}

fn start_as_image(more: &[(&str, &str)]) -> anyhow::Result<Ingest> {
    let image = image_settings();
    let mut settings: Vec<_> = image.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    settings.extend(more);
    Ingest::start(NO_BROKER, &settings)
}

/// Long bodies without a valid signature, at once and again and again: memory does not grow from round to round.
#[test]
fn what_long_bodies_took_is_given_back() -> anyhow::Result<()> {
    let ingest = start_as_image(&[("AGENT_MAX_BODY", "24MiB"), ("AGENT_BODY_MEMORY", "64MiB")])?;
    let request = format!("{HEAD}content-length: {}\r\n\r\n{}", 24 << 20, "x".repeat(24 << 20));
    let mut peaks = Vec::new();
    for _ in 0..6 {
        ingest.forget_peak()?;
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    // Those for which there is no room are answered before they are sent.
                    let mut stream = TcpStream::connect(&ingest.address).expect("the program listens");
                    drop(stream.write_all(request.as_bytes()));
                    drop(stream.read_to_string(&mut String::new()));
                });
            }
        });
        peaks.push(ingest.peak_kib()?);
    }
    eprintln!("peaks of eight bodies of 24 MiB, six rounds, in KiB: {peaks:?}");
    assert!(peaks.iter().all(|peak| *peak < POD_KIB * 3 / 4), "{peaks:?}");
    Ok(())
}

/// A thousand long heads, and three hundred slow connections: all is within the pod's limit, and who has a webhook to deliver is
/// answered.
#[tokio::test]
async fn long_heads_and_slow_connections_crowd_nobody_out() -> anyhow::Result<()> {
    let ingest = start_as_image(&[])?;
    let long = format!("POST /webhook/github HTTP/1.1\r\nhost: x\r\nx-long: {}", "x".repeat(60_000));
    let slow = format!("{HEAD}content-length: 2000000\r\n\r\n{}", "x".repeat(150_000));
    let mut held = Vec::new();
    for number in 0..1_300 {
        let mut stream = TcpStream::connect(&ingest.address)?;
        // What is closed already need not take all of it.
        drop(stream.write_all(if number < 1_000 { long.as_bytes() } else { slow.as_bytes() }));
        held.push(stream);
        if number % 10 == 0 {
            let zen = br#"{"zen":"Speak like a human."}"#;
            let (status, _) = ingest.send("ping", &format!("delivery-{number}"), zen).await?;
            assert_eq!(status, 200, "after {number} connections");
        }
    }
    let peak = ingest.peak_kib()?;
    eprintln!("peak of 1,000 long heads and 300 slow bodies, in KiB: {peak}");
    assert!(peak < POD_KIB * 3 / 4, "{peak}");
    Ok(())
}

#[test]
fn a_body_that_trickles_is_cut_off_long_before_the_time_for_a_body_is_over() -> anyhow::Result<()> {
    let ingest = Ingest::start(NO_BROKER, &[("AGENT_BODY_TIMEOUT", "60s")])?;
    let mut stream = TcpStream::connect(&ingest.address)?;
    stream.write_all(format!("{HEAD}content-length: 1000\r\n\r\n").as_bytes())?;
    let mut writer = stream.try_clone()?;
    let writing = std::thread::spawn(move || {
        // A byte now and then, until the other side has had enough.
        while writer.write_all(b"x").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    });
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"HTTP/1.1 408");
    drop(stream);
    writing.join().expect("the writer ends");
    Ok(())
}
