//! The side of a remote that is read from: which references it has, and the pack behind one of them.

use std::rc::Rc;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::protocol::LsRefsCommand;
use gix::protocol::command::Feature;
use gix::protocol::handshake::Ref;
use gix::protocol::ls_refs::RefPrefixes;
use gix::protocol::transport::client::Capabilities;
use gix::protocol::transport::{Protocol, Service};

use super::wire::Connection;
use super::{RemoteError, Session, connect};

/// A remote that has been greeted for fetching.
pub(crate) struct UploadPack<'a> {
    pub(crate) session: Rc<Session<'a>>,
    pub(crate) connection: Connection<'a>,
}

impl<'a> UploadPack<'a> {
    pub(crate) fn open(session: Rc<Session<'a>>) -> Result<Self, RemoteError> {
        let mut connection = connect(&session, Service::UploadPack)?;
        if let Some(format) = connection.handshake.capabilities.capability("object-format")
            && format.value() != Some("sha1".into())
        {
            let reason = "its object ids are not SHA-1, the only kind that is understood".to_owned();
            return Err(RemoteError::Protocol { reason });
        }
        if connection.handshake.server_protocol_version != Protocol::V2 {
            let usable = without_relative_depth(&connection.handshake.capabilities);
            connection.handshake.capabilities = usable.map_err(|error| session.explain(&error))?;
        }
        Ok(Self { session, connection })
    }

    /// The references whose names begin with one of `prefixes`; a host that speaks an old protocol sends all.
    pub(crate) fn refs(&mut self, prefixes: &[&str]) -> Result<Vec<Ref>, RemoteError> {
        if let Some(all) = &self.connection.handshake.refs {
            return Ok(all.clone());
        }
        let mut asked = RefPrefixes::new();
        asked.extend(prefixes.iter().map(|prefix| BString::from(*prefix)));
        LsRefsCommand::new(Some(asked), &self.connection.handshake.capabilities, agent())
            .invoke_blocking(&mut self.connection.transport, &mut gix::progress::Discard, false)
            .map_err(|error| self.session.explain(&error))
    }
}

/// In the protocol's first version gix asks for every feature that it knows and the host offers. To ask for this one means
/// that depths count from what the client has: a clone of depth one would be the whole history.
fn without_relative_depth(offered: &Capabilities) -> gix::Result<Capabilities> {
    let mut line = vec![0];
    for capability in offered.iter().filter(|capability| capability.name() != "deepen-relative") {
        line.extend_from_slice(capability.name());
        if let Some(value) = capability.value() {
            line.push(b'=');
            line.extend_from_slice(value);
        }
        line.push(b' ');
    }
    Ok(Capabilities::from_bytes(&line)?.0)
}

/// How we name ourselves inside the protocol.
pub(crate) fn agent() -> Feature {
    ("agent", Some(concat!("git/ai-agent-", env!("CARGO_PKG_VERSION")).into()))
}

/// Where the reference `name` is.
pub(crate) fn tip_of(refs: &[Ref], name: &str) -> Option<ObjectId> {
    refs.iter().find_map(|found| match found {
        Ref::Direct { full_ref_name, object } | Ref::Symbolic { full_ref_name, object, .. } => {
            (full_ref_name == name).then_some(*object)
        }
        // A branch that points to a tag object is broken; its commit is nevertheless what is meant.
        Ref::Peeled { full_ref_name, object, .. } => (full_ref_name == name).then_some(*object),
        Ref::Unborn { .. } => None,
    })
}

/// What `HEAD` stands for.
pub(crate) struct Head {
    /// The full name of a reference.
    pub(crate) target: String,
    /// `None` if there is no such reference.
    pub(crate) tip: Option<ObjectId>,
}

/// What `HEAD` stands for; `None` if it is missing, or names a commit directly.
pub(crate) fn head_of(refs: &[Ref]) -> Option<Head> {
    refs.iter().find_map(|found| match found {
        Ref::Symbolic { full_ref_name, target, object, .. } if full_ref_name == "HEAD" => {
            Some(Head { target: target.to_str_lossy().into_owned(), tip: Some(*object) })
        }
        Ref::Unborn { full_ref_name, target } if full_ref_name == "HEAD" => {
            Some(Head { target: target.to_str_lossy().into_owned(), tip: None })
        }
        Ref::Symbolic { .. } | Ref::Unborn { .. } | Ref::Direct { .. } | Ref::Peeled { .. } => None,
    })
}
