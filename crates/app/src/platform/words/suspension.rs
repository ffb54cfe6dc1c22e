//! 用语: 停复机, stops and restorations.

/// Hands these words, before its own, to the macro named first.
macro_rules! suspension_words {
    ($then:ident! $($rest:tt)*) => {
        $then! {
            menu_suspension: "停复机", "Stops";
            suspension_lead: "每条停机都有法定依据与告知；一项解除不影响其他项。", "Every stop has its legal basis and its notice; lifting one leaves the others.";
            suspension_open: "未结", "Open";
            suspension_appeals: "申诉中", "Under appeal";
            suspension_interrupted: "紧急复机", "Emergency restoration";
            suspension_unconfirmed: "网络未确认", "Not confirmed by the network";
            suspension_may_end: "欠费满期", "Arrears ran out";
            suspension_none: "正常", "In full service";
            suspension_ground: "依据", "Ground";
            suspension_article: "法条", "Article";
            suspension_level: "等级", "Level";
            suspension_tier: "风险等级", "Risk tier";
            suspension_tier_hint: "风险：先要求核验，逾期或未通过再限制。", "For a risk: a check is asked for first; missed or failed, the service is limited.";
            suspension_no_tier: "不适用", "Does not apply";
            suspension_usual: "按依据的通常等级", "As usual for the ground";
            suspension_method: "核验方式", "Check";
            suspension_reason: "原因", "Reason";
            suspension_reason_hint: "发给用户的原因，不得含号码；留空则按依据填写。", "What the customer is told, without numbers; empty: the ground's own words.";
            suspension_remedy: "办理渠道", "Where to go";
            suspension_documents: "所需材料", "What to bring";
            suspension_reference: "文书编号", "Number of the paper";
            suspension_reference_hint: "公安机关通知必填。", "Needed for a notice of the police.";
            suspension_due: "到期", "Due";
            suspension_due_on: "账单到期日", "Bill due on";
            suspension_due_on_hint: "欠费必填；逾期满 30 日方可停机。", "Needed for arrears; a stop takes 30 days overdue.";
            suspension_term: "期限", "Term";
            suspension_term_hint: "惩戒措施的最后一天；期满自动解除。", "Last day of a punishment; it ends by itself.";
            suspension_since: "开始时间", "Since";
            suspension_decided_by: "决定人", "Decided by";
            suspension_appeal_worker: "申诉经办人", "Handles the appeal";
            suspension_measure: "措施", "Measure";
            suspension_told: "告知用户", "Told to the customer";
            suspension_network: "网络状态", "Network";
            suspension_wanted: "应有状态", "As it should be";
            suspension_confirmed: "网络已确认", "Confirmed by the network";
            suspension_confirmed_at: "确认时间", "Confirmed at";
            suspension_others: "同号码的其他停机", "Other holds on this number";
            suspension_why: "理由", "Why";
            suspension_result: "结论", "Result";
            suspension_passed: "通过", "Passed";
            suspension_not_passed: "未通过", "Not passed";
            suspension_verify: "登记核验结果", "Record the check";
            suspension_verify_lead: "通过即解除；未通过按风险等级限制。", "Passed: lifted at once. Not passed: limited as the tier says.";
            suspension_appeal: "受理申诉", "Take an appeal";
            suspension_appeal_lead: "作出停机决定的人不能办理。受理后由您或他人作出结论。", "Whoever decided the stop cannot take it. You or another one decides it afterwards.";
            suspension_decide: "申诉结论", "Decide the appeal";
            suspension_decide_lead: "通过立即复机；不通过须写明理由。", "Passed: restored at once. Otherwise say why.";
            suspension_lift: "解除", "Lift";
            suspension_lift_lead: "只解除这一项；其他依据仍有效。", "Only this one is lifted; other grounds stay.";
            suspension_raise: "升级", "Raise";
            suspension_raise_lead: "随即生效，不能降级，只能解除；用户会收到新的告知短信。", "It holds at once and is not lowered again, only lifted. The customer is told anew by SMS.";
            suspension_detach: "解绑", "Detach";
            suspension_detach_lead: "该号码不再登记在本人名下，名额释放；号码保持停机。", "The number leaves this person's name and count; it stays stopped.";
            suspension_end: "销号", "End the service";
            suspension_end_lead: "服务即刻终止，号码进入冷冻期；不可撤回。仅限欠费满期或异议已解绑的号码。", "The service ends at once and the number rests; this cannot be undone. Only for a bill unpaid for its time, or a disputed number that was detached.";
            suspension_emergency: "紧急复机", "Restore for an emergency";
            suspension_emergency_lead: "最长 72 小时，须另一单位的人批准；批准后回到此处以相同时长再次提交。到期自动恢复停机。", "72 hours at most, approved by somebody of another organisation. Once approved, send it here again with the same hours. The stop returns by itself.";
            suspension_hours: "时长（小时）", "Hours";
            suspension_new: "办理停机", "Stop a number";
            suspension_new_lead: "用户会收到短信，写明原因、办理渠道和所需材料。紧急呼叫不受影响。", "The customer is told by SMS why, where to go and what to bring. Emergency calls still work.";
            suspension_number_hint: "完整的 11 位号码", "The full 11 digits";
            suspension_dispute: "非本人办理", "\"Not mine\"";
            alert_still_stopped: "{} 个号码应复机而网络未确认", "{} numbers should be back in service and the network has not confirmed it";
            reregistration: "补登", "Re-registration";
            reregister: "为在用号码补登", "Re-register a number in use";
            reregister_lead: "输入客户正在使用的完整号码。号码、套餐不变；停机期间随时可办，审核通过即复机。", "Give the full number the customer uses. Number and tariff stay; it can be done at any time, also while stopped, and restores the service once approved.";
            reregister_open: "开始补登", "Start";
            reregister_rule_same: "不变更套餐，不收取费用", "No change of tariff, no charge";
            reregister_rule_restore: "审核通过的同时解除未实名停机", "Approval lifts the stop in the same moment";
            reregister_standing: "当前状态", "Now";
            $($rest)*
        }
    };
}

pub(super) use suspension_words;
