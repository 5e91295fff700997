//! A *proxy* that takes `CONNECT`, and behind it servers that speak TLS under names of `example.com`. Each leads to a plain
//! server on this machine; every other host is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The authority that signed the servers' certificate, in PEM.
pub const AUTHORITY: &str = include_str!("../fixtures/tls/authority.crt");

/// The longest head of a request.
const MAX_HEAD: usize = 8 << 10;

/// A request for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// `HOST:PORT`
    pub target: String,
    /// The header `proxy-authorization`.
    pub authorization: Option<String>,
}

/// See the module's documentation.
pub struct Proxy {
    address: String,
    connects: Arc<Mutex<Vec<Connect>>>,
    server: JoinHandle<()>,
}

impl Proxy {
    /// `routes` are hosts with the addresses of the plain servers behind them.
    pub async fn start(routes: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let routes: HashMap<String, String> =
            routes.into_iter().map(|(host, address)| (format!("{host}:443"), address)).collect();
        let routes = Arc::new(routes);
        let connects = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address").to_string();
        let acceptor = acceptor();
        let seen = Arc::clone(&connects);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (routes, seen, acceptor) = (Arc::clone(&routes), Arc::clone(&seen), acceptor.clone());
                tokio::spawn(async move {
                    // A client that leaves is its own affair.
                    serve(stream, &routes, &seen, &acceptor).await.unwrap_or_default();
                });
            }
        });
        Self { address, connects, server }
    }

    /// `HOST:PORT`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What was asked for, in order.
    pub fn connects(&self) -> Vec<Connect> {
        self.connects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn acceptor() -> TlsAcceptor {
    let chain = CertificateDer::from_pem_slice(include_bytes!("../fixtures/tls/server.crt"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../fixtures/tls/server.key"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![chain.expect("a certificate")], key.expect("a key"))
        .expect("the key is that of the certificate");
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    mut stream: TcpStream,
    routes: &HashMap<String, String>,
    seen: &Mutex<Vec<Connect>>,
    acceptor: &TlsAcceptor,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let target = lines.next().and_then(|line| line.strip_prefix("CONNECT ")?.split(' ').next());
    let Some(target) = target else {
        return stream.write_all(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n").await;
    };
    let authorization = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
    });
    let connect = Connect { target: target.to_owned(), authorization };
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(connect);
    let Some(address) = routes.get(target) else {
        return stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
    };
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    let mut inner = acceptor.accept(stream).await?;
    let mut server = TcpStream::connect(address).await?;
    copy_bidirectional(&mut inner, &mut server).await.map(drop)
}
