//! 列表: one list of the console, described once. Its page, its columns, density, saved views, batch and export all come from this description,
//! and its address holds the whole state.

use std::collections::BTreeSet;

use axum::{extract::Query, http::Uri, response::Response};
use chuangsha_kernel::problem::Language;
use futures_util::future::{BoxFuture, ready};
use jiff::civil::Date;

use super::{
    form::Input,
    page,
    pages::{ListPage, Section},
    parts::{Card, Empty, Tabs},
    shell::Shell,
    table::{Address, Batch, BatchAct, Column, Line, Pager, SIZES, Search, State, Table, Tool, keyset},
    views::{self, Views},
};
use crate::{
    App,
    platform::{actor::Actor, failure::Result, words::Words},
};

/// Longest value of an address, in characters.
const LONGEST: usize = 200;

/// Who looks at a list, and in which language: a person at a page, or a job that works for one.
#[derive(Clone)]
pub struct Look {
    /// Application.
    pub app: App,
    /// On whose behalf.
    pub actor: Actor,
    /// Language of the words.
    pub language: Language,
    /// Its words.
    pub w: &'static Words,
}

impl Look {
    /// For a person at a page.
    pub fn of(app: &App, actor: &Actor, shell: &Shell) -> Self {
        Self { app: app.clone(), actor: actor.clone(), language: shell.language, w: shell.w }
    }
}

/// What the address of a list says: values of the keys its listing knows, and the state every list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    path: &'static str,
    pairs: Vec<(&'static str, String)>,
    /// Lines a page.
    pub size: u32,
    /// Cursor of this page; empty on the first.
    pub after: String,
    /// Position of the first line, from 1.
    pub position: u64,
    /// Keys of the columns shown; empty: those shown unasked.
    pub columns: BTreeSet<String>,
    /// 紧凑
    pub dense: bool,
}

impl Asked {
    /// Reads the query of `uri`. Unknown keys and values beyond 200 characters are left out: nothing foreign stays in an address.
    pub fn read(listing: &dyn Listing, uri: &Uri) -> Self {
        let given = Query::<Vec<(String, String)>>::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default();
        let last = |key: &str| given.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.trim());
        let known = listing.keys().iter().copied();
        let kept = |value: &&str| {
            !value.is_empty()
                && value.chars().count() <= LONGEST
                && !value.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER)
        };
        let pairs = known.filter_map(|key| last(key).filter(kept).map(|value| (key, value.to_owned()))).collect();
        let columns = listing.columns(Words::of(Language::Chinese));
        let chosen = given.iter().filter(|(name, _)| name == "cols").flat_map(|(_, value)| value.split(','));
        let chosen: BTreeSet<String> =
            chosen.filter(|key| columns.iter().any(|column| column.key == *key && !key.is_empty())).map(ToOwned::to_owned).collect();
        let usual: BTreeSet<String> =
            columns.iter().filter(|column| column.shown && !column.key.is_empty()).map(|column| column.key.to_owned()).collect();
        let size = last("size").and_then(|size| size.parse().ok()).filter(|size| SIZES.contains(size)).unwrap_or(listing.size());
        Self {
            path: listing.path(),
            pairs,
            size,
            after: last("after").filter(kept).unwrap_or_default().to_owned(),
            position: last("n").and_then(|n| n.parse().ok()).unwrap_or(1),
            columns: if chosen == usual { BTreeSet::new() } else { chosen },
            dense: last("dense") == Some("1"),
        }
    }

    /// Reads an address kept earlier, such as that of a job.
    pub fn read_address(listing: &dyn Listing, address: &str) -> Self {
        Self::read(listing, &address.parse::<Uri>().unwrap_or_default())
    }

    /// One value, empty when not asked for.
    pub fn get(&self, key: &str) -> &str {
        self.pairs.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
    }

    /// One value as a day.
    pub fn day(&self, key: &str) -> Option<Date> {
        self.get(key).parse().ok()
    }

    /// A field of the search form, filled with what was asked.
    pub fn fill(&self, input: Input) -> Input {
        let value = self.get(input.name).to_owned();
        input.value(value).prefix("s")
    }

    /// The address of the list's first page as asked for.
    pub fn address(&self, listing: &dyn Listing) -> Address {
        let size = if self.size == listing.size() { String::new() } else { self.size.to_string() };
        Address::new(self.path, self.pairs.iter().map(|(key, value)| (*key, value.clone())))
            .with("size", size)
            .with("cols", self.columns.iter().cloned().collect::<Vec<_>>().join(","))
            .with("dense", if self.dense { "1" } else { "" })
    }

    /// Whether a column is shown. One without a key always is: it carries what the line is worked on with.
    pub fn shows(&self, column: &Column) -> bool {
        column.key.is_empty() || if self.columns.is_empty() { column.shown } else { self.columns.contains(column.key) }
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone)]
pub struct Window {
    /// After this cursor; `None` from the start.
    pub after: Option<String>,
    /// Lines at most.
    pub limit: u32,
    /// Whether the total is wanted: a job that reads page after page needs it once.
    pub count: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Lines, one cell for each of the listing's columns.
    pub lines: Vec<Line>,
    /// How many there are in all, where that is known: counted, and whether there are more than were counted.
    pub total: Option<(u64, bool)>,
    /// Cursor of what follows, when something does.
    pub next: Option<String>,
}

