//! 用语: 热线与投诉, the hotline; 通报, bulletins.

/// Hands these words, before its own, to the macro named first.
macro_rules! hotline_words {
    ($then:ident! $($rest:tt)*) => {
        $then! {
            menu_hotline: "热线工单", "Hotline";
            tickets_lead: "按到期先后排列；号码与姓名均已脱敏。", "By the end of their clock; numbers and names are masked.";
            tickets_queue: "待答复", "Waiting for an answer";
            tickets_late: "已超期", "Past the clock";
            ticket: "工单", "Ticket";
            ticket_code: "工单号", "Ticket";
            ticket_topic: "事由", "Topic";
            ticket_stage: "整治阶段", "Stage";
            ticket_clock: "时限", "Clock";
            ticket_due: "到期", "Due";
            ticket_worker: "处理人", "Worked on by";
            ticket_opened: "受理时间", "Opened";
            ticket_place: "涉及网点", "Outlet";
            ticket_place_hint: "网点编号，可不填。", "Code of the outlet; may be left empty.";
            ticket_anonymous: "未留号码", "No number given";
            ticket_paused: "等待用户，停表", "Waiting for the customer, clock stopped";
            ticket_clock_held: "缺少节假日安排，时限暂缓计算", "Holidays not known: the clock is held";
            ticket_clock_freed: "节假日已补录，时限恢复计算", "Holidays known: the clock runs";
            ticket_left: "剩余 {}", "{} left";
            ticket_over: "超期 {}", "{} over";
            ticket_late: "超期", "Late";
            ticket_answered_late: "超期答复", "Answered late";
            ticket_named: "专人跟踪", "Named owner";
            ticket_holds: "整治暂停", "Remediation held";
            ticket_new: "受理工单", "New ticket";
            ticket_new_lead: "填写完整号码查找用户；查询会记入访问记录。投诉受理后，该号码的整治立即暂停。", "Give the full number to find the customer; the look-up is recorded. A complaint holds the remediation of the number at once.";
            ticket_number_hint: "完整号码；来电人不愿提供时留空。", "The full number; leave empty where the caller does not say.";
            ticket_region_hint: "未留号码时必选。", "Needed where no number is given.";
            ticket_words: "诉求内容", "What they say";
            ticket_open: "受理", "Take the ticket";
            ticket_assign: "指派", "Assign";
            ticket_pause: "待用户补充", "Wait for the customer";
            ticket_resume: "用户已补充", "The customer answered";
            ticket_reclassify: "变更种类", "Change the kind";
            ticket_answer: "答复", "Answer";
            ticket_answer_words: "答复内容", "Answer";
            ticket_outcome: "处理结论", "Conclusion";
            ticket_survey: "回访", "Survey";
            ticket_satisfied: "满意", "Satisfied";
            ticket_dissatisfied: "不满意", "Not satisfied";
            ticket_satisfaction: "满意率（30 日）", "Satisfied, 30 days";
            ticket_resolution: "解决率（30 日）", "Resolved, 30 days";
            ticket_target: "目标 {}%，共 {} 件", "target {} %, of {}";
            ticket_recontacted: "再次来电，未解决", "Came again: not resolved";
            ticket_reopen: "重办", "Open again";
            ticket_close: "办结", "Close";
            ticket_withdraw: "撤回", "Withdraw";
            ticket_complaints: "近期投诉次数", "Complaints lately";
            appeal: "申诉", "Appeal";
            appeals: "申诉", "Appeals";
            appeals_lead: "5 个工作日内决定是否受理，受理后 30 日内调解（L-HOT-1）。", "Accepted or not within 5 working days, settled within 30 days (L-HOT-1).";
            appeal_new: "登记申诉", "Take an appeal down";
            appeal_about: "申诉事项", "About";
            appeal_happened: "争议发生日", "Day of the matter";
            appeal_reference: "申诉受理机构编号", "The authority's number";
            appeal_received: "收到时间", "Received";
            appeal_accept_by: "受理决定期限", "Accepted or not by";
            appeal_settle_by: "调解期限", "Settled by";
            appeal_stop: "所涉停机", "The stop";
            appeal_stop_lead: "申诉成立即时解除", "Lifted the moment the appeal passes";
            appeal_deductible: "考核核减", "Deducted";
            appeal_deductible_yes: "可核减", "Deductible";
            refund: "退费", "Refund";
            refunds: "退费台账", "Refunds";
            refunds_lead: "核算与审批须为两人；金额以分计。", "Computed by one person, approved by another; counted in fen.";
            refund_new: "核算退费", "Compute a refund";
            refund_amount: "金额（元）", "Amount (yuan)";
            refund_amount_hint: "例如 12.50", "For example 12.50";
            refund_computed_at: "核算时间", "Computed";
            refund_second: "第二人审批", "Second person";
            warning: "预警", "Warning";
            warning_list: "投诉预警", "Warnings";
            warnings_lead: "预警未处置前，对应地市、阶段、渠道的整治批次暂停。", "While a warning is open, the waves of its city, stage and channel pause.";
            warning_cell: "阶段与渠道", "Stage and channel";
            warning_observed: "当日投诉", "Complaints that day";
            warning_expected: "此前日均", "A day before";
            warning_chance: "偶然出现的概率", "Chance by accident";
            warning_promise: "误报率承诺", "Stated false alarms";
            warning_promise_lead: "每 100 格·年至多 {} 次", "At most {} in 100 cell-years";
            warning_end: "处置", "Deal with it";
            warning_end_lead: "写明原因与处置后，整治可以继续。", "Once the cause and what was done are said, the waves go on.";
            warning_cause: "原因与处置", "Cause and what was done";
            alert_warnings: "{} 条投诉预警未处置", "{} warnings of complaints open";
            alert_tickets: "{} 张工单超期", "{} tickets past their clock";
            $($rest)*
        }
    };
}

pub(super) use hotline_words;
