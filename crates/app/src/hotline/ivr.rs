//! 语音导航标签: what the hotline's switch asks of a caller's number before it answers: the branch to lead to and the recording to play (R-HOT-3).
//! The number stands in the body, never in an address; the answer says nothing of who it is.

use chuangsha_kernel::{phone::Phone, problem::Refuse, role::Action, rulebook::Place, time::Timestamp};
use chuangsha_vault::Field;

use super::{case, ticket::Stage};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
        listed::listed,
    },
    registration::subscription,
    suspension::line,
};

listed! {
    /// 语音分支
    IvrBranch {
        Usual = 1, "usual", "普通分支", "The usual branch";
        RealName = 2, "real_name", "实名补登专席", "Real-name registration";
        Stopped = 3, "stopped", "停机复机专席", "Stopped numbers";
        Stranger = 4, "stranger", "非本网用户", "Not a number of ours";
    }
}

listed! {
    /// 语音语种: the caller chooses it in the switch's first menu.
    IvrLanguage {
        Zh = 1, "zh", "普通话", "Chinese";
        En = 2, "en", "英语", "English";
    }
}

/// What the switch asks.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IvrTagQuery)]
pub struct TagQuery {
    /// The caller's number.
    #[schema(value_type = String)]
    pub number: zeroize::Zeroizing<String>,
    /// Language of the recording; without one, Chinese.
    #[serde(default)]
    pub language: Option<IvrLanguage>,
}

/// 标签
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(as = IvrTag)]
pub struct Tag {
    /// Registered under a true name; absent for a number of somebody else.
    pub real_name: Option<bool>,
    /// Stage of the remediation.
    pub stage: Stage,
    /// Where to lead the call.
    pub branch: IvrBranch,
    /// Recording to play.
    pub recording: &'static str,
    /// Language of the recording.
    pub language: IvrLanguage,
}

/// 始终可达: numbers that connect in every stop, as the switch takes them and as the element is told with every stop (R-HOT-6, L-REM-11).
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(as = AlwaysReachable)]
pub struct Reachable {
    /// All of them: emergency numbers, hotline, registration.
    pub numbers: Vec<String>,
    /// The hotline.
    pub hotline: String,
    /// Where customers register and re-register by telephone.
    pub registration: String,
    /// Where appeals and nuisance reports go (L-HOT-3).
    pub referral: String,
    /// Article.
    pub article: String,
}

/// The tag of what is known of a number. Pure.
pub fn tag(real_name: Option<bool>, stage: Stage, stopped: bool, language: IvrLanguage) -> Tag {
    let (branch, recording) = match (real_name, stopped, stage) {
        (None, ..) => (IvrBranch::Stranger, "welcome"),
        (Some(_), true, _) => (IvrBranch::Stopped, "stopped"),
        (Some(true), false, _) => (IvrBranch::Usual, "welcome"),
        (Some(false), false, Stage::None) => (IvrBranch::RealName, "register"),
        (Some(false), false, Stage::First) => (IvrBranch::RealName, "register-stage-1"),
        (Some(false), false, Stage::Second) => (IvrBranch::RealName, "register-stage-2"),
        (Some(false), false, Stage::Third) => (IvrBranch::RealName, "register-stage-3"),
        (Some(false), false, Stage::Fourth) => (IvrBranch::RealName, "register-stage-4"),
    };
    Tag { real_name, stage, branch, recording, language }
}

/// One blind index and indexed reads alone: the subscription, what counts against it, and of the unregistered their open case.
///
/// # Errors
/// A number that cannot be one; the right to ask.
pub async fn find(app: &App, actor: &Actor, query: TagQuery) -> Result<Tag> {
    actor.reach(app, Action::IvrTag)?;
    let phone = Phone::parse(&query.number).map_err(|error| Failure::from(error.problem().field("number")))?;
    let (index, language) = (app.vault.blind(Field::Phone, &phone.e164())?.0, query.language.unwrap_or(IvrLanguage::Zh));
    app.read(move |tx| {
        let Some(standing) = subscription::standing_of_number(tx, &index)? else { return Ok(tag(None, Stage::None, false, language)) };
        // Whoever is registered is in no stage: the second read is for the others alone.
        let stage = if standing.real_name { Stage::None } else { case::stage_of(tx, standing.id)? };
        Ok(tag(Some(standing.real_name), stage, standing.stopped, language))
    })
    .await
}

/// What stays reachable.
///
/// # Errors
/// A rule is missing; the right to ask.
pub fn reachable(app: &App, actor: &Actor, now: Timestamp) -> Result<Reachable> {
    actor.reach(app, Action::IvrTag)?;
    let referral = app.rules.text("hotline.referral", now.day(), &Place::china()).map_err(Failure::internal)?;
    let open = line::reachable(app, "", now)?;
    let operator = &app.config.operator;
    Ok(Reachable {
        numbers: open.value,
        hotline: operator.hotline.clone(),
        registration: operator.registration_port.clone(),
        referral: referral.value,
        article: open.article,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tag_leads_to_its_branch_and_plays_its_recording() {
        let led = |real_name, stage, stopped| {
            let tag = tag(real_name, stage, stopped, IvrLanguage::En);
            assert_eq!(tag.language, IvrLanguage::En);
            (tag.branch, tag.recording)
        };
        assert_eq!(led(None, Stage::None, false), (IvrBranch::Stranger, "welcome"));
        assert_eq!(led(Some(true), Stage::None, false), (IvrBranch::Usual, "welcome"));
        assert_eq!(led(Some(true), Stage::None, true), (IvrBranch::Stopped, "stopped"));
        // Every stage has a recording of its own (R-HOT-3).
        let all: std::collections::BTreeSet<_> = Stage::ALL.iter().map(|stage| led(Some(false), *stage, false).1).collect();
        assert_eq!(all.len(), Stage::ALL.len());
        assert!(Stage::ALL.iter().all(|stage| led(Some(false), *stage, false).0 == IvrBranch::RealName));
        assert!(Stage::ALL.iter().all(|stage| led(Some(false), *stage, true).0 == IvrBranch::Stopped));
    }
}
