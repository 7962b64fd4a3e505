//! The server's live socket (`loghorn.v1`, see docs/live.md), as the command line reads it.

use actix_codec::Framed;
use awc::{
    BoxedSocket,
    ws::{Codec, Frame, Message},
};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    client::{Client, strange},
    fail::{Exit, Fail},
};

/// The subprotocol.
const PROTOCOL: &str = "loghorn.v1";

/// What the server says.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    /// What kind of thing it is.
    pub(crate) k: String,
    /// The thing.
    #[serde(default)]
    pub(crate) d: Value,
}

/// An open socket.
pub(crate) struct Socket {
    framed: Framed<BoxedSocket, Codec>,
    server: String,
}

impl Socket {
    /// Opens one.
    pub(crate) async fn open(client: &Client) -> Result<Self, Fail> {
        let framed = client.socket(PROTOCOL).await?;
        Ok(Self { framed, server: client.server().to_owned() })
    }

    /// Asks for a topic.
    pub(crate) async fn subscribe(&mut self, topic: &str, filter: Option<Value>) -> Result<(), Fail> {
        let mut command = json!({"k": "sub", "d": {"topic": topic}});
        if let Some(filter) = filter {
            command["d"]["filter"] = filter;
        }
        self.send(Message::Text(command.to_string().into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Fail> {
        self.framed.send(message).await.map_err(|error| self.broken(&error.to_string()))
    }

    /// What comes next; `None` where the server ends it.
    pub(crate) async fn next(&mut self) -> Result<Option<Envelope>, Fail> {
        loop {
            match self.framed.next().await {
                Some(Ok(Frame::Text(text))) => {
                    return serde_json::from_slice(&text).map(Some).map_err(|error| strange(&error.to_string()));
                }
                // By these the server sees what was read.
                Some(Ok(Frame::Ping(bytes))) => self.send(Message::Pong(bytes)).await?,
                Some(Ok(Frame::Close(_))) | None => return Ok(None),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.broken(&error.to_string())),
            }
        }
    }

    fn broken(&self, why: &str) -> Fail {
        Fail::new(Exit::Unreachable, format!("the live socket of {} broke off", self.server)).why(why)
    }
}
