//! How often each condition of a filter held, and which of its paths were ever seen, over many events.

use super::{Field, FieldPath, Filter, Member, Memo, Operator, Path, metadata, operator::Form, problems::Place};
use crate::Event;

/// The counts of one filter; it is handed in at each call, always the same.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By condition, in the order of [`each_leaf`].
    passed: Vec<u64>,
    /// By path, in the order of [`each_path`].
    seen: Vec<u64>,
}

/// A condition that is made of no others.
#[derive(Debug, Clone, Copy)]
enum Leaf<'f> {
    Member(&'f Member),
    Operator(&'f Field, &'f Operator),
}

impl Leaf<'_> {
    fn holds(self, event: &Event, memo: &mut Memo) -> bool {
        match self {
            Self::Member(member) => member.holds(event, memo),
            Self::Operator(field, Operator::Exists(false)) => field.holds(metadata(event)),
            Self::Operator(field, operator) => field.path.any(metadata(event), |value| operator.holds(value)),
        }
    }
}

/// Shows every leaf of `filter` with its place, in one order.
fn each_leaf<'f>(filter: &'f Filter, place: &Place<'_>, see: &mut dyn FnMut(&Place<'_>, Leaf<'f>)) {
    for member in &filter.members {
        let place = place.member(member.name());
        match member {
            Member::Any(filters) | Member::All(filters) => {
                filters.iter().enumerate().for_each(|(n, filter)| each_leaf(filter, &place.item(n), see));
            }
            Member::Not(filter) => each_leaf(filter, &place, see),
            Member::Metadata(fields) => {
                for field in fields {
                    let place = place.member(field.path.text());
                    for operator in &field.operators {
                        match field.form {
                            Form::Short => see(&place, Leaf::Operator(field, operator)),
                            Form::Operators => see(&place.member(operator.name()), Leaf::Operator(field, operator)),
                        }
                    }
                }
            }
            leaf => see(&place, Leaf::Member(leaf)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum AnyPath<'f> {
    OfMetadata(&'f FieldPath),
    OfEvent(&'f Path),
}

impl AnyPath<'_> {
    fn is_in(self, event: &Event) -> bool {
        match self {
            Self::OfMetadata(path) => path.any(metadata(event), |_| true),
            Self::OfEvent(path) => !path.nodes(event.value()).is_empty(),
        }
    }

    /// As a JSONPath on the event.
    fn text(self) -> String {
        match self {
            Self::OfMetadata(FieldPath::Dotted(path)) => format!("$.metadata.{path}"),
            Self::OfMetadata(FieldPath::Query(path)) => format!("$.metadata{}", &path.as_str()[1..]),
            Self::OfEvent(path) => path.as_str().to_owned(),
        }
    }
}

/// Shows every path that `filter` asks for, in one order. One at which nothing must be is not asked for.
fn each_path<'f>(filter: &'f Filter, see: &mut dyn FnMut(AnyPath<'f>)) {
    for member in &filter.members {
        match member {
            Member::Any(filters) | Member::All(filters) => filters.iter().for_each(|filter| each_path(filter, see)),
            Member::Not(filter) => each_path(filter, see),
            Member::Metadata(fields) => {
                let is_wanted = |field: &&Field| !matches!(&*field.operators, [Operator::Exists(false)]);
                fields.iter().filter(is_wanted).for_each(|field| see(AnyPath::OfMetadata(&field.path)));
            }
            Member::Where(expression) => {
                expression.compiled.paths().iter().for_each(|path| see(AnyPath::OfEvent(path)));
            }
            _ => {}
        }
    }
}

impl Tally {
    /// Counts one event.
    pub(super) fn count(&mut self, filter: &Filter, event: &Event) {
        let memo = &mut Memo::default();
        let mut at = 0;
        each_leaf(filter, &Place::ROOT, &mut |_, leaf| {
            if at == self.passed.len() {
                self.passed.push(0);
            }
            self.passed[at] += u64::from(leaf.holds(event, memo));
            at += 1;
        });
        let mut at = 0;
        each_path(filter, &mut |path| {
            if at == self.seen.len() {
                self.seen.push(0);
            }
            self.seen[at] += u64::from(path.is_in(event));
            at += 1;
        });
    }

    /// Each condition's pointer, and for how many events it held.
    pub(super) fn passed(&self, filter: &Filter) -> Vec<(String, u64)> {
        let mut counts = self.passed.iter();
        let mut all = Vec::new();
        each_leaf(filter, &Place::ROOT, &mut |place, _| {
            let count = counts.next().copied().unwrap_or_default();
            all.push((format!("/filters{}", place.pointer()), count));
        });
        all
    }

    /// The paths that the filter asks for, as JSONPaths on the event, and how many of the events that were counted had a
    /// value there; sorted.
    pub(super) fn paths(&self, filter: &Filter) -> Vec<(String, u64)> {
        let mut seen = self.seen.iter();
        let mut paths = Vec::<(String, u64)>::new();
        each_path(filter, &mut |path| paths.push((path.text(), seen.next().copied().unwrap_or_default())));
        paths.sort_unstable();
        paths.dedup();
        paths
    }
}
