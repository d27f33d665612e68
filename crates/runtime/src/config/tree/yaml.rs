//! YAML 1.2 (and so JSON) text to a tree, with bounds on everything.
//!
//! The library hands out events; building the tree from them ourselves is what lets us refuse, each
//! with its place: nesting beyond 64, duplicate keys, a second document, tags that make no sense
//! here, and aliases that unfold into more than a config can be. A syntax error ends the reading.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::surrogate::{self, Shifts};
use super::{Entry, Node, Origin, Place, Resolved, Scalar, Value, shown};
use crate::config::fault::Fault;

/// Deepest nesting of lists and mappings.
pub(crate) const NESTING_MAX: usize = 64;
/// Most a document may come to once its aliases are unfolded: bytes of text plus [`NODE_COST`] a value.
const UNFOLDED_MAX: usize = 8 * 1024 * 1024;
/// What one value counts for, beside its text.
const NODE_COST: usize = 32;

/// The tree of a text. Faults that leave a tree (duplicate keys, odd tags) are added to `faults`.
///
/// # Errors
/// The one fault that ended the reading.
pub(crate) fn from_yaml(text: &str, faults: &mut Vec<Fault>) -> Result<Node, Fault> {
    let is_json = text.trim_start().starts_with(['{', '[']);
    let (folded, shifts) = if is_json { surrogate::fold(text) } else { (text.to_owned(), Shifts::default()) };
    let builder = Builder { shifts, faults, open: vec![], anchors: BTreeMap::new(), unfolded: 0, root: None };
    builder.read(&folded)
}

/// A finished value that an alias can repeat.
struct Anchored {
    node: Node,
    cost: usize,
    height: usize,
}

/// A list or mapping that is not closed yet.
struct Open {
    place: Place,
    anchor: usize,
    cost_before: usize,
    height: usize,
    what: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Place)> },
}

struct Builder<'f> {
    shifts: Shifts,
    faults: &'f mut Vec<Fault>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    unfolded: usize,
    root: Option<Node>,
}

