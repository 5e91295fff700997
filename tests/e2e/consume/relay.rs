//! A *relay* between a program and the broker, which can be cut at a given moment.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::time::sleep;

/// Passes bytes on, both ways, for every connection that is made to it.
pub(crate) struct Relay {
    address: SocketAddr,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    pub(crate) fn start(target: String) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").unwrap(), target)
    }

    /// Its address, at which connections are refused until `refuses` is over: what a new pod meets until a network plugin
    /// has heard of it. It goes on for as long as the test does.
    pub(crate) fn start_late(target: String, refuses: Duration) -> String {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            sleep(refuses).await;
            let listener = socket.listen(64).unwrap().into_std().unwrap();
            listener.set_nonblocking(false).unwrap();
            Self::listen(listener, target)
        });
        address.to_string()
    }

    fn listen(listener: TcpListener, target: String) -> Self {
        let address = listener.local_addr().unwrap();
        let streams = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&streams);
        thread::spawn(move || {
            for near in listener.incoming() {
                let (near, far) = (near.unwrap(), TcpStream::connect(&target).unwrap());
                kept.lock().unwrap().extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                pass(near.try_clone().unwrap(), far.try_clone().unwrap());
                pass(far, near);
            }
        });
        Self { address, streams }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// What ends all connections there are, when it is called.
    pub(crate) fn cut(&self) -> impl FnMut() + Send + 'static {
        let streams = Arc::clone(&self.streams);
        move || {
            for stream in streams.lock().unwrap().drain(..) {
                // A side that is gone already needs no end.
                drop(stream.shutdown(Shutdown::Both));
            }
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        // The other side learns of the end; it may know already.
        drop(to.shutdown(Shutdown::Both));
    });
}
