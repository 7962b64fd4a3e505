//! A real name server on loopback, over UDP and TCP, that answers each name as told and remembers what it was asked.

use std::{
    collections::{HashMap, VecDeque},
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Mutex},
};

use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::CNAME},
};

/// Largest answer over UDP; larger ones are cut, to be asked for again over TCP.
const UDP_BYTES_MAX: usize = 512;

/// What a question for a name gets.
#[derive(Debug, Clone)]
pub enum Answer {
    /// These addresses, valid for no time at all.
    Addresses(Vec<IpAddr>),
    /// Another name, and that one's addresses.
    Alias(&'static str, Vec<IpAddr>),
    /// There is no such name.
    NoSuchName,
    /// The server has trouble.
    Failure,
    /// Nothing, ever.
    Silence,
    /// These addresses of IPv4, and nothing where it is asked for those of IPv6.
    SilentOnV6(Vec<IpAddr>),
}

impl Answer {
    pub fn ips(ips: &[&str]) -> Self {
        Self::Addresses(ips.iter().map(|ip| ip.parse().unwrap()).collect())
    }
}

/// A running name server.
#[derive(Clone)]
pub struct Dns {
    pub addr: SocketAddr,
    names: Arc<Mutex<HashMap<String, VecDeque<Answer>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Dns {
    pub fn start() -> Self {
        // The same port must be free for both.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let dns = Self { addr: udp.local_addr().unwrap(), names: Arc::default(), asked: Arc::default() };
        let serving = dns.clone();
        std::thread::spawn(move || serving.serve_udp(&udp));
        let serving = dns.clone();
        std::thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve_tcp(stream));
            }
        });
        dns
    }

    /// Answers `name` so from now on.
    pub fn set(&self, name: &str, answer: Answer) {
        self.script(name, [answer]);
    }

    /// Answers `name` by one after another: each question for IPv4 takes one, but for the last, which stays.
    pub fn script(&self, name: &str, answers: impl Into<VecDeque<Answer>>) {
        self.names.lock().unwrap().insert(name.into(), answers.into());
    }

    /// How often IPv4 addresses of `name` were asked for.
    pub fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == name).count()
    }

    /// How many questions there were in all.
    pub fn asked_in_all(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn serve_udp(&self, socket: &UdpSocket) {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let Some(answer) = self.answer(&buffer[..length]) else { continue };
            let bytes = answer.to_vec().unwrap();
            let bytes = if bytes.len() > UDP_BYTES_MAX { answer.truncate().to_vec().unwrap() } else { bytes };
            let _ = socket.send_to(&bytes, from);
        }
    }

    fn serve_tcp(&self, mut stream: TcpStream) {
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut question).is_err() {
                return;
            }
            let Some(answer) = self.answer(&question) else { continue };
            let bytes = answer.to_vec().unwrap();
            let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            if stream.write_all(&[&length[..], &bytes].concat()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, question: &[u8]) -> Option<Message> {
        let question = Message::from_vec(question).ok()?;
        let query = question.queries.first()?.clone();
        let is_v4 = query.query_type() == RecordType::A;
        let name = query.name().to_string().trim_end_matches('.').to_lowercase();
        if is_v4 {
            self.asked.lock().unwrap().push(name.clone());
        }
        let answer = {
            let mut names = self.names.lock().unwrap();
            let script = names.get_mut(&name);
            script.map_or(Answer::NoSuchName, |script| match script.len() > 1 && is_v4 {
                true => script.pop_front().unwrap(),
                false => script[0].clone(),
            })
        };
        let mut message = Message::response(question.metadata.id, question.metadata.op_code);
        message.metadata.message_type = MessageType::Response;
        message.metadata.recursion_desired = true;
        message.metadata.recursion_available = true;
        message.add_query(query.clone());
        let mut add = |owner: &Name, ips: Vec<IpAddr>| {
            for ip in ips.into_iter().filter(|ip| ip.is_ipv4() == is_v4) {
                message.add_answer(Record::from_rdata(owner.clone(), 0, RData::from(ip)));
            }
        };
        match answer {
            Answer::Silence => return None,
            Answer::SilentOnV6(_) if !is_v4 => return None,
            Answer::Addresses(ips) | Answer::SilentOnV6(ips) => add(query.name(), ips),
            Answer::Alias(target, ips) => {
                let target = Name::from_ascii(target).unwrap();
                add(&target, ips);
                let alias = RData::CNAME(CNAME(target));
                message.answers.insert(0, Record::from_rdata(query.name().clone(), 0, alias));
            }
            Answer::NoSuchName => message.metadata.response_code = ResponseCode::NXDomain,
            Answer::Failure => message.metadata.response_code = ResponseCode::ServFail,
        }
        Some(message)
    }
}
