//! 列表: one list of the console, described once. Its page, its columns, density, saved views, batch and export all come from this description,
//! and its address holds the whole state.

use std::collections::{BTreeMap, BTreeSet};

use axum::{extract::Query, http::Uri, response::Response};
use chuangsha_kernel::problem::{Language, Problem};
use futures_util::future::{BoxFuture, ready};
use jiff::civil::Date;

use super::{
    form::{Input, notice},
    page, page_refused,
    pages::{ListPage, Section},
    parts::{Card, Empty, Tabs},
    shell::Shell,
    table::{Address, Batch, BatchAct, Column, Line, Pager, SIZES, Search, State, Table, Tool, keyset},
    views::{self, Views},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, code},
        words::Words,
    },
};

/// Longest value of an address, in characters.
const LONGEST: usize = 200;

/// Pages one may go back one by one; beyond that there is the first page.
const TRAIL: usize = 30;

/// The cursors of an address's trail; whatever does not look like one ends it.
fn trail(text: &str) -> Vec<String> {
    let cursor = |text: &&str| (1..=80).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    text.split(',').take_while(cursor).take(TRAIL).map(ToOwned::to_owned).collect()
}

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
    /// Cursors of the pages before this one, the first page's empty one left out: where "previous" leads, exactly to what was seen there.
    pub before: Vec<String>,
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
            before: last("back").map(trail).unwrap_or_default(),
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

/// What an act of a batch was asked with besides its lines: the values of [`BatchAct::fields`] by name.
pub type Fields = BTreeMap<String, String>;

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

impl Found {
    /// A page out of rows of which one more than `limit` was read: the one too many says that there is more.
    pub fn page<R>(
        mut rows: Vec<R>,
        limit: u32,
        total: Option<(u64, bool)>,
        line: impl Fn(&R) -> Line,
        cursor: impl Fn(&R) -> String,
    ) -> Self {
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        Self { next: rows.last().filter(|_| more).map(cursor), lines: rows.iter().map(line).collect(), total }
    }
}

/// A total as a list shows it, counted up to `cap`.
pub fn capped(total: Option<i64>, cap: i64) -> Option<(u64, bool)> {
    total.map(|total| (total.max(0).unsigned_abs(), total >= cap))
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
    /// Refuses what an act was asked with and no line could take: a field that is missing or not of its form, by name. Asked before the first line
    /// is touched.
    ///
    /// # Errors
    /// What is wrong, once for all lines.
    fn ready(&self, _look: &Look, _act: &str, _form: &Fields) -> Result<()> {
        Ok(())
    }
    /// Does one act to one line, as the line's own button would: with its guards and its audit entry. `act` is one of [`Listing::acts`], which
    /// was asked again for this person just before.
    ///
    /// A line that already is as asked counts as done and changes nothing: a job that was killed between the act and its own note of it does
    /// the line again.
    ///
    /// # Errors
    /// What the line refuses; the batch goes on with the next.
    fn apply<'a>(&'a self, _look: &'a Look, _act: &'a str, _form: &'a Fields, _id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(ready(Err(Problem::new(&code::NOT_FOUND).into())))
    }
    /// Page of one line, where a report of a batch leads to.
    fn page_of(&self, _id: &str) -> Option<String> {
        None
    }
    /// Keys of the columns whose values may stand in clear in a file two people agreed to.
    fn clear(&self) -> &'static [&'static str] {
        &[]
    }
    /// As [`Listing::rows`], those columns in clear. The caller has the approval, and has written it down.
    fn rows_clear<'a>(&'a self, _look: &'a Look, _asked: &'a Asked, _window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(ready(Err(Problem::new(&code::NOT_FOUND).into())))
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
    let pager = turn(keyset(&address, asked.position, asked.size, total, capped, found.next), &address, asked);
    let views = views::saved(&look.app, &look.actor, w, listing.path(), &address.to_string()).await?;
    Ok(Built { search: search(listing, look, asked), views, table: table(listing, look, asked, found.lines, pager) })
}

