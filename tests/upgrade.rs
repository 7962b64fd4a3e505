//! Data that a newer version wrote: refused, with what to do, and unchanged.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{collections::BTreeMap, fs, path::Path};

use support::{Loghorn, event};

/// Every file with what is in it.
fn contents(folder: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[actix_rt::test]
async fn data_of_a_newer_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Loghorn::start_in(&data, &[], &[]).await;
    assert_eq!(server.post("/api/v1/events", &event("ERROR", 1)).await.0, 202);
    assert_eq!(server.terminate(), Some(0));
    let format = data.join("FORMAT");
    let known = fs::read_to_string(&format).unwrap();
    let newer = known.trim().parse::<u32>().unwrap() + 1;
    fs::write(&format, format!("{newer}\n")).unwrap();
    let before = contents(&data);
    let said = Loghorn::try_start(&[], &data, &[], &[]).await.err().unwrap();
    assert!(said.contains(&format!("has format {newer}")) && said.contains("use a newer version"), "{said}");
    assert_eq!(contents(&data), before, "something was changed");
    fs::write(&format, known).unwrap();
    server.restart();
    assert_eq!(server.event_ids().await.len(), 1);
}
