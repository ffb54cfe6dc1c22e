//! 补登: the first screen for a number that is in use already. From the document on it is the capture of any order.

use axum::{
    Router,
    extract::{Multipart, State as Of},
    response::Response,
    routing::get,
};
use chuangsha_kernel::{problem::Problem, role::Action};
use zeroize::Zeroizing;

use super::{
    capture::{CapturePage, Posted, rules, steps},
    customer_words,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        web::{
            form::{Choice, Input, Kind, notice},
            frame::shown,
            page, page_refused, see_other,
            shell::Shell,
        },
    },
    registration::{
        order::Customer,
        reregistration::{self, Reregistration},
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/capture/existing", get(start).post(open))
}

async fn start(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.require(&app, Action::OrderReserve, &actor.here())?;
    Ok(page(&screen(shell, "", "individual", None)))
}

fn screen(shell: Shell, number: &str, customer: &str, problem: Option<&Problem>) -> CapturePage {
    let w = shell.w;
    let customers =
        vec![Choice::new("individual", customer_words(w, Customer::Individual)), Choice::new("group", customer_words(w, Customer::Group))];
    let fields: Vec<Input> = vec![
        Input::text("number", w.number)
            .required()
            .inputmode("numeric")
            .autocomplete("off")
            .longest(20)
            .hint(w.suspension_number_hint)
            .first()
            .value(number)
            .check(problem, shell.language),
        Input::new("customer", w.customer, Kind::Radio(customers)).required().value(customer),
    ];
    CapturePage {
        w,
        number: String::new(),
        steps: steps(w, 0, None),
        heading: w.reregister.to_owned(),
        lead: w.reregister_lead.to_owned(),
        action: "/capture/existing".to_owned(),
        hidden: Vec::new(),
        offers: Vec::new(),
        picked: String::new(),
        more: None,
        notice: notice(problem, &fields, shell.language),
        fields,
        shots: Vec::new(),
        proxy: Vec::new(),
        proxy_shots: Vec::new(),
        proxy_open: false,
        summary: None,
        submit: w.reregister_open.to_owned(),
        back: Some("/capture".to_owned()),
        cancel: None,
        dialog: None,
        checks: rules(w, &[(w.reregister_rule_same, "L-REM-5"), (w.reregister_rule_restore, "L-REM-8"), (w.rule_gate, "R-REG-6")]),
        shell,
    }
}

async fn open(Of(app): Of<App>, actor: Actor, shell: Shell, form: Multipart) -> Result<Response> {
    let typed = Posted::read(form).await?;
    let (number, group) = (typed.text("number").to_owned(), typed.text("customer") == "group");
    let customer = if group { Customer::Group } else { Customer::Individual };
    match reregistration::open(&app, &actor, Reregistration { number: Zeroizing::new(number.clone()), customer }).await {
        Ok(id) => Ok(see_other(&format!("/capture/{id}/document"))),
        Err(failure) => {
            let problem = shown(failure)?;
            // Who may not capture at all gets the page that says so.
            if problem.code.status == 403 {
                return Err(problem.into());
            }
            let screen = screen(shell, &number, if group { "group" } else { "individual" }, Some(&problem));
            Ok(page_refused(&problem, &screen))
        }
    }
}
