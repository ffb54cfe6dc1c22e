//! 主叫鉴权: the caller-format table of part D, the ledger, the identity token. What fails on an enterprise trunk is blocked whatever else is down (I4).

use super::{Hearing, marked};
use crate::{
    attempt::{Identity, Ingress, Roaming},
    lists::Category,
    plan::{Kind, Line, Written},
    verdict::Rule,
};

impl Hearing<'_> {
    /// Reads the caller and asks the row of the table its ingress class has. True when the call is stopped.
    pub(super) fn authenticate(&mut self) -> bool {
        if self.trunk.is_some_and(|trunk| !trunk.active) && self.hit(Rule::Trunk) {
            return true;
        }
        let stopped = match self.ingress {
            Ingress::International => self.abroad(),
            Ingress::Interconnect => self.peer(),
            Ingress::Enterprise => self.enterprise(),
            Ingress::Retail => self.own_access(),
        };
        stopped
            || match self.attempt.identity {
                Identity::Invalid => self.hit(Rule::Token),
                Identity::Revoked => self.hit(Rule::Revoked),
                Identity::Absent | Identity::Unchecked | Identity::Full | Identity::Partial | Identity::Gateway => false,
            }
    }

    fn abroad(&mut self) -> bool {
        let Some(caller) = self.caller else { return self.hit(Rule::Malformed) };
        match (caller.kind, caller.written) {
            (Kind::Foreign, _) => false,
            // A domestic short code, or a number written as within the country: nobody abroad has one.
            (kind, _) if kind.is_short() => self.hit(Rule::Forged),
            (_, Written::National) => self.hit(Rule::Forged),
            (_, Written::Bare) => self.hit(Rule::Malformed),
            (Kind::Mobile | Kind::Satellite | Kind::Machine, _) => match self.attempt.roaming {
                Roaming::Abroad => false,
                Roaming::Unreachable => self.hit(Rule::RoamingUnknown),
                Roaming::Unasked | Roaming::AtHome => self.hit(Rule::ForgedHome),
            },
            _ => self.hit(Rule::ForgedHome),
        }
    }

    fn peer(&mut self) -> bool {
        let Some(caller) = self.caller else { return self.hit(Rule::Malformed) };
        let transit = self.trunk.is_some_and(|trunk| trunk.transit);
        let peer = self.trunk.and_then(|trunk| trunk.peer);
        match caller.kind {
            Kind::Foreign => !transit && self.hit(Rule::Forged),
            Kind::Freephone400 => self.hit(Rule::Caller400),
            Kind::Message106 => self.hit(Rule::Forged),
            Kind::Hotline => self.hit(Rule::Forged),
            Kind::Emergency => !self.is_emergency_service(caller) && self.hit(Rule::Forged),
            Kind::Mobile | Kind::Satellite | Kind::Machine => {
                let serving = self.marks[0].ported_to().or(caller.allotted);
                let ours = serving == Some(self.snapshot.home);
                // A number of ours comes back from outside only when forwarded there or while its holder roams.
                let proven = self.attempt.diverted || self.attempt.roaming == Roaming::Abroad;
                let elsewhere = peer.is_some() && serving.is_some() && serving != peer && !transit;
                ((ours && !proven) || (!ours && elsewhere)) && self.hit(Rule::Forged)
            }
            _ => false,
        }
    }

    fn enterprise(&mut self) -> bool {
        let Some(trunk) = self.trunk else { return self.hit(Rule::Trunk) };
        let Some(caller) = self.caller else {
            // Malformed may be in shadow or off; a caller that cannot be read is in nobody's allowed set all the same.
            self.hit(Rule::Malformed);
            return self.hit(Rule::NotAllowed);
        };
        if !trunk.outbound && self.hit(Rule::InboundOnly) {
            return true;
        }
        if caller.kind == Kind::Freephone400 && self.hit(Rule::Caller400) {
            return true;
        }
        if matches!(caller.kind, Kind::Mobile | Kind::Satellite) && self.hit(Rule::SubscriberNumber) {
            return true;
        }
        if !trunk.allows(caller.number) && self.hit(Rule::NotAllowed) {
            return true;
        }
        // 透传: the number shown to the callee is held to the same set as the one asserted.
        let shown = self.attempt.pai.and(self.attempt.from).filter(|_| !self.attempt.hidden).map(|from| self.snapshot.plan.read(from));
        let shown_allowed = shown.is_none_or(|shown| shown.is_ok_and(|shown| trunk.allows(shown.number)));
        if !shown_allowed && self.hit(Rule::NotAllowed) {
            return true;
        }
        self.attempt.hidden && self.hit(Rule::Hidden)
    }

    fn own_access(&mut self) -> bool {
        let Some(caller) = self.caller else { return self.hit(Rule::Malformed) };
        let plan = &self.snapshot.plan;
        let registered = self.attempt.line.map(|line| plan.read(line));
        if registered.is_some_and(|line| line.is_ok_and(|line| line.number != caller.number)) && self.hit(Rule::Forged) {
            return true;
        }
        // A hotline, a message code, 110 or a foreign number is nobody's own line.
        let own = !matches!(caller.kind, Kind::Foreign | Kind::Hotline | Kind::Message106 | Kind::Freephone400)
            && (caller.kind != Kind::Emergency || self.is_emergency_service(caller));
        if !own && self.hit(if caller.kind == Kind::Freephone400 { Rule::Caller400 } else { Rule::Forged }) {
            return true;
        }
        let presented = self.attempt.pai.and(self.attempt.from).filter(|_| !self.attempt.hidden).map(|from| plan.read(from));
        presented.is_some_and(|from| from.map(|from| from.number) != Ok(caller.number)) && self.hit(Rule::Asserted)
    }

    fn is_emergency_service(&self, caller: Line) -> bool {
        !marked(&caller) && self.marks[0].category() == Category::Emergency
    }
}