/// The ways to the pages around this one, each with the trail that leads back from there.
fn turn(mut pager: Pager, address: &Address, asked: &Asked) -> Pager {
    let size = u64::from(asked.size);
    let to = |after: &str, position: u64, before: &[String]| {
        address
            .with("after", after)
            .with("n", if position > 1 { position.to_string() } else { String::new() })
            .with("back", before.join(","))
            .to_string()
    };
    if asked.after.is_empty() {
        return pager;
    }
    let before = asked.position.saturating_sub(size).max(1);
    pager.previous = match asked.before.split_last() {
        Some((last, rest)) => Some(to(last, before, rest)),
        // The second page: the one before is the first.
        None if asked.position <= size + 1 => Some(address.to_string()),
        None => None,
    };
    let mut trail = asked.before.clone();
    trail.push(asked.after.clone());
    let kept = trail.len().saturating_sub(TRAIL);
    pager.next = pager.next.map(|next| format!("{next}&back={}", Address::value(&trail.get(kept..).unwrap_or_default().join(","))));
    pager
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
            chosen: BTreeSet::new(),
            everything: false,
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
    Ok(page(&whole(listing, &look, &Asked::read(listing, uri), shell).await?))
}

async fn whole(listing: &dyn Listing, look: &Look, asked: &Asked, shell: Shell) -> Result<ListPage> {
    let Built { search, views, table } = build(listing, look, asked).await?;
    let w = look.w;
    Ok(ListPage {
        w,
        title: listing.title(w).to_owned(),
        lead: listing.lead(w).to_owned(),
        cards: listing.cards(look, asked).await?,
        tabs: listing.tabs(look, asked).await?,
        notice: None,
        // A list nobody can narrow down has no form for it.
        search: Some(search).filter(|search| !search.fields.is_empty()),
        views: Some(views),
        table,
        sections: listing.sections(look, asked).await?,
        shell,
    })
}

/// A batch as it was sent.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// Ticked lines.
    pub chosen: BTreeSet<String>,
    /// All that match, instead.
    pub everything: bool,
    /// What was typed.
    pub fields: Fields,
}

/// The list once more with a batch that was refused: its lines ticked, its fields filled, what is wrong beside the field it is about.
///
/// # Errors
/// As [`build`].
pub async fn refused(listing: &dyn Listing, look: &Look, asked: &Asked, shell: Shell, sent: Sent, problem: &Problem) -> Result<Response> {
    let mut built = whole(listing, look, asked, shell).await?;
    let Sent { chosen, everything, fields } = sent;
    let mut inputs = Vec::new();
    if let Some(batch) = &mut built.table.batch {
        (batch.chosen, batch.everything) = (chosen, everything);
        for act in &mut batch.acts {
            let filled = act.fields.drain(..).map(|input| match fields.get(input.name) {
                Some(value) => input.value(value.as_str()).check(Some(problem), look.language),
                None => input.check(Some(problem), look.language),
            });
            act.fields = filled.collect();
            inputs.extend(act.fields.iter().cloned());
        }
    }
    built.notice = notice(Some(problem), &inputs, look.language);
    Ok(page_refused(problem, &built))
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
    fn going_on_and_back_leads_over_the_same_pages() {
        let address = Address::new("/orders", [("state", "activated")]);
        let page = |asked: &Asked, next: Option<&str>| {
            turn(keyset(&address, asked.position, 20, 90, false, next.map(ToOwned::to_owned)), &address, asked)
        };
        let mut here = asked("/orders?state=activated");
        let mut seen = vec![address.to_string()];
        for cursor in ["1.a", "2.b", "3.c", "4.d"] {
            let next = page(&here, Some(cursor)).next.unwrap();
            here = asked(&next);
            assert_eq!(here.after, cursor);
            seen.push(next);
        }
        assert_eq!(here.position, 81);
        for earlier in seen.iter().rev().skip(1) {
            let previous = page(&here, None).previous.unwrap();
            assert_eq!(&asked(&previous), &asked(earlier));
            here = asked(&previous);
        }
        assert_eq!(page(&here, None).previous, None, "before the first page there is none");
    }

    #[test]
    fn a_trail_is_bounded_and_holds_nothing_foreign() {
        let long = (0..100).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
        assert_eq!(asked(&format!("/orders?after=x&back={long}")).before.len(), TRAIL);
        assert_eq!(asked("/orders?after=x&back=a,%3Cscript%3E,b").before, ["a"]);
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
