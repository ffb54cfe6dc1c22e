//! 保存的视图: a list's address under a name, for its owner alone.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::{Form, Router, extract::State, response::Response, routing::post};
use chuangsha_kernel::problem::Problem;
use chuangsha_store::params;

use super::{safe_path, see_other};
use crate::{
    App,
    platform::{actor::Actor, failure::Result, words::Words},
};

/// Tables of this module.
pub const DDL: &str = "
CREATE TABLE saved_view (
    staff BYTEA NOT NULL,
    list TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (staff, list, name)
);
";

/// Views of one list a person may keep.
const MOST: usize = 20;

/// The saved views of a list, and the form that saves the present one.
#[derive(Template)]
#[template(path = "platform/web/views.html")]
pub struct Views {
    /// Words.
    pub w: &'static Words,
    /// Path of the list.
    pub list: String,
    /// Address of what is shown now.
    pub here: String,
    /// Name and address.
    pub saved: Vec<(String, String)>,
}

impl HtmlSafe for Views {}

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/views", post(keep)).route("/views/removal", post(remove))
}

/// The views this person saved of a list.
pub async fn saved(app: &App, actor: &Actor, w: &'static Words, list: &str, here: &str) -> Result<Views> {
    let (staff, of) = (actor.staff, list.to_owned());
    let saved = app
        .store
        .read(move |tx| {
            tx.query("SELECT name, address FROM saved_view WHERE staff = $1 AND list = $2 ORDER BY name", &params![staff.as_bytes(), &of])?
                .iter()
                .map(|row| Ok((row.text(0)?, row.text(1)?)))
                .collect::<Result<Vec<_>>>()
        })
        .await?;
    Ok(Views { w, list: list.to_owned(), here: here.to_owned(), saved })
}

#[derive(serde::Deserialize)]
struct Keep {
    list: String,
    name: String,
    #[serde(default)]
    address: String,
}

async fn keep(State(app): State<App>, actor: Actor, Form(form): Form<Keep>) -> Result<Response> {
    let name = form.name.trim().to_owned();
    let list = safe_path(&form.list).to_owned();
    let address = safe_path(&form.address).to_owned();
    let own = address == list || address.strip_prefix(list.as_str()).is_some_and(|rest| rest.starts_with('?'));
    if !(1..=30).contains(&name.chars().count()) || name.chars().any(char::is_control) || !own || address.len() > 1_000 {
        return Err(Problem::new(&code::VIEW_INVALID).field("name").into());
    }
    let (staff, back) = (actor.staff, with_done(&address));
    app.store
        .write(move |tx| {
            let kept = tx.query("SELECT name FROM saved_view WHERE staff = $1 AND list = $2", &params![staff.as_bytes(), &list])?;
            if kept.len() >= MOST {
                return Err(Problem::new(&code::VIEWS_FULL).with("most", MOST).into());
            }
            tx.execute(
                "INSERT INTO saved_view (staff, list, name, address) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (staff, list, name) DO UPDATE SET address = excluded.address",
                &params![staff.as_bytes(), &list, &name, &address],
            )?;
            Ok::<_, crate::platform::failure::Failure>(())
        })
        .await?;
    Ok(see_other(&back))
}

async fn remove(State(app): State<App>, actor: Actor, Form(form): Form<Keep>) -> Result<Response> {
    let (staff, list, name) = (actor.staff, safe_path(&form.list).to_owned(), form.name);
    let back = list.clone();
    app.store
        .write(move |tx| {
            tx.execute("DELETE FROM saved_view WHERE staff = $1 AND list = $2 AND name = $3", &params![staff.as_bytes(), &list, &name])?;
            Ok::<_, crate::platform::failure::Failure>(())
        })
        .await?;
    Ok(see_other(&back))
}

fn with_done(address: &str) -> String {
    format!("{address}{}done=saved", if address.contains('?') { '&' } else { '?' })
}

/// Codes of this file.
pub mod code {
    chuangsha_kernel::codes! {
        VIEW_INVALID = "platform.view_invalid", 422, "视图名称不正确", "The name of the view is not valid", "名称为 1 至 30 个字符", "Use 1 to 30 characters";
        VIEWS_FULL = "platform.views_full", 409, "保存的视图已达 {most} 个", "There are {most} saved views already", "请先删除不用的视图", "Remove one that is not used";
    }
}
