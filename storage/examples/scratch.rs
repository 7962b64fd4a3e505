#![allow(clippy::all, missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]
use std::{sync::Arc, time::{Duration, Instant}};
use loghorn_domain::{*, delivery::*, event::Head};
use loghorn_storage::*;
struct C(Instant);
impl Clock for C { fn now(&self)->Timestamp{Timestamp::from_millis(0)} fn monotonic(&self)->Duration{self.0.elapsed()} }
fn rss()->String{ std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l|l.starts_with("VmRSS")).unwrap().to_string() }
fn ev(i:i64)->NewEvent{ NewEvent{id:None, head:Head{event_type:"payment.failed".parse().unwrap(),level:Level::Error,source:"shop".into(),timestamp:Timestamp::from_millis(i),received_at:Timestamp::from_millis(i),only:None}, tail: format!("\"message\":\"{}\"}}","x".repeat(380)).into()} }
#[tokio::main(flavor="current_thread")]
async fn main(){
  let path=std::path::PathBuf::from(std::env::args().nth(1).unwrap());
  let n:i64=std::env::args().nth(2).unwrap().parse().unwrap();
  let t=Instant::now();
  let s=rocks::open(rocks::Options::new(&path,7),Arc::new(C(Instant::now()))).unwrap();
  println!("open {:?} {} {:?}",t.elapsed(), rss(), s.log.bounds());
  let f=s.queue.fence().await.unwrap();
  let ep=EndpointNo(9);
  let t=Instant::now(); let h=s.queue.head(ep,Seq(0),16).await.unwrap(); println!("first head {:?} {}",t.elapsed(),h.entries.len());
  for b in [1,10,100,1000] { let t=Instant::now(); let mut k=0; while t.elapsed()<Duration::from_millis(700){ s.log.append((0..b).map(ev).collect()).await.unwrap(); k+=b;} println!("append by {b}: {:.0}/s",k as f64/t.elapsed().as_secs_f64()); }
  let t=Instant::now(); let mut left=n; while left>0 { let m=left.min(2000); s.log.append((0..m).map(ev).collect()).await.unwrap(); left-=m; } if n>0 {println!("append 2000s: {:.0}/s {}",n as f64/t.elapsed().as_secs_f64(),rss());}
  let t=Instant::now(); let mut c=s.queue.cursor().await.unwrap(); let from=c; 
  loop { let e=s.log.read(c,512,1<<22).await.unwrap(); if e.is_empty(){break} let l=e.last().unwrap().seq; s.queue.enqueue(f,e.iter().map(|e|Matched{seq:e.seq,received_at:e.head.received_at,endpoints:vec![ep],origin:Origin::Live}).collect(),l).await.unwrap(); c=l; }
  println!("read+enqueue {:.0}/s {}",(c.0-from.0) as f64/t.elapsed().as_secs_f64(),rss());
  let mut after=Seq(0); let (mut th,mut ts)=(Duration::ZERO,Duration::ZERO); let mut k=0;
  while k<100_000 { let t=Instant::now(); let h=s.queue.head(ep,after,256).await.unwrap(); th+=t.elapsed(); if h.entries.is_empty(){break}
    after=h.entries.last().unwrap().entry.seq; k+=h.entries.len();
    let v:Vec<_>=h.entries.iter().map(|q|Settlement{endpoint:ep,entry:q.entry,attempt:Attempt{number:1,started_at_ms:1,duration_us:5,class:Class::Ok,status_code:Some(200),error:None,verdict:Verdict::Delivered,signature:"v1,abcdefabcdefabcdefabcdefabcdefabcdef".into(),response_headers:vec![("content-type".into(),"text/plain".into())],response_body:"ok".into()}}).collect();
    let t=Instant::now(); s.queue.settle(f,v).await.unwrap(); ts+=t.elapsed(); }
  println!("head {:.2} us each, settle {:.2} us each, n {k} {}",th.as_secs_f64()*1e6/k as f64,ts.as_secs_f64()*1e6/k as f64,rss());
  let t=Instant::now(); let p=s.reads.deliveries(DeliveryQuery{limit:50,..Default::default()}).await.unwrap(); println!("list 50 {:?} {}",t.elapsed(),p.items.len());
  let t=Instant::now(); let p=s.reads.deliveries(DeliveryQuery{limit:50,status:vec![Status::Delivered],..Default::default()}).await.unwrap(); println!("list delivered {:?} {}",t.elapsed(),p.items.len());
  let t=Instant::now(); let l=s.reads.ledger().await.unwrap(); println!("ledger {:?} {:?}",t.elapsed(),l[0].imbalance());
  println!("disk {} {}",s.reads.disk_bytes(),rss());
}
