//! Places of live sockets: so many in all, and of one key or session no more than a part of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use loghorn_domain::access::Digest;

/// Most sockets at a time.
pub(crate) const SOCKETS_MAX: usize = 256;
/// Most of one key or session, so that one leaves room for others.
pub(crate) const SOCKETS_OF_ONE_MAX: usize = 64;

/// How many are open, by the key or session that they were opened with; `None` where none was needed.
#[derive(Default)]
pub(crate) struct Sockets(Mutex<HashMap<Option<Digest>, usize>>);

/// One place, given back when dropped.
pub(crate) struct Place {
    sockets: Arc<Sockets>,
    pass: Option<Digest>,
}

impl Sockets {
    /// A panic elsewhere leaves nothing half-changed here.
    fn lock(&self) -> MutexGuard<'_, HashMap<Option<Digest>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a socket of `pass`, or in words why there is none.
    pub(crate) fn enter(self: &Arc<Self>, pass: Option<Digest>) -> Result<Place, &'static str> {
        let mut open = self.lock();
        if open.values().sum::<usize>() >= SOCKETS_MAX {
            return Err("too many sockets are open");
        }
        let own = open.entry(pass).or_default();
        if pass.is_some() && *own >= SOCKETS_OF_ONE_MAX {
            return Err("too many sockets are open with this key or session");
        }
        *own += 1;
        Ok(Place { sockets: self.clone(), pass })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.sockets.lock();
        if let Some(own) = open.get_mut(&self.pass) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.pass);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_leaves_room_for_others_and_what_is_closed_is_room_again() {
        let sockets = Arc::new(Sockets::default());
        let [one, other] = ["one", "other"].map(|text| Some(Digest::of(text)));
        let mut places: Vec<Place> = (0..SOCKETS_OF_ONE_MAX).map(|_| sockets.enter(one).unwrap()).collect();
        assert!(sockets.enter(one).err().is_some_and(|why| why.contains("this key")));
        places.push(sockets.enter(other).unwrap());
        places.remove(0);
        places.push(sockets.enter(one).unwrap());
        // Where none is needed, nobody can be told from another.
        while let Ok(place) = sockets.enter(None) {
            places.push(place);
        }
        assert_eq!(places.len(), SOCKETS_MAX);
        assert!(sockets.enter(other).is_err());
        drop(places);
        assert!(sockets.lock().is_empty() && sockets.enter(other).is_ok());
    }
}