/// One list: where it lives, what it shows, what may be asked and done. Object-safe, so that one registry names them all.
pub trait Listing: Send + Sync {
    /// Path of its page, `/orders`; also its name in exports, jobs and saved views.
    fn path(&self) -> &'static str;
    /// Id of its region on the page.
    fn id(&self) -> &'static str;
    /// Heading.
    fn title(&self, w: &'static Words) -> &'static str;
    /// One sentence below the heading.
    fn lead(&self, _w: &'static Words) -> &'static str {
        ""
    }
    /// Keys of the address it filters by.
    fn keys(&self) -> &'static [&'static str];
    /// Columns, those without a key last or first; [`Line::cells`] has one cell for each.
    fn columns(&self, w: &'static Words) -> Vec<Column>;
    /// Lines a page unless asked otherwise.
    fn size(&self) -> u32 {
        SIZES[0]
    }
    /// Fields of the search form, filled with what was asked.
    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input>;
    /// Queues of the list.
    fn tabs<'a>(&'a self, _look: &'a Look, _asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        Box::pin(ready(Ok(None)))
    }
    /// Figures above the list.
    fn cards<'a>(&'a self, _look: &'a Look, _asked: &'a Asked) -> BoxFuture<'a, Result<Vec<Card>>> {
        Box::pin(ready(Ok(Vec::new())))
    }
    /// Blocks below the list.
    fn sections<'a>(&'a self, _look: &'a Look, _asked: &'a Asked) -> BoxFuture<'a, Result<Vec<Section>>> {
        Box::pin(ready(Ok(Vec::new())))
    }
    /// Lines this person may see, masked. Refuses who may not open the list.
    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>>;
    /// Shown instead of an empty list.
    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.nothing_found.into(), hint: w.nothing_found_hint.into(), action: None }
    }
    /// Buttons right of the title; the first is the main one.
    fn tools(&self, _look: &Look) -> Vec<Tool> {
        Vec::new()
    }
    /// What this person may do to many lines at once.
    fn acts(&self, _look: &Look) -> Vec<BatchAct> {
        Vec::new()
    }
    /// Whether its lines may be taken away as a file.
    fn exports(&self) -> bool {
        true
    }
}

/// The parts a page makes of a listing.
pub struct Built {
    /// Search form.
    pub search: Search,
    /// Saved views.
    pub views: Views,
    /// The list.
    pub table: Table,
}

/// Reads one page of a list and puts its parts together.
///
/// # Errors
/// Who looks may not open the list, or the record fails.
pub async fn build(listing: &dyn Listing, look: &Look, asked: &Asked) -> Result<Built> {
    let w = look.w;
    let window = Window { after: Some(asked.after.clone()).filter(|after| !after.is_empty()), limit: asked.size, count: true };
    let found = listing.rows(look, asked, window).await?;
    let address = asked.address(listing);
    // Where nothing was counted: as far as was read, and that more follows.
    let read = asked.position.max(1) - 1 + found.lines.len() as u64;
    let (total, capped) = found.total.unwrap_or((read, found.next.is_some()));
    let pager = keyset(&address, asked.position, asked.size, total, capped, found.next);
    let views = views::saved(&look.app, &look.actor, w, listing.path(), &address.to_string()).await?;
    Ok(Built { search: search(listing, look, asked), views, table: table(listing, look, asked, found.lines, pager) })
}

fn search(listing: &dyn Listing, look: &Look, asked: &Asked) -> Search {
    let fields = listing.fields(look, asked);
    // What the form does not ask for is carried along: the queue, the size, the columns.
    let address = asked.address(listing);
    let kept = address.pairs().filter(|(key, _)| !fields.iter().any(|field| field.name == *key));
    let kept = kept.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Search { w: look.w, action: listing.path().into(), target: listing.id().into(), fields, kept }
}