impl Builder<'_> {
    fn read(mut self, text: &str) -> Result<Node, Fault> {
        let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|e| {
                let place = self.place(&Span::empty(*e.marker()));
                Fault::at(place, "", format!("this is not YAML or JSON: {}", e.info()))
            })?;
            if matches!(event, Event::DocumentStart(_)) {
                documents += 1;
                if documents > 1 {
                    let message =
                        "a second document begins here; a config is one document, without `---` in between";
                    return Err(Fault::at(self.place(&span), "", message));
                }
            }
            self.event(event, &span)?;
        }
        match self.root {
            Some(Node { place, value: Value::Scalar(Scalar { resolved: Resolved::Null, .. }), .. }) => {
                Err(empty(place))
            }
            Some(root) => Ok(root),
            None => Err(empty(None)),
        }
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Fault> {
        let place = self.place(span);
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(text.len() + NODE_COST, place)?;
                let scalar = self.scalar(&text, style, tag.as_deref(), place);
                let cost = text.len() + NODE_COST;
                let node =
                    Node { place: Some(place), origin: Origin::default(), value: Value::Scalar(scalar) };
                self.finish(node, anchor, cost, 0, place)
            }
            Event::SequenceStart(anchor, tag) => {
                self.container_tag(tag.as_deref(), "seq", place);
                self.open(place, anchor, OpenKind::List(vec![]))
            }
            Event::MappingStart(anchor, tag) => {
                self.container_tag(tag.as_deref(), "map", place);
                self.open(place, anchor, OpenKind::Map { entries: vec![], key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
        }
    }

    fn open(&mut self, place: Place, anchor: usize, what: OpenKind) -> Result<(), Fault> {
        if self.open.len() >= NESTING_MAX {
            return Err(too_deep(Some(place)));
        }
        let cost_before = self.unfolded;
        self.spend(NODE_COST, place)?;
        self.open.push(Open { place, anchor, cost_before, height: 0, what });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.what {
            OpenKind::List(items) => Value::List(items),
            OpenKind::Map { entries, .. } => Value::Map(entries),
        };
        let cost = self.unfolded.saturating_sub(open.cost_before);
        let node = Node { place: Some(open.place), origin: Origin::default(), value };
        self.finish(node, open.anchor, cost, open.height + 1, open.place)
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Fault> {
        let Some(known) = self.anchors.get(&anchor) else {
            return Err(Fault::at(place, "", "an alias can't stand inside the value it repeats"));
        };
        if self.open.len() + known.height > NESTING_MAX {
            return Err(too_deep(Some(place)));
        }
        let (cost, height) = (known.cost, known.height);
        self.spend(cost, place)?;
        // Cloned only after it was paid for, so that a bomb is refused before it goes off.
        let node = self.anchors.get(&anchor).map(|known| known.node.clone());
        node.map_or(Ok(()), |node| self.finish(node, 0, cost, height, place))
    }

    /// Puts a finished value where it belongs: into the open container, as a key, or as the root.
    fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        cost: usize,
        height: usize,
        at: Place,
    ) -> Result<(), Fault> {
        if anchor != 0 {
            self.spend(cost, at)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), cost, height });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.height = open.height.max(height);
        match &mut open.what {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map { entries, key } => match key.take() {
                None => match node.value {
                    Value::Scalar(scalar) => *key = Some((scalar.text, at)),
                    Value::List(_) | Value::Map(_) => {
                        return Err(Fault::at(at, "", "a key must be a word, not a list or mapping"));
                    }
                },
                Some((name, place)) => match entries.iter().find(|e| e.key == name) {
                    Some(first) => self.faults.push(duplicate(&name, place, first.place)),
                    None => entries.push(Entry { key: name, place: Some(place), node }),
                },
            },
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Scalar {
        let plain = style == ScalarStyle::Plain;
        let Some(tag) = tag else {
            return if plain { Scalar::plain(text) } else { Scalar::text(text) };
        };
        let resolved = Scalar::plain(text);
        let fits = |wanted: bool, scalar: Scalar| wanted.then_some(scalar);
        let scalar = match (tag.is_yaml_core_schema(), tag.suffix.as_str()) {
            (true, "str") => Some(Scalar::text(text)),
            (true, "int" | "float") => fits(matches!(resolved.resolved, Resolved::Number(_)), resolved),
            (true, "bool") => fits(matches!(resolved.resolved, Resolved::Bool(_)), resolved),
            (true, "null") => fits(resolved.resolved == Resolved::Null, resolved),
            // The lone `!` means "not a plain scalar" (YAML 1.2.2, 6.9.1).
            (false, "") if tag.handle == "!" => Some(Scalar::text(text)),
            _ => None,
        };
        scalar.unwrap_or_else(|| {
            self.bad_tag(tag, place);
            Scalar::text(text)
        })
    }

    fn container_tag(&mut self, tag: Option<&Tag>, expected: &str, place: Place) {
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && tag.suffix == expected)
        {
            self.bad_tag(tag, place);
        }
    }

    fn bad_tag(&mut self, tag: &Tag, place: Place) {
        let name = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
        let message = format!("the tag {} does not fit here; leave it out", shown(&name));
        self.faults.push(Fault::at(place, "", message));
    }

    fn spend(&mut self, cost: usize, place: Place) -> Result<(), Fault> {
        self.unfolded = self.unfolded.saturating_add(cost);
        if self.unfolded > UNFOLDED_MAX {
            let message = "the aliases up to here unfold into more than 8 MiB; write the values out";
            return Err(Fault::at(place, "", message));
        }
        Ok(())
    }

    fn place(&self, span: &Span) -> Place {
        let line = span.start.line().max(1);
        Place { line, column: self.shifts.column(line, span.start.col() + 1) }
    }
}

/// The fault of a document nested too deeply.
pub(crate) fn too_deep(place: Option<Place>) -> Fault {
    Fault::new(place, "", format!("nested more than {NESTING_MAX} deep"))
}

fn empty(place: Option<Place>) -> Fault {
    let place = place.unwrap_or(Place { line: 1, column: 1 });
    Fault::at(
        place,
        "",
        "the config is empty; the smallest one is `service: NAME` (`fw config schema` lists every key)",
    )
}

fn duplicate(key: &str, place: Place, first: Option<Place>) -> Fault {
    let line = first.map_or(1, |p| p.line);
    Fault::at(
        place,
        "",
        format!("the key {:?} stands twice in one mapping, first in line {line}", shown(key)),
    )
}