fn table(listing: &dyn Listing, look: &Look, asked: &Asked, mut lines: Vec<Line>, pager: Pager) -> Table {
    let (w, address) = (look.w, asked.address(listing));
    let columns = listing.columns(w);
    let shown: Vec<bool> = columns.iter().map(|column| asked.shows(column)).collect();
    for line in &mut lines {
        let mut each = shown.iter();
        line.cells.retain(|_| each.next().copied().unwrap_or(true));
    }
    let acts = listing.acts(look);
    let state = State {
        choices: columns
            .iter()
            .filter(|column| !column.key.is_empty())
            .map(|column| (column.key, column.title.clone(), asked.shows(column)))
            .collect(),
        action: listing.path().to_owned(),
        kept: address.without("cols").pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        dense: asked.dense,
        density: address.with("dense", if asked.dense { "" } else { "1" }).to_string(),
        export: listing.exports().then(|| Address::new("/exports/new", [("list", address.to_string())]).to_string()),
        again: address.to_string(),
    };
    Table {
        w,
        id: listing.id().into(),
        caption: listing.title(w).into(),
        columns: columns.into_iter().zip(&shown).filter(|(_, shown)| **shown).map(|(column, _)| column).collect(),
        lines,
        batch: (!acts.is_empty()).then(|| Batch {
            action: "/batches".into(),
            acts,
            kept: vec![("list".into(), address.to_string())],
            all: (pager.total, pager.capped),
        }),
        pager,
        empty: listing.empty(w, asked),
        tools: listing.tools(look),
        state: Some(state),
    }
}

/// The whole page of a list that needs nothing beside it.
///
/// # Errors
/// As [`build`].
pub async fn show(listing: &dyn Listing, app: &App, actor: &Actor, shell: Shell, uri: &Uri) -> Result<Response> {
    let look = Look::of(app, actor, &shell);
    let asked = Asked::read(listing, uri);
    let Built { search, views, table } = build(listing, &look, &asked).await?;
    let w = look.w;
    Ok(page(&ListPage {
        w,
        title: listing.title(w).to_owned(),
        lead: listing.lead(w).to_owned(),
        cards: listing.cards(&look, &asked).await?,
        tabs: listing.tabs(&look, &asked).await?,
        notice: None,
        search: Some(search),
        views: Some(views),
        table,
        sections: listing.sections(&look, &asked).await?,
        shell,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registration::page::orders::Orders;

    fn asked(address: &str) -> Asked {
        Asked::read_address(&Orders, address)
    }

    #[test]
    fn an_address_holds_the_whole_state_and_nothing_foreign() {
        let read = asked("/orders?state=activated&city=990100&size=50&cols=code,number,state&dense=1&evil=%3Cscript%3E&code=");
        assert_eq!((read.get("state"), read.get("city"), read.get("evil"), read.size, read.dense), ("activated", "990100", "", 50, true));
        let address = read.address(&Orders).to_string();
        assert_eq!(address, "/orders?state=activated&city=990100&size=50&cols=code%2Cnumber%2Cstate&dense=1");
        assert_eq!(asked(&address), read);
    }

    #[test]
    fn a_value_too_long_or_broken_is_left_out() {
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(asked(&format!("/orders?code={long}&size=7")).address(&Orders).to_string(), "/orders");
        assert_eq!(asked("/orders?code=a%00b").get("code"), "");
        assert_eq!(asked("/orders?code=%FF").get("code"), "");
    }

    #[test]
    fn columns_come_from_the_list_alone_and_the_usual_choice_is_no_choice() {
        let columns = Orders.columns(Words::of(Language::English));
        let usual: Vec<_> = columns.iter().filter(|column| column.shown && !column.key.is_empty()).map(|column| column.key).collect();
        let read = asked(&format!("/orders?cols={}", usual.join("&cols=")));
        assert!(read.columns.is_empty(), "{:?}", read.columns);
        let read = asked("/orders?cols=number&cols=nonsense");
        assert_eq!(read.columns.iter().map(String::as_str).collect::<Vec<_>>(), ["number"]);
        let shown: Vec<_> = columns.iter().filter(|column| read.shows(column)).map(|column| column.key).collect();
        assert_eq!(shown, ["number", ""], "what a line is worked on with stays");
    }
}
